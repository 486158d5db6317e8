"""Distinct numbers for many samples at once, each choice equally likely."""

from __future__ import annotations

import numpy as np

from harness.tasks.common.random_streams import whole


def distinct(rng: np.random.RandomState, n: int, count: int, high: int) -> np.ndarray:
    """(n, count) int64: in each row `count` different numbers from 0, …, high − 1, each set equally likely.

    Floyd's method: no work space of `high` columns. The order inside a row is not random: sort or shuffle.

    Source: Bentley & Floyd 1987, Communications of the ACM 30(9).
    """
    chosen = np.empty((n, count), dtype=np.int64)
    for place, top in enumerate(range(high - count, high)):
        drawn = whole(rng, 0, top + 1, n)
        taken = (chosen[:, :place] == drawn[:, None]).any(axis=1)
        chosen[:, place] = np.where(taken, top, drawn)
    return chosen


def shuffle_rows(rng: np.random.RandomState, table: np.ndarray) -> np.ndarray:
    """Shuffles each row of (n, count) by itself, in place, each order equally likely; returns the table."""
    rows = np.arange(len(table))
    for last in range(table.shape[1] - 1, 0, -1):
        other = whole(rng, 0, last + 1, len(table))
        kept = table[:, last].copy()
        table[:, last] = table[rows, other]
        table[rows, other] = kept
    return table
