"""A fixed split of labelled samples in which every class gives the same share."""

from __future__ import annotations

import numpy as np


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
