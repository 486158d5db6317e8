"""CIFAR-10 as sequences: by rows, by pixels in grey or colour, or by rows with a long tail of noise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from harness.tasks.common.arguments import one_of, whole_number
from harness.tasks.common.noise import fill_normal
from harness.tasks.common.pixels import some_rows
from harness.tasks.common.random_streams import stream
from harness.tasks.files.cifar10 import read_images
from harness.tasks.files.fetching import fetch_set
from harness.tasks.files.images import split_by_class
from harness.tasks.task import Split, Task, TaskSpec, full_lengths

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")

SHAPES = {"rows": (32, 96), "grey": (1024, 1), "colour": (1024, 3), "noisy_rows": (1000, 96)}
"""Steps and values of a step in each variant; the steps of `noisy_rows` can be chosen."""

SOURCES = {
    "rows": "rows: as Chang et al. 2019, arXiv 1902.09689, without the noise",
    "grey": "grey pixels: Tay et al. 2021, arXiv 2011.04006",
    "colour": "colour pixels: Gu et al. 2022, arXiv 2111.00396",
    "noisy_rows": "with noise: Chang et al. 2019, arXiv 1902.09689; Rusch & Mishra 2021, arXiv 2010.00951",
}


def load_cifar10(
    *,
    seq_len: int | None = None,
    variant: str = "rows",
    data_dir: str | Path | None = None,
    n_train: int | None = None,
    seed: int = 0,
) -> Task:
    """Names what is in a 32 × 32 colour image that is read step by step.

        rows    step 0 is the top row, 32 red, 32 green, 32 blue values    a frog   ->  class 6
        colour  step 0 is the top left pixel, red, green and blue          a truck  ->  class 9

    Values are float32 from 0 to 1; classes as in `CLASSES`. Variants: `rows` (32, 96); `grey` (1024, 1),
    the luma (299 R + 587 G + 114 B)/1000, rounded to one of 256 levels, halves up; `colour` (1024, 3);
    `noisy_rows` (1000, 96), the 32 rows and then standard normal noise up to `seq_len` steps. The noise
    is drawn for every image anew (the published coRNN code puts one piece of noise behind all images)
    and made of sums of 12 integers (see `common.noise`), so that its bytes are the same on every
    machine. It is large: 0.38 MB an image, 17 GB for all that are trained on; name an `n_train`.

    Data source: `cifar10-60000`, the published 10,000 images to test on and a tenth of each class of the
    other 50,000 (500 of 5,000) to validate on; the division is fixed. Nothing is bundled: `fetch_cifar10`
    downloads it.

    Baseline: guessing is right in 1 of 10. Without memory `noisy_rows` sees noise alone, and a loss of
    ln 10 is the lowest; for the other variants it is not known in closed form.

    Args:
        seq_len: steps; None: those of the variant. Only `noisy_rows` has a choice, at least 33.
        variant: `rows`, `grey`, `colour` or `noisy_rows`.
        data_dir: a folder that must hold the set, in `cifar-10-batches-py/` or the files themselves; None
            looks in `$HARNESS_DATA` or the cache.
        n_train: train on this many images only, drawn by `seed`; None: on all.
        seed: draws the `n_train` images and the noise; without both every seed gives the same data.

    Returns:
        x (N, steps, values) float32; y (N,) int64 from 0 to 9.

    Raises:
        ValueError: an argument is outside its range, or a data file is damaged.
        FileNotFoundError: the set, or a part of it, is not there; the message says how to get it.

    Source: Krizhevsky 2009, Learning Multiple Layers of Features from Tiny Images; variants: `SOURCES`.
    """
    variant = one_of("variant", variant, SHAPES)
    seq_len = _steps(seq_len, variant)
    seed = whole_number("seed", seed, low=0, high=None)
    images = read_images(data_dir)
    train, val = split_by_class(images.train_y, 1 / 10)
    train = some_rows(train, n_train, images.source, seed)
    spec = TaskSpec(
        name="cifar10",
        variant=variant,
        target="class",
        seq_len=seq_len,
        input_size=SHAPES[variant][1],
        num_classes=10,
        chance_accuracy=0.1,
        memoryless_loss=float(np.log(10)) if variant == "noisy_rows" else None,
        data_source=images.source,
        citation=f"Krizhevsky 2009, tech. report; {SOURCES[variant]}",
    )

    def draw(split: str, epoch: int) -> Split:
        rows = {"train": train, "val": val}.get(split)
        x, y = (
            (images.test_x, images.test_y) if rows is None else (images.train_x[rows], images.train_y[rows])
        )
        # The stream of a split itself has drawn the n_train images; the next one is free.
        x_NTD = _steps_of(x, variant, seq_len, stream(seed, split, epoch=1))
        return Split(
            torch.from_numpy(x_NTD), torch.from_numpy(y.astype(np.int64)), full_lengths(len(y), seq_len)
        )

    return Task(spec, draw)


def fetch_cifar10(data_dir: str | Path | None = None) -> Path:
    """Downloads the set (170 MB) through torchvision, with checksums and progress; returns its folder.

    Args:
        data_dir: where to put `cifar-10-batches-py/`; None: `$HARNESS_DATA`, or the cache.

    Raises:
        RuntimeError, OSError: the source does not answer, or what came is damaged; nothing is kept of it.
    """
    from torchvision.datasets import CIFAR10

    return fetch_set(
        data_dir,
        folder="cifar-10-batches-py",
        read=read_images,
        download=lambda folder: CIFAR10(str(folder), download=True),
    )


def _steps(seq_len: int | None, variant: str) -> int:
    steps = SHAPES[variant][0]
    if seq_len is None:
        return steps
    if variant == "noisy_rows":
        return whole_number("seq_len", seq_len, low=33)
    if whole_number("seq_len", seq_len) != steps:
        raise ValueError(
            f"seq_len must be {steps} for {variant}, not {seq_len}; noisy_rows has a choice of lengths"
        )
    return steps


def _steps_of(x: np.ndarray, variant: str, seq_len: int, rng: np.random.RandomState) -> np.ndarray:
    """(N, 3072) bytes, colour by colour -> (N, seq_len, values) float32.

    >>> image = np.repeat([0, 255, 0], 1024).astype(np.uint8)[None]  # all green
    >>> _steps_of(image, "colour", 1024, np.random.RandomState(0))[0, 0].tolist()
    [0.0, 1.0, 0.0]
    >>> _steps_of(image, "rows", 32, np.random.RandomState(0))[0, 0, [0, 31, 32, 63, 64]].tolist()
    [0.0, 0.0, 1.0, 1.0, 0.0]
    """
    channels_NCP = x.reshape(-1, 3, 1024)
    if variant == "grey":
        return _unit(_luma(channels_NCP)[:, :, None])
    if variant == "colour":
        return _unit(channels_NCP.transpose(0, 2, 1))
    x_NTD = np.empty((len(x), seq_len, 96), dtype=np.float32)
    # (N, row, colour, column): a view of the first 32 steps, filled in place.
    _unit(x.reshape(-1, 3, 32, 32).transpose(0, 2, 1, 3), out=x_NTD[:, :32].reshape(-1, 32, 3, 32))
    if variant == "noisy_rows":
        fill_normal(rng, x_NTD[:, 32:])
    return x_NTD


def _unit(values: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """Bytes as float32 from 0 to 1, in one pass."""
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
