"""Splits of labelled samples in which every class gives the same share."""

from __future__ import annotations

import numpy as np

from harness.tasks.common.random_streams import SPLITS, random_stream

HELD_OUT_SHARE = 1 / 5
"""Of each class, for validation and again for testing, in `split_by_class`."""


def stratified_split(y: np.ndarray, share: float) -> tuple[np.ndarray, np.ndarray]:
    """Splits sample indices into (rest, part) with `share` of each class, rounded, in part; always the same.

    Returns:
        Two sorted int64 arrays that together hold 0, …, len(y) − 1.

    >>> rest, part = stratified_split(np.array([7, 7, 7, 7, 9, 9]), 1 / 2)
    >>> len(rest), len(part), sorted([*rest, *part]) == list(range(6))
    (3, 3, True)
    """
    rng = np.random.RandomState(0)
    part = []
    for label in np.unique(y):
        members = rng.permutation(np.flatnonzero(y == label))
        part.append(members[: round(share * len(members))])
    chosen = np.sort(np.concatenate(part))
    return np.setdiff1d(np.arange(len(y)), chosen, assume_unique=True), chosen


def split_by_class(y: np.ndarray, *, seed: int = 0) -> dict[str, np.ndarray]:
    """Sorted indices (int64) of the samples of `train`, `val` and `test`, drawn by `seed`.

    1/5 of each class, rounded, is for testing and as much for validation, the rest for training. A class
    of at least 3 samples has at least one in each; one of 2 has no validation sample; a single sample is
    for training.

    Args:
        y: (N,) labels that NumPy can sort; all equal for a split by number alone.
        seed: at least 0.

    >>> {split: len(rows) for split, rows in split_by_class(np.array(["a"] * 10 + ["b"] * 3)).items()}
    {'train': 7, 'val': 3, 'test': 3}
    """
    rng = random_stream(seed, "train")
    rows: dict[str, list[np.ndarray]] = {split: [np.empty(0, dtype=np.int64)] for split in SPLITS}
    for label in np.unique(y):
        members = rng.permutation(np.flatnonzero(y == label))
        held_out = max(1, round(HELD_OUT_SHARE * len(members)))
        bounds = (min(held_out, len(members) - 1), min(2 * held_out, len(members) - 1))
        for split, part in zip(("test", "val", "train"), np.split(members, bounds), strict=True):
            rows[split].append(part)
    return {split: np.sort(np.concatenate(parts)) for split, parts in rows.items()}


def split_copies_by_class(y: np.ndarray, copies: np.ndarray, *, seed: int = 0) -> dict[str, np.ndarray]:
    """As `split_by_class`, with equal samples in one split: each counts once, with the class of the first.

    Args:
        y: (N,) labels.
        copies: (N,) for each sample something that equal samples have in common and others do not.
        seed: at least 0.

    >>> parts = split_copies_by_class(np.zeros(6), np.array(["a", "b", "c", "a", "c", "a"]))
    >>> sorted(rows.tolist() for rows in parts.values())
    [[0, 3, 5], [1], [2, 4]]
    """
    firsts, numbers = _different(copies)
    parts = split_by_class(y[firsts], seed=seed)
    return {split: np.flatnonzero(np.isin(numbers, rows)) for split, rows in parts.items()}


def stratified_split_of_copies(
    y: np.ndarray, copies: np.ndarray, share: float
) -> tuple[np.ndarray, np.ndarray]:
    """As `stratified_split`, with equal samples in one part: each counts once, with the class of the first.

    >>> rest, part = stratified_split_of_copies(np.zeros(6), np.array(["a", "b", "b", "a", "b", "b"]), 1 / 2)
    >>> sorted([rest.tolist(), part.tolist()])
    [[0, 3], [1, 2, 4, 5]]
    """
    firsts, numbers = _different(copies)
    rest, part = stratified_split(y[firsts], share)
    return np.flatnonzero(np.isin(numbers, rest)), np.flatnonzero(np.isin(numbers, part))


def _different(copies: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The first sample of each kind, in the order of the samples, and the number of each sample's kind."""
    _, firsts, of_first = np.unique(copies, return_index=True, return_inverse=True)
    order = np.argsort(firsts)  # in the order of the samples, not of what they have in common
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    return firsts[order], place[of_first.reshape(-1)]
