"""Grey images as sequences: row by row, pixel by pixel, or any length that divides the number of pixels."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from harness.tasks.common.arguments import whole_number
from harness.tasks.common.image_splits import image_splits
from harness.tasks.files.images import Images
from harness.tasks.task import Baselines, Task, TaskSpec

PIXELS = 28 * 28
"""Of an image of MNIST."""


def grey_image_task(
    *,
    name: str,
    class_names: tuple[str, ...] | None = None,
    citation: str,
    read: Callable[[], Images],
    seq_len: int,
    permutation: str | int,
    n_train: int | None,
    seed: int,
) -> Task:
    """A task over the images that `read` returns. Arguments are checked before a file is opened."""
    seq_len = checked_length(seq_len, PIXELS)
    order, variant = pixel_order(permutation)
    seed = whole_number("seed", seed, low=0, high=None)
    images = read()
    spec = TaskSpec(
        name=name,
        variant=variant,
        target="class",
        seq_len=seq_len,
        input_size=PIXELS // seq_len,
        num_classes=10,
        class_names=class_names,
        chance_accuracy=0.1,
        data_source=images.source,
        citation=citation,
    )
    as_sequences = functools.partial(to_sequences, order=order, seq_len=seq_len)
    make_split = image_splits(images, as_sequences, n_train=n_train, seed=seed)
    return Task(spec, make_split, content=images.content, baselines=Baselines())


def checked_length(seq_len: int, pixels: int) -> int:
    """A sequence length that divides the number of pixels of an image."""
    seq_len = whole_number("seq_len", seq_len)
    lengths = [n for n in range(1, pixels + 1) if pixels % n == 0]
    if seq_len not in lengths:
        nearest = min(lengths, key=lambda n: (abs(n - seq_len), n))
        raise ValueError(
            f"seq_len must divide {pixels}, one of {', '.join(map(str, lengths))}, not {seq_len}; "
            f"the nearest is {nearest}"
        )
    return seq_len


def pixel_order(permutation: str | int, pixels: int = PIXELS) -> tuple[np.ndarray | None, str]:
    """The pixel to read at each position (None: the stored order), and the name of the variant.

    >>> pixel_order("bit_reversal")[0][:4].tolist()  # 0, 1, 2, 3 with their ten bits reversed
    [0, 512, 256, 768]
    >>> pixel_order(92916)[1], pixel_order("none")
    ('permuted-92916', (None, 'ordered'))
    """
    if permutation == "none":
        return None, "ordered"
    if permutation == "bit_reversal":
        bits = (pixels - 1).bit_length()
        reversed_bits = (int(f"{number:0{bits}b}"[::-1], 2) for number in range(2**bits))
        return np.array([n for n in reversed_bits if n < pixels]), "bit_reversal"
    if isinstance(permutation, np.integer):
        permutation = int(permutation)
    if isinstance(permutation, bool) or not isinstance(permutation, int) or not 0 <= permutation < 2**32:
        raise ValueError(
            "permutation must be none, bit_reversal or a whole number from 0 to 4294967295 that seeds one, "
            f"not {permutation!r}"
        )
    return np.random.RandomState(permutation).permutation(pixels), f"permuted-{permutation}"


def to_sequences(x: np.ndarray, _split: str, *, order: np.ndarray | None, seq_len: int) -> np.ndarray:
    """(N, pixels) bytes -> (N, seq_len, pixels / seq_len) float32 from 0 to 1."""
    if order is not None:
        x = x[:, order]
    return (x.astype(np.float32) / np.float32(255)).reshape(len(x), seq_len, x.shape[1] // seq_len)
