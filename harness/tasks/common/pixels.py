"""Images of 28 × 28 grey pixels as sequences: row by row, pixel by pixel, or anything between."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from harness.tasks.common.arguments import whole_number
from harness.tasks.common.random_streams import stream
from harness.tasks.files.images import Images, split_by_class
from harness.tasks.task import Split, Task, TaskSpec, full_lengths

PIXELS = 28 * 28
LENGTHS = tuple(n for n in range(1, PIXELS + 1) if PIXELS % n == 0)
"""The divisors of 784: the lengths that an image can have."""


def pixel_task(
    *,
    name: str,
    citation: str,
    read: Callable[[], Images],
    val_share: Callable[[Images], float],
    seq_len: int,
    permutation: str | int,
    n_train: int | None,
    seed: int,
) -> Task:
    """A task over the images that `read` gives; arguments are checked before a file is opened."""
    seq_len = _divisor(seq_len)
    order, variant = pixel_order(permutation)
    seed = whole_number("seed", seed, low=0, high=None)
    images = read()
    train, val = split_by_class(images.train_y, val_share(images))
    train = some_rows(train, n_train, images.source, seed)
    spec = TaskSpec(
        name=name,
        variant=variant,
        target="class",
        seq_len=seq_len,
        input_size=PIXELS // seq_len,
        num_classes=10,
        chance_accuracy=0.1,
        data_source=images.source,
        citation=citation,
    )
    return Task(
        spec, lambda split, _: _split(images, {"train": train, "val": val}.get(split), order, seq_len)
    )


def _divisor(seq_len: int) -> int:
    seq_len = whole_number("seq_len", seq_len)
    if seq_len not in LENGTHS:
        nearest = min(LENGTHS, key=lambda n: (abs(n - seq_len), n))
        raise ValueError(
            f"seq_len must divide 784, one of {', '.join(map(str, LENGTHS))}, not {seq_len}; "
            f"the nearest is {nearest}"
        )
    return seq_len


def some_rows(rows: np.ndarray, n_train: int | None, source: str, seed: int) -> np.ndarray:
    """`n_train` of the rows, drawn by the seed, in order; None: all."""
    if n_train is None:
        return rows
    n_train = whole_number("n_train", n_train)
    if n_train > len(rows):
        raise ValueError(f"n_train must be at most {len(rows)} ({source}), not {n_train}")
    return np.sort(stream(seed, "train").permutation(rows)[:n_train])


def pixel_order(permutation: str | int) -> tuple[np.ndarray | None, str]:
    """The pixel to read at each place, or None for the order they have; and the name of the variant.

    >>> pixel_order("bit_reversal")[0][:4].tolist()  # 0, 1, 2, 3 of ten bits each
    [0, 512, 256, 768]
    >>> pixel_order(92916)[1], pixel_order("none")
    ('permuted-92916', (None, 'ordered'))
    """
    if permutation == "none":
        return None, "ordered"
    if permutation == "bit_reversal":
        reversed_10_bits = (int(f"{number:010b}"[::-1], 2) for number in range(1024))
        return np.array([n for n in reversed_10_bits if n < PIXELS]), "bit_reversal"
    if isinstance(permutation, np.integer):
        permutation = int(permutation)
    if isinstance(permutation, bool) or not isinstance(permutation, int) or not 0 <= permutation < 2**32:
        raise ValueError(
            "permutation must be none, bit_reversal or a whole number from 0 to 4294967295 that seeds one, "
            f"not {permutation!r}"
        )
    return np.random.RandomState(permutation).permutation(PIXELS), f"permuted-{permutation}"


def _split(images: Images, rows: np.ndarray | None, order: np.ndarray | None, seq_len: int) -> Split:
    """The given rows of the images to train on, or with None all the images to test on."""
    x, y = (images.test_x, images.test_y) if rows is None else (images.train_x[rows], images.train_y[rows])
    if order is not None:
        x = x[:, order]
    x_NTD = torch.from_numpy(x.astype(np.float32) / np.float32(255)).view(len(x), seq_len, PIXELS // seq_len)
    return Split(x_NTD, torch.from_numpy(y.astype(np.int64)), full_lengths(len(y), seq_len))
