"""Splits that share no sample: what an earlier split holds is drawn again."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable

import numpy as np

from harness.tasks.common.random_streams import stream
from harness.tasks.task import Split

EARLIER = {"test": (), "val": ("test",), "train": ("test", "val")}
"""The splits that a split keeps away from: a longer training set leaves the other two as they are."""

BATCH = 256
"""Samples to draw at least when some have to be drawn again."""

CHUNK = 2**16
"""Values hashed at a time: they stay in the processor's cache, and take no memory to speak of."""

Draw = Callable[[np.random.RandomState, int], Split]
"""From a stream and a number of samples to so many independent ones."""


def splits_apart(draw: Draw, *, seed: int, sizes: dict[str, int]) -> Callable[[str, int], Split]:
    """What makes a task's splits, in each pass, so that no input is in two of them.

    The test samples are drawn first, then those to validate on, then each pass of those to train on. A
    sample whose input an earlier split holds is drawn again from the same stream until it is free and, where
    a sample has one class, of the class that it had: classes stay as frequent as they were drawn. Inside a
    split an input may come twice.

    Args:
        draw: independent samples.
        seed: of the splits' streams.
        sizes: samples in each split.

    Returns:
        From (split, epoch) to its samples. It raises a ValueError where hardly any free sample is left.
    """

    @functools.cache
    def keys(split: str) -> np.ndarray:
        return row_keys(make(split, 0).x.numpy())

    def make(split: str, epoch: int) -> Split:
        rng = stream(seed, split, epoch)
        samples = draw(rng, sizes[split])
        if EARLIER[split]:
            held = np.concatenate([keys(name) for name in EARLIER[split]])
            left = _draw_again(samples, draw, rng, held)
            if len(left):
                _refuse(split, sizes, samples, int(left[0]))
        return samples

    return make


def row_keys(x: np.ndarray) -> np.ndarray:
    """(N, …) -> (N,) uint64: the same for equal rows, on every machine, and otherwise hardly ever.

    The bits of the values, each times an odd weight of its place, added up modulo 2⁶⁴. Two different rows
    have the same key with a probability of about 2⁻⁶³ (of floats that differ in their top bits alone, such
    as ±1, of about 2⁻³²); one of them is then drawn again for nothing.

    >>> one, other, again = row_keys(np.array([[1, 0, 1], [0, 1, 1], [1, 0, 1]]))
    >>> bool(one == again), bool(one == other)
    (True, False)
    """
    rows = x.reshape(len(x), -1)
    width = rows.shape[1]
    weights = np.random.RandomState(0).randint(0, 2**64, width, dtype=np.uint64) | np.uint64(1)
    keys = np.empty(len(rows), dtype=np.uint64)
    step = max(1, CHUNK // width)
    for start in range(0, len(rows), step):
        part = rows[start : start + step] + rows.dtype.type(0)  # 0 in place of −0, which is equal to it
        keys[start : start + step] = (part.view(f"u{part.itemsize}") * weights).sum(axis=1)
    return keys


def check_space(seq_len: int, symbols: int, sizes: dict[str, int]) -> None:
    """Where sequences are counted easily, says at once that they do not suffice.

    Raises:
        ValueError: fewer than 2 (n_val + n_test) sequences have this length.
    """
    held_out = sizes["val"] + sizes["test"]
    if symbols ** min(seq_len, 64) >= 2 * held_out:  # 64 steps are more sequences than memory holds
        return
    nearest = next(steps for steps in itertools.count(seq_len) if symbols**steps >= 2 * held_out)
    raise ValueError(
        f"seq_len must be at least {nearest}, not {seq_len}, to keep n_val + n_test = {held_out} apart "
        f"from training: there are {symbols**seq_len} sequences of {seq_len} steps, and {2 * held_out} are "
        f"needed; or lower n_val and n_test"
    )


def _draw_again(samples: Split, draw: Draw, rng: np.random.RandomState, held: np.ndarray) -> np.ndarray:
    """Replaces the samples that are held, in place; returns those that many draws found nothing for."""
    classes = _classes(samples)
    rows = np.flatnonzero(np.isin(row_keys(samples.x.numpy()), held))
    for _ in range(100 + 4 * int(classes.max() + 1)):
        if not len(rows):
            break
        anew = draw(rng, max(len(rows), BATCH))
        free = np.flatnonzero(~np.isin(row_keys(anew.x.numpy()), held))
        for label in np.unique(classes[rows]):
            waiting = rows[classes[rows] == label]
            found = free[_classes(anew)[free] == label][: len(waiting)]
            filled = waiting[: len(found)]
            samples.x[filled], samples.y[filled] = anew.x[found], anew.y[found]
            samples.lengths[filled] = anew.lengths[found]
            rows = np.setdiff1d(rows, filled, assume_unique=True)
    return rows


def _classes(samples: Split) -> np.ndarray:
    """(N,) the class of each sample; 0 where its target is a number, or labels at steps."""
    one_class = samples.y.dim() == 1 and not samples.y.is_floating_point()
    return samples.y.numpy() if one_class else np.zeros(len(samples), dtype=np.int64)


def _refuse(split: str, sizes: dict[str, int], samples: Split, row: int) -> None:
    numbers = ", ".join(f"n_{name}={sizes[name]}" for name in EARLIER[split])
    one_class = samples.y.dim() == 1 and not samples.y.is_floating_point()
    which = f"samples of class {int(samples.y[row])}" if one_class else "samples"
    raise ValueError(
        f"seq_len={samples.x.shape[1]} has too few {which} to keep n_{split}={sizes[split]} apart from "
        f"{numbers}: hardly any is left; lower n_val and n_test, or choose a larger task"
    )
