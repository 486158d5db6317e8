"""Two cells compared: differences of their means, and what many comparisons at once do to p-values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import stdtr, stdtrit

from harness.results.statistics import known


class Difference(NamedTuple):
    """A difference of means with its t interval and the p-value of "there is none"."""

    mean: float
    half: float
    """Half width of the interval; NaN where it is not defined."""
    p: float
    """Two-sided, not adjusted; NaN where the t test says nothing: too few seeds, or no spread at all."""
    n: int
    """Seeds: of a pair those that both have, else those of the cell with fewer."""


def paired_difference(a_by_seed: pd.Series, b_by_seed: pd.Series, level: float = 0.95) -> Difference:
    """The difference a − b over the seeds that both have.

    Runs with the same seed use the same data, so the effect of the seed on both cancels in the difference.

    Args:
        a_by_seed: one number per seed, indexed by seed; a seed at most once.
        b_by_seed: likewise.
        level: the nominal coverage, in (0, 1).

    Raises:
        ValueError: a seed occurs twice.

    >>> a, b = pd.Series({0: 0.9, 1: 0.8, 2: 0.7}), pd.Series({1: 0.7, 2: 0.5, 3: 0.1})
    >>> mean, half, p, n = paired_difference(a, b)
    >>> print(f"{mean:.2f} ± {half:.2f}, p = {p:.3f}, n = {n}")
    0.15 ± 0.64, p = 0.205, n = 2
    """
    for name, by_seed in (("a_by_seed", a_by_seed), ("b_by_seed", b_by_seed)):
        if not by_seed.index.is_unique:
            twice = by_seed.index[by_seed.index.duplicated()][0]
            raise ValueError(f"{name}: seed {twice} occurs twice; give the runs of one setting, one per seed")
    x = known(a_by_seed.dropna().sub(b_by_seed.dropna()).dropna())
    error = x.std(ddof=1) / math.sqrt(len(x)) if len(x) > 1 else math.nan
    return _difference(float(x.mean()) if len(x) else math.nan, error, len(x) - 1, len(x), level)


def welch_difference(a: Sequence[float], b: Sequence[float], level: float = 0.95) -> Difference:
    """The difference of the means of two samples that nothing pairs, of unequal variance.

    Args:
        a: one number per seed; NaN and NA are dropped.
        b: likewise.
        level: the nominal coverage, in (0, 1).

    Source: Welch 1947, Biometrika 34(1/2).

    >>> mean, half, p, n = welch_difference([0.9, 0.8, 0.7], [0.5, 0.6, 0.55])
    >>> print(f"{mean:.2f} ± {half:.2f}, p = {p:.3f}, n = {n}")
    0.25 ± 0.21, p = 0.032, n = 3
    """
    x, y = known(a), known(b)
    n = min(len(x), len(y))
    if n < 2:
        mean = float(x.mean() - y.mean()) if n else math.nan
        return Difference(mean, math.nan, math.nan, n)
    parts = np.array([x.var(ddof=1) / len(x), y.var(ddof=1) / len(y)])
    total = float(parts.sum())
    weights = parts**2 / (np.array([len(x), len(y)]) - 1)
    freedom = total**2 / float(weights.sum()) if total > 0 else math.nan
    return _difference(float(x.mean() - y.mean()), math.sqrt(total), freedom, n, level)


def holm_adjust(p_values: Sequence[float]) -> np.ndarray:
    """p-values adjusted for their number: below 0.05 one may say so of each, and be wrong at all in 5 %.

    Args:
        p_values: of all comparisons that are shown together; NaN is not counted and stays.

    Returns:
        The adjusted values, at most 1, in the order given.

    Source: Holm 1979, Scandinavian Journal of Statistics 6(2).

    >>> [round(float(p), 3) for p in holm_adjust([0.01, 0.04, 0.03])]
    [0.03, 0.06, 0.06]
    """
    p = np.asarray(list(p_values), dtype=float)
    order = np.argsort(p)[: int(np.isfinite(p).sum())]  # NaN sorts last
    factors = len(order) - np.arange(len(order))
    adjusted = np.full(len(p), np.nan)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(factors * p[order]))
    return adjusted


def _difference(mean: float, error: float, freedom: float, n: int, level: float) -> Difference:
    if not 0 < level < 1:
        raise ValueError(f"level must lie in (0, 1), for example 0.95, not {level}")
    if not error > 0:  # NaN, or no spread at all, on which a t test has no meaning
        return Difference(mean, math.nan, math.nan, n)
    half = float(stdtrit(freedom, (1 + level) / 2) * error)
    return Difference(mean, half, float(2 * stdtr(freedom, -abs(mean) / error)), n)
