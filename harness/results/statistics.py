"""Statistics of one setting over a few seeds: pure functions of one number per seed."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import pandas as pd
from scipy.special import expit, logit, ndtri, stdtrit

TWO_GROUPS_GAP = 0.2
"""Accuracies whose largest gap is above this, and above half their range, lie in two groups."""


def t_interval(values: Iterable[float], level: float = 0.95) -> tuple[float, float]:
    """Mean and half width of Student's t interval of the mean.

    With three to ten seeds of normal data the t interval has its nominal coverage, the percentile bootstrap
    does not: simulated coverage of a nominal 95 % is 75 % at n = 3, 84 % at 5 and
    91 % at 10 for the bootstrap, 95 % at each for the t interval.

    Args:
        values: one number per seed; NaN and NA are dropped.
        level: the nominal coverage, in (0, 1).

    Returns:
        The mean (NaN without a value) and the half width (NaN with fewer than two values).

    Raises:
        ValueError: `level` is not in (0, 1).

    >>> mean, half = t_interval([1.0, 2.0, 3.0])
    >>> print(f"{mean:.3f} ± {half:.3f}")
    2.000 ± 2.484
    """
    x, tail = known(values), _tail(level)
    if len(x) < 2:
        return (float(x[0]) if len(x) else math.nan), math.nan
    with np.errstate(invalid="ignore"):
        standard_error = x.std(ddof=1) / math.sqrt(len(x))
    return float(x.mean()), float(stdtrit(len(x) - 1, tail) * standard_error)


def wilson_interval(successes: float, n: float, level: float = 0.95) -> tuple[float, float]:
    """Wilson's interval of a share, such as that of the seeds that solved a task.

    Args:
        successes: how many of the n did, 0 to n; no whole number for a mean of shares.
        n: number of independent trials.
        level: the nominal coverage, in (0, 1).

    Returns:
        Lower and upper bound, in 0 to 1; never of width 0. NaN without a trial.

    Raises:
        ValueError: an argument is outside its range.

    Source: Wilson 1927, Journal of the American Statistical Association 22(158).

    >>> print("{:.3f} to {:.3f}".format(*wilson_interval(5, 5)))
    0.566 to 1.000
    """
    tail = _tail(level)
    if not 0 <= successes <= n:
        raise ValueError(f"successes must lie in 0 to n = {n}, not {successes}")
    if n == 0:
        return math.nan, math.nan
    z, share = float(ndtri(tail)), successes / n
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(0.0, min(share, centre - half)), min(1.0, max(share, centre + half))


def accuracy_interval(
    accuracies: Iterable[float], test_samples: float = math.inf, level: float = 0.95
) -> tuple[float, float]:
    """An interval of the mean accuracy that lies in 0 to 1.

    To each side it reaches as far as the farther of two t intervals, of the accuracies and of their logits,
    joined in quadrature with Wilson's interval of the test samples. The logits keep the coverage for
    skewed data near 0 or 1; see `docs/statistics.md` for what was simulated.

    Args:
        accuracies: one number per seed, 0 to 1; NaN and NA are dropped.
        test_samples: distinct test samples behind the mean: those of one test set where all seeds share it,
            else those of all seeds together; infinite: the sampling error of the test set is left out.
        level: the nominal coverage, in (0, 1).

    Returns:
        Lower and upper bound; NaN with fewer than two values, or where they lie `in_two_groups`: no interval
        of a mean describes these.

    Raises:
        ValueError: `level` is not in (0, 1).

    >>> print("{:.3f} to {:.3f}".format(*accuracy_interval([0.94, 0.95, 0.96], test_samples=1000)))
    0.915 to 0.978
    """
    x, tail = known(accuracies), _tail(level)
    if len(x) < 2 or in_two_groups(x):
        return math.nan, math.nan
    mean, half = t_interval(x, level)
    finest = 0.5 / min(test_samples, 1e6)  # a logit of 0 or 1 is infinite
    logits = logit(np.clip(x, finest, 1 - finest))
    reach = stdtrit(len(x) - 1, tail) * logits.std(ddof=1) / math.sqrt(len(x))
    low = max(half, mean - float(expit(logits.mean() - reach)))
    high = max(half, float(expit(logits.mean() + reach)) - mean)
    if math.isfinite(test_samples):
        of_test = wilson_interval(mean * test_samples, test_samples, level)
        low, high = math.hypot(low, mean - of_test[0]), math.hypot(high, of_test[1] - mean)
    return max(0.0, mean - low), min(1.0, mean + high)


def in_two_groups(accuracies: Iterable[float]) -> bool:
    """Whether accuracies fall into two groups, as where some seeds have found the rule and others have not.

    >>> in_two_groups([1.0, 1.0, 0.26]), in_two_groups([0.93, 0.95, 0.94])
    (True, False)
    """
    x = np.sort(known(accuracies))
    if len(x) < 2:
        return False
    return bool(np.diff(x).max() > max(TWO_GROUPS_GAP, 0.5 * (x[-1] - x[0])))


def median_and_range(values: Iterable[float]) -> tuple[float, float, float]:
    """Median, lowest and highest value, for losses, norms and times; NaN without a value.

    >>> median_and_range([0.3, 0.1, 0.2, float("nan")])
    (0.2, 0.1, 0.3)
    """
    x = known(values)
    return (float(np.median(x)), float(x.min()), float(x.max())) if len(x) else (math.nan,) * 3


def median_steps_to_solve(solved_steps: Iterable[float]) -> float:
    """The median step at which seeds solved a task, over all seeds.

    Args:
        solved_steps: one per seed that ended; NaN or NA: not solved, which counts as more than the budget.

    Returns:
        The median; infinite (more than the budget) where half of the seeds or more did not solve it: of an
        even number the median lies between two seeds, and both must have. NaN without a seed.

    >>> median_steps_to_solve([100, 300, float("nan")]), median_steps_to_solve([100, float("nan")])
    (300.0, inf)
    """
    steps = pd.to_numeric(pd.Series(list(solved_steps), dtype="object"), errors="coerce").astype("float64")
    return float(np.median(steps.fillna(math.inf))) if len(steps) else math.nan


def median_of_bounds(values: pd.Series, is_bound: pd.Series) -> tuple[float, bool]:
    """The median of numbers of which some are upper bounds, and whether it is one itself.

    It is one when the median would change if these numbers were lower: an upper bound below the median leaves
    it exact.

    Args:
        values: one number per seed; NaN and NA are dropped.
        is_bound: of the same index: whether the true value may be lower.

    Returns:
        The median (NaN without a value), and whether it is an upper bound.

    >>> median_of_bounds(pd.Series([-36.0, -5.0, -4.0]), pd.Series([True, False, False]))
    (-5.0, False)
    >>> median_of_bounds(pd.Series([-36.0, -36.0, -4.0]), pd.Series([True, True, False]))
    (-36.0, True)
    """
    numbers = values.dropna().astype(float)
    if numbers.empty:
        return math.nan, False
    lowest = numbers.where(~is_bound[numbers.index].astype(bool), -math.inf)
    median = float(numbers.median())
    return median, float(lowest.median()) < median


def known(values: Iterable[float]) -> np.ndarray:
    """The values as float64, without NaN and NA."""
    if isinstance(values, np.ndarray) and values.dtype == np.float64:
        return np.asarray(values[~np.isnan(values)])
    x = pd.to_numeric(pd.Series(list(values), dtype="object"), errors="coerce").to_numpy(
        float, na_value=np.nan
    )
    return np.asarray(x[~np.isnan(x)])


def _tail(level: float) -> float:
    """The quantile at which a two-sided interval ends."""
    if not 0 < level < 1:
        raise ValueError(f"level must lie in (0, 1), for example 0.95, not {level}")
    return (1 + level) / 2
