"""Splits of an image set: which images are in each, and how they become a `Split`."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
import torch

from harness.tasks.common.arguments import whole_number
from harness.tasks.common.random_streams import random_stream
from harness.tasks.files.images import Images
from harness.tasks.task import MakeSplit, Split, full_lengths

ToSequences = Callable[[np.ndarray, str], np.ndarray]
"""From images (N, values) uint8 and the name of their split to sequences (N, T, D) float32."""


def image_splits(images: Images, to_sequences: ToSequences, *, n_train: int | None, seed: int) -> MakeSplit:
    """A `make_split` for `Task`: the published test images and a fixed training and validation part.

    Args:
        images: the image set.
        to_sequences: turns images into sequences; picklable if the task is to be pickled.
        n_train: number of training images, drawn by `seed`; None: all.
        seed: at least 0.

    Raises:
        ValueError: `n_train` is not a whole number from 1 to the number of training images.
    """
    rows, val_rows = images.train_and_val_rows
    if n_train is not None:
        n_train = whole_number("n_train", n_train)
        if n_train > len(rows):
            raise ValueError(f"n_train must be at most {len(rows)} ({images.source}), not {n_train}")
        rows = np.sort(random_stream(seed, "train").permutation(rows)[:n_train])
    return functools.partial(_image_split, images, {"train": rows, "val": val_rows}, to_sequences)


def _image_split(
    images: Images, rows: dict[str, np.ndarray], to_sequences: ToSequences, split: str, _epoch: int
) -> Split:
    if split == "test":
        x, y = images.test_x, images.test_y
    else:
        x, y = images.train_x[rows[split]], images.train_y[rows[split]]
    x_NTD = to_sequences(x, split)
    return Split(
        torch.from_numpy(x_NTD), torch.from_numpy(y.astype(np.int64)), full_lengths(len(y), x_NTD.shape[1])
    )
