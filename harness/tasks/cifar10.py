"""CIFAR-10 as sequences: by rows, by pixels in grey or colour, or by rows followed by noise."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np

from harness.tasks.common.arguments import one_of, whole_number
from harness.tasks.common.image_splits import image_splits
from harness.tasks.common.noise import fill_normal
from harness.tasks.common.predictors import equal_classes
from harness.tasks.common.random_streams import random_stream
from harness.tasks.files.cifar10 import read_images
from harness.tasks.files.fetching import fetch_data_set
from harness.tasks.task import Baselines, Task, TaskSpec

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")

SHAPES = {"rows": (32, 96), "grey": (1024, 1), "colour": (1024, 3), "noisy_rows": (1000, 96)}
"""Number of steps and values per step of each variant; for `noisy_rows` the default number of steps."""

SOURCES = {
    "rows": "rows: as Chang et al. 2019, arXiv 1902.09689, without the noise",
    "grey": "grey pixels: Tay et al. 2021, arXiv 2011.04006",
    "colour": "colour pixels: Gu et al. 2022, arXiv 2111.00396",
    "noisy_rows": "with noise: Chang et al. 2019, arXiv 1902.09689; Rusch & Mishra 2021, arXiv 2010.00951",
}


CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


def load_cifar10(
    *,
    seq_len: int | None = None,
    variant: str = "rows",
    data_dir: str | Path | None = None,
    n_train: int | None = None,
    seed: int = 0,
) -> Task:
    """The class is the object in a 32 × 32 colour image, read step by step.

        rows    step 0 is the top row, 32 red, 32 green, 32 blue values    a frog   ->  class 6
        colour  step 0 is the top left pixel, red, green and blue          a truck  ->  class 9

    Values are float32 from 0 to 1; for the classes see `CLASSES`. Variants: `rows` (32, 96); `grey`
    (1024, 1), the luma (299 R + 587 G + 114 B)/1000, rounded to one of 256 levels, halves up; `colour`
    (1024, 3); `noisy_rows` (1000, 96), the 32 rows and then standard normal noise up to `seq_len` steps.
    Each image has its own noise (in the published coRNN code all images share one noise sequence), made
    from sums of 12 integers (see `common.noise`), so that its bytes are the same on every machine. The
    variant is large: 0.38 MB per image, 17 GB for all training images; set `n_train`.

    Data source: `cifar10-60000`: the published 10,000 test images, and 1/10 of each class of the other
    50,000 (500 of 5,000) for validation; the division is fixed. Nothing is bundled: `fetch_cifar10`
    downloads it.

    Baseline: guessing is right in 1 of 10. Without memory `noisy_rows` sees noise only, and ln 10 is the
    lowest loss; for the other variants it is not known in closed form.

    Args:
        seq_len: number of steps; None: the variant's. Only `noisy_rows` has a choice, at least 33.
        variant: `rows`, `grey`, `colour` or `noisy_rows`.
        data_dir: a folder that must hold the set, in `cifar-10-batches-py/` or directly; None:
            `$HARNESS_DATA` or the cache.
        n_train: number of training images, drawn by `seed`; None: all.
        seed: seed of that draw and of the noise; without both every seed gives the same data.

    Returns:
        x (N, steps, values) float32; y (N,) int64 from 0 to 9.

    Raises:
        ValueError: an argument is outside its range, or a data file is damaged.
        FileNotFoundError: the set or a part of it is missing; the message says how to get it.

    Source: Krizhevsky 2009, Learning Multiple Layers of Features from Tiny Images; variants: `SOURCES`.
    """
    variant = one_of("variant", variant, SHAPES)
    seq_len = _checked_length(seq_len, variant)
    seed = whole_number("seed", seed, low=0, high=None)
    images = read_images(data_dir)
    spec = TaskSpec(
        name="cifar10",
        variant=variant,
        target="class",
        seq_len=seq_len,
        lag=(seq_len - 32, seq_len - 1) if variant == "noisy_rows" else None,
        input_size=SHAPES[variant][1],
        num_classes=10,
        class_names=CLASSES,
        chance_accuracy=0.1,
        memoryless_loss=float(np.log(10)) if variant == "noisy_rows" else None,
        data_source=images.source,
        citation=f"Krizhevsky 2009, tech. report; {SOURCES[variant]}",
    )

    to_sequences = functools.partial(_to_sequences, variant=variant, seq_len=seq_len, seed=seed)
    make_split = image_splits(images, to_sequences, n_train=n_train, seed=seed)
    predictors = equal_classes(10) if variant == "noisy_rows" else Baselines()
    return Task(spec, make_split, content=images.content, baselines=predictors)


def fetch_cifar10(data_dir: str | Path | None = None) -> Path:
    """Downloads the set (170 MB) with torchvision, with checksums and progress; returns its folder.

    Args:
        data_dir: the folder for `cifar-10-batches-py/`; None: `$HARNESS_DATA`, or the cache.

    Raises:
        RuntimeError, OSError: the server does not answer, or the download is damaged; nothing is kept of it.
    """
    from torchvision.datasets import CIFAR10

    return fetch_data_set(
        data_dir,
        folder="cifar-10-batches-py",
        read=read_images,
        download=lambda folder: CIFAR10(str(folder), download=True),
    )


def _checked_length(seq_len: int | None, variant: str) -> int:
    steps = SHAPES[variant][0]
    if seq_len is None:
        return steps
    if variant == "noisy_rows":
        return whole_number("seq_len", seq_len, low=33)
    if whole_number("seq_len", seq_len) != steps:
        raise ValueError(
            f"seq_len must be {steps} for {variant}, not {seq_len}; only noisy_rows has a choice"
        )
    return steps


def _to_sequences(x: np.ndarray, split: str, *, variant: str, seq_len: int, seed: int) -> np.ndarray:
    """(N, 3072) bytes, colour by colour -> (N, seq_len, values) float32.

    >>> image = np.repeat([0, 255, 0], 1024).astype(np.uint8)[None]  # all green
    >>> _to_sequences(image, "test", variant="colour", seq_len=1024, seed=0)[0, 0].tolist()
    [0.0, 1.0, 0.0]
    >>> _to_sequences(image, "test", variant="rows", seq_len=32, seed=0)[0, 0, [0, 31, 32, 63, 64]].tolist()
    [0.0, 0.0, 1.0, 1.0, 0.0]
    """
    channels_NCP = x.reshape(-1, 3, 1024)
    if variant == "grey":
        return _to_unit_range(_luma(channels_NCP)[:, :, None])
    if variant == "colour":
        return _to_unit_range(channels_NCP.transpose(0, 2, 1))
    x_NTD = np.empty((len(x), seq_len, 96), dtype=np.float32)
    # (N, row, colour, column): a view of the first 32 steps, filled in place.
    _to_unit_range(x.reshape(-1, 3, 32, 32).transpose(0, 2, 1, 3), out=x_NTD[:, :32].reshape(-1, 32, 3, 32))
    if variant == "noisy_rows":
        # epoch=1: the stream of epoch 0 draws the n_train images.
        fill_normal(random_stream(seed, split, epoch=1), x_NTD[:, 32:])
    return x_NTD


def _to_unit_range(values: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """Bytes as float32 from 0 to 1, in one pass over the memory."""
    return np.divide(values, np.float32(255), out=out, dtype=np.float32, order="C")


def _luma(channels_NCP: np.ndarray) -> np.ndarray:
    """(N, 3, P) -> (N, P) uint8, rounded to the nearest level, a few images at a time.

    >>> _luma(np.array([[[255, 0, 255], [0, 255, 255], [0, 0, 255]]], dtype=np.uint8)).tolist()
    [[76, 150, 255]]
    """
    weights = np.array([299, 587, 114])
    grey = np.empty((len(channels_NCP), channels_NCP.shape[2]), dtype=np.uint8)
    for start in range(0, len(grey), 64):
        part = channels_NCP[start : start + 64]
        grey[start : start + 64] = (np.einsum("c,ncp->np", weights, part, dtype=np.int64) + 500) // 1000
    return grey
