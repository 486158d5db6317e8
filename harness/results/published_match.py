"""Published results beside the runs that can be compared with them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

import pandas as pd

from harness.results.published import PublishedResult
from harness.results.repeats import REPEAT_COLUMNS

LEFT_OUT = ("another variant", "another length", "other data", "not measured here", "a cell that was not run")
"""Why a published result of a task that was run is not compared, in the order in which it is looked at."""


@dataclass(frozen=True, eq=False)
class PublishedMatch:
    """A published result, and the runs of one setting of the same cell on the same task."""

    result: PublishedResult
    runs: pd.DataFrame
    """Every seed of the setting, `ok` or not."""
    settings: int
    """Of how many settings of the cell this one did best on validation data."""


def match_published(
    runs: pd.DataFrame, published: Iterable[PublishedResult]
) -> tuple[list[PublishedMatch], dict[str, list[PublishedResult]]]:
    """Joins published results to runs by task, variant, length, data, metric and cell.

    Where the cell was run in several settings, the one with the best median on validation data is taken; a
    run that is not `ok` counts as the worst.

    Args:
        runs: the rows of `load_runs`, without those of the stage `tune`.
        published: as `load_published` returns them; those of tasks without a run are ignored.

    Returns:
        The matches, in the order of `published`, and what is left out, by the reason of `LEFT_OUT`.
    """
    matches: list[PublishedMatch] = []
    left_out: dict[str, list[PublishedResult]] = {reason: [] for reason in LEFT_OUT}
    for result in published:
        rows = runs[runs["task"] == result.task]
        if rows.empty:
            continue
        for reason in LEFT_OUT:
            rows = rows[_comparable(rows, result, reason)]
            if rows.empty:
                left_out[reason].append(result)
                break
        else:
            settings = [group for _, group in rows.groupby(list(REPEAT_COLUMNS), dropna=False, sort=False)]
            matches.append(PublishedMatch(result, min(settings, key=_validation_loss), len(settings)))
    return matches, {reason: results for reason, results in left_out.items() if results}


def _comparable(rows: pd.DataFrame, result: PublishedResult, reason: str) -> pd.Series:
    """Which rows `reason` does not keep from being compared."""
    if reason == "another variant":
        return rows["variant"].map(lambda variant: fnmatchcase(variant, result.variant)).astype(bool)
    if reason == "another length":
        return rows["seq_len"] == result.seq_len
    if reason == "other data":
        return rows["data_source"] == result.data_source
    if reason == "not measured here":
        known = rows["solved_rule" if result.metric == "solved_step" else result.metric]
        measured = known.notna() & (rows["status"] == "ok")
        return measured.groupby([rows[name] for name in REPEAT_COLUMNS], dropna=False).transform("any")
    return rows["cell"] == result.cell


def _validation_loss(setting: pd.DataFrame) -> tuple[float, float]:
    """What the best setting has least of: by accuracy, then by loss; value targets by their loss alone."""
    ok = setting["status"] == "ok"
    loss = setting["val_loss"].astype(float).where(ok).fillna(math.inf)
    error = 1 - setting["val_accuracy"].astype(float).where(ok).fillna(0.0)
    return (0.0 if setting["tolerance"].notna().any() else float(error.median())), float(loss.median())
