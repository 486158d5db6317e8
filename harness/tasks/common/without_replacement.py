"""Draws without replacement and shuffles, for many samples at once."""

from __future__ import annotations

import numpy as np

from harness.tasks.common.random_streams import uniform_integers


def draw_without_replacement(rng: np.random.RandomState, n: int, count: int, high: int) -> np.ndarray:
    """(n, count) int64: `count` different numbers from 0, …, high − 1 in each row, each set equally likely.

    Floyd's method, which needs no work space of `high` columns. The order inside a row is not random: sort
    the row or shuffle it.

    Source: Bentley & Floyd 1987, Communications of the ACM 30(9).
    """
    chosen = np.empty((n, count), dtype=np.int64)
    for column, top in enumerate(range(high - count, high)):
        drawn = uniform_integers(rng, 0, top + 1, n)
        taken = (chosen[:, :column] == drawn[:, None]).any(axis=1)
        chosen[:, column] = np.where(taken, top, drawn)
    return chosen


def shuffle_rows(rng: np.random.RandomState, table: np.ndarray) -> np.ndarray:
    """Shuffles each row of (n, count) independently and in place, each order equally likely; returns it."""
    rows = np.arange(len(table))
    for last in range(table.shape[1] - 1, 0, -1):
        other = uniform_integers(rng, 0, last + 1, len(table))
        kept = table[:, last].copy()
        table[:, last] = table[rows, other]
        table[rows, other] = kept
    return table
