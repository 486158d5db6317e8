"""Disjoint splits: a sample whose input is already in another split is replaced by a new draw."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from harness.tasks.common.arguments import whole_number
from harness.tasks.common.random_streams import random_stream
from harness.tasks.task import MakeSplit, Split

DRAWN_BEFORE = {"test": (), "val": ("test",), "train": ("test", "val")}
"""The splits that each split must not share an input with. None depends on the size of the training set."""

MIN_REDRAW = 256
"""Smallest number of samples to draw when some have to be replaced."""

CHUNK_VALUES = 2**16
"""Values hashed at a time, few enough to stay in the processor's cache."""

DrawSamples = Callable[[np.random.RandomState, int], Split]
"""From a random stream and a number n to n independent samples."""


def disjoint_splits(draw: DrawSamples, *, seed: int, sizes: dict[str, int]) -> MakeSplit:
    """A `make_split` for `Task` whose splits, in every epoch, share no input.

    Test samples are drawn first, then validation samples, then the training samples of each epoch. A sample
    whose input is in a split drawn before is replaced from the same stream by a sample with a new input and,
    if samples have one class each, of the same class: class frequencies stay as drawn. Within a split an
    input may occur twice.

    Args:
        draw: draws independent samples; picklable if the task is to be pickled.
        seed: seed of the splits' random streams.
        sizes: number of samples in each split.

    Returns:
        A function of (split, epoch). It raises a ValueError if there are too few different samples.
    """
    return _DisjointSplits(draw, seed, sizes)


@dataclass(frozen=True, eq=False)
class _DisjointSplits:
    draw: DrawSamples
    seed: int
    sizes: dict[str, int]
    known_hashes: dict[str, np.ndarray] = field(default_factory=dict, init=False, repr=False)
    """Hashes of the inputs of each split that was made as one drawn before another."""

    def __reduce__(self) -> tuple[object, ...]:
        return _DisjointSplits, (self.draw, self.seed, self.sizes)

    def __call__(self, split: str, epoch: int) -> Split:
        rng = random_stream(self.seed, split, epoch)
        samples = self.draw(rng, self.sizes[split])
        if DRAWN_BEFORE[split]:
            taken = np.concatenate([self._input_hashes(name) for name in DRAWN_BEFORE[split]])
            left = _replace_taken(samples, self.draw, rng, taken)
            if len(left):
                raise _too_few_samples(split, self.sizes, samples, int(left[0]))
        return samples

    def _input_hashes(self, split: str) -> np.ndarray:
        if split not in self.known_hashes:
            self.known_hashes[split] = row_hashes(self(split, 0).x.numpy())
        return self.known_hashes[split]


def row_hashes(x: np.ndarray) -> np.ndarray:
    """(N, …) -> (N,) uint64 hashes, the same on every machine: equal for equal rows, else almost surely not.

    The bits of each value, times an odd weight of its position, summed modulo 2⁶⁴. Two different rows have
    the same hash with probability about 2⁻⁶³ (about 2⁻³² for floats that differ in their top bits only, such
    as ±1); then one of them is replaced without need.

    >>> one, other, again = row_hashes(np.array([[1, 0, 1], [0, 1, 1], [1, 0, 1]]))
    >>> bool(one == again), bool(one == other)
    (True, False)
    """
    rows = x.reshape(len(x), -1)
    width = rows.shape[1]
    weights = np.random.RandomState(0).randint(0, 2**64, width, dtype=np.uint64) | np.uint64(1)
    hashes = np.empty(len(rows), dtype=np.uint64)
    step = max(1, CHUNK_VALUES // width)
    for start in range(0, len(rows), step):
        part = rows[start : start + step] + rows.dtype.type(0)  # turns −0 into 0, which equals it
        hashes[start : start + step] = (part.view(f"u{part.itemsize}") * weights).sum(axis=1)
    return hashes


def checked_length(seq_len: object, *, low: int, symbols: int, n_val: object, n_test: object) -> int:
    """Returns a number of steps with enough sequences, for tasks that use all symbols ** seq_len of them.

    Raises:
        ValueError: it is no whole number of at least `low`, or fewer than 2 (n_val + n_test) sequences have
            this length.
    """
    held_out = whole_number("n_val", n_val) + whole_number("n_test", n_test)
    fewest = next(steps for steps in itertools.count(low) if symbols**steps >= 2 * held_out)
    try:
        number = whole_number("seq_len", seq_len, low=low)
    except ValueError:
        return whole_number("seq_len", seq_len, low=fewest)  # raises, and names a length that is allowed
    if number >= fewest:
        return number
    raise ValueError(
        f"seq_len must be at least {fewest}, not {number}, to keep n_val + n_test = {held_out} samples out "
        f"of training: there are {symbols**number} sequences of {number} steps, and {2 * held_out} are "
        f"needed; or lower n_val and n_test"
    )


def _replace_taken(
    samples: Split, draw: DrawSamples, rng: np.random.RandomState, taken: np.ndarray
) -> np.ndarray:
    """Replaces, in place, samples whose hash is in `taken`; returns the rows for which no draw was free."""
    classes = _classes(samples)
    rows = np.flatnonzero(np.isin(row_hashes(samples.x.numpy()), taken))
    for _ in range(100 + 4 * int(classes.max() + 1)):
        if not len(rows):
            break
        drawn = draw(rng, max(len(rows), MIN_REDRAW))
        free = np.flatnonzero(~np.isin(row_hashes(drawn.x.numpy()), taken))
        for label in np.unique(classes[rows]):
            waiting = rows[classes[rows] == label]
            found = free[_classes(drawn)[free] == label][: len(waiting)]
            filled = waiting[: len(found)]
            samples.x[filled], samples.y[filled] = drawn.x[found], drawn.y[found]
            samples.lengths[filled] = drawn.lengths[found]
            rows = np.setdiff1d(rows, filled, assume_unique=True)
    return rows


def _has_one_class(samples: Split) -> bool:
    return samples.y.dim() == 1 and not samples.y.is_floating_point()


def _classes(samples: Split) -> np.ndarray:
    """(N,) the class of each sample; 0 for targets that are numbers or labels at steps."""
    return samples.y.numpy() if _has_one_class(samples) else np.zeros(len(samples), dtype=np.int64)


def _too_few_samples(split: str, sizes: dict[str, int], samples: Split, row: int) -> ValueError:
    numbers = ", ".join(f"n_{name}={sizes[name]}" for name in DRAWN_BEFORE[split])
    which = f"samples of class {int(samples.y[row])}" if _has_one_class(samples) else "samples"
    return ValueError(
        f"seq_len={samples.x.shape[1]} has too few {which} to keep n_{split}={sizes[split]} disjoint from "
        f"{numbers}; lower n_val and n_test, or choose a larger task"
    )
