"""What the runs of one setting reached: from rows of the table of runs to statistics over their seeds."""

from __future__ import annotations

import math
from typing import NamedTuple

import pandas as pd

from harness.results.statistics import (
    accuracy_interval,
    in_two_groups,
    median_steps_to_solve,
    wilson_interval,
)


class Accuracy(NamedTuple):
    """Test accuracy over the seeds of a setting, 0 to 1; NaN where there is none."""

    mean: float
    low: float
    high: float
    """The interval of the mean; NaN with one seed, or where the seeds lie in two groups."""
    lowest: float
    highest: float
    two_groups: bool


class Solved(NamedTuple):
    """How many seeds of a setting met the task's threshold on validation data."""

    met: float
    n: float
    low: float
    high: float
    """Wilson's interval of the share; NaN where no run ended."""
    step: float
    """Median step at which, over all seeds; infinite: more than the budget."""


NO_THRESHOLD = Solved(*(math.nan,) * 5)
"""Of a setting of a task that has no threshold."""


def accuracy_of(runs: pd.DataFrame) -> Accuracy:
    """The test accuracy of the runs of one setting.

    Args:
        runs: rows of `load_runs`; those that are not `ok` do not count.
    """
    ok = runs[(runs["status"] == "ok") & runs["test_accuracy"].notna()]
    values = ok["test_accuracy"].astype(float)
    if values.empty:
        return Accuracy(*(math.nan,) * 5, False)
    low, high = accuracy_interval(values, distinct_test_samples(ok))
    return Accuracy(
        float(values.mean()), low, high, float(values.min()), float(values.max()), in_two_groups(values)
    )


def distinct_test_samples(runs: pd.DataFrame) -> float:
    """Test labels behind the mean of these runs; those of a test set that seeds share count once.

    Infinite where a row does not say how many it has, as those of earlier versions: the sampling error of the
    test set is then left out.
    """
    if "test_samples" not in runs or runs["test_samples"].isna().any():
        return math.inf
    return float(runs.drop_duplicates("test_fingerprint")["test_samples"].sum())


def solved_of(runs: pd.DataFrame) -> Solved:
    """How many of the runs of one setting solved the task, or `NO_THRESHOLD`.

    Args:
        runs: rows of `load_runs`. A run that diverged has not solved it; one that failed does not count.
    """
    if runs["solved_rule"].isna().all():
        return NO_THRESHOLD
    ended = runs[runs["status"].isin(["ok", "diverged"])]
    steps = ended["solved_step"].where(ended["status"] == "ok")
    met, n = int(steps.notna().sum()), len(ended)
    return Solved(met, n, *wilson_interval(met, n), median_steps_to_solve(steps))
