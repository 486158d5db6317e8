"""Statistics over runs of several tasks or settings pooled: what a cell reaches over all of them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
import scipy.stats

from harness.results.statistics import known

FEWEST_POOLED = 10
"""Pooled runs below which an interquartile mean is refused: it would rest on half of them."""


def interquartile_mean(values: Sequence[float]) -> float:
    """The mean of the middle half: robust like a median, and steadier.

    The lowest and the highest quarter are left out; where n is no multiple of four the runs at the edges
    count in part.

    Raises:
        ValueError: there are fewer than `FEWEST_POOLED` values.

    Source: Agarwal et al. 2021, arXiv 2108.13264.

    >>> interquartile_mean([0, 0, 0, 2, 4, 6, 8, 10, 100, 100, 100, 100])
    21.666666666666668
    """
    return float(_interquartile_means(known(values)))


def stratified_interval(
    by_stratum: Sequence[Sequence[float]], level: float = 0.95, samples: int = 2000, seed: int = 0
) -> tuple[float, float]:
    """Interval of the interquartile mean: t times its bootstrap standard error, drawn within each stratum.

    A bootstrap of n values makes their spread too small by √((n − 1) / n), which for two or three seeds is
    much: residuals are widened by its inverse, and t has Σ (n − 1) degrees of freedom. A percentile interval
    of nominal 95 % covers 72 to 89 % there (`docs/statistics.md`).

    Args:
        by_stratum: the runs of each task (and length), so that each keeps its number of runs.
        level: the nominal coverage, in (0, 1).
        samples: number of resamples.
        seed: of the draws.

    Raises:
        ValueError: there are fewer than `FEWEST_POOLED` values, or a stratum has fewer than two.

    Source: Agarwal et al. 2021, arXiv 2108.13264, for the strata.

    >>> low, high = stratified_interval([[0.1, 0.2, 0.3, 0.2, 0.2], [0.8, 0.9, 1.0, 0.9, 0.9]])
    >>> bool(low < interquartile_mean([0.1, 0.2, 0.3, 0.2, 0.2, 0.8, 0.9, 1.0, 0.9, 0.9]) < high)
    True
    """
    if not 0 < level < 1:
        raise ValueError(f"level must lie in (0, 1), for example 0.95, not {level}")
    strata = [known(values) for values in by_stratum]
    few = [len(x) for x in strata if len(x) < 2]
    if few:
        raise ValueError(f"each stratum needs at least 2 runs to draw from, not {few[0]}")
    rng = np.random.default_rng(seed)
    widened = [x.mean() + (x - x.mean()) * math.sqrt(len(x) / (len(x) - 1)) for x in strata]
    drawn = [x[rng.integers(len(x), size=(samples, len(x)))] for x in widened]
    error = float(_interquartile_means(np.concatenate(drawn, axis=1)).std())
    half = float(scipy.stats.t.ppf((1 + level) / 2, sum(len(x) - 1 for x in strata))) * error
    middle = float(_interquartile_means(np.concatenate(strata)))
    return middle - half, middle + half


def _interquartile_means(values: np.ndarray) -> np.ndarray:
    """Of each row, (…, n) -> (…)."""
    n = values.shape[-1]
    if n < FEWEST_POOLED:
        raise ValueError(f"an interquartile mean needs at least {FEWEST_POOLED} runs, not {n}")
    places = np.arange(n)
    weights = np.clip(np.minimum(places + 1, 3 * n / 4) - np.maximum(places, n / 4), 0, 1)
    return np.sort(values, axis=-1) @ weights / weights.sum()


def performance_profile(values: Sequence[float], thresholds: Sequence[float]) -> np.ndarray:
    """Share of runs that reach each threshold: the whole distribution in one line.

    Args:
        values: one number per run, such as an accuracy; NaN (a run without a result) reaches none.
        thresholds: at which the share is taken.

    Source: Agarwal et al. 2021, arXiv 2108.13264.

    >>> performance_profile([0.2, 0.6, 0.9, math.nan], [0.0, 0.5, 0.9])
    array([0.75, 0.5 , 0.25])
    """
    x = pd.to_numeric(pd.Series(list(values), dtype="object"), errors="coerce").to_numpy(
        float, na_value=np.nan
    )
    if not len(x):
        return np.full(len(thresholds), math.nan)
    return (x[:, None] >= np.asarray(thresholds, dtype=float)).mean(axis=0)
