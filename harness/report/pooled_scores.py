"""What each cell reaches over all tasks and settings that every cell was run in."""

from __future__ import annotations

import math
from typing import NamedTuple

import pandas as pd

from harness.report.markdown import interval, markdown_table
from harness.results.pooled import FEWEST_POOLED, interquartile_mean, stratified_interval
from harness.results.repeats import IDENTITY, labelled
from harness.results.settings import stops_when_solved

_PLACE = (*IDENTITY, "seq_len", "size", "condition")

LEAD = (
    "Score: test accuracy from 0 at chance or below to 1; a run that diverged counts 0, one that ended "
    "because it had solved its task 1. Interquartile mean: of the middle half of a cell's runs, with its "
    "95 % interval by a bootstrap within each task and setting, which covers 85 to 95 % (simulated, 2 to 5 "
    "seeds). Only the seeds of a task and setting with which every cell ended a run count, so that all cells "
    "have equally many there: another choice of tasks gives other numbers, and can give another order. The "
    "interval is that of the seeds; the error of a test set that they share is left out. No interval: the "
    "middle half does not vary."
)


class PooledScore(NamedTuple):
    """The interquartile mean of a cell's scores; low and high are NaN where a setting has one run, and where
    the middle half of the runs does not vary."""

    mean: float
    low: float
    high: float
    runs: int


def pooled_scores(runs: pd.DataFrame) -> pd.DataFrame:
    """The score of every run that can be pooled: (accuracy − chance) / (1 − chance).

    It is 0 below chance and where the run diverged, and 1 where it ended because it had solved its task.

    Args:
        runs: the rows of `load_runs`, without those of the stage `tune`, or those that `labelled` returns.

    Returns:
        `label` (of the cell), `place` (a number for each task and setting), `seed` and `score` of the runs in
        places and with seeds that all cells share. Empty where fewer than two cells share two places, where
        one of them has fewer than `FEWEST_POOLED` runs there, or where learning rates are compared: a mean
        over rates would rank cells by how they bear wrong ones.
    """
    none = pd.DataFrame({"label": [], "place": [], "seed": [], "score": []})
    if runs.empty:
        return none
    runs = runs if "label" in runs else labelled(runs)
    chance = runs["chance_accuracy"].astype(float)
    ended = runs["status"].isin(["ok", "diverged"])
    ended &= (chance < 1) & (runs["test_accuracy"].notna() | (runs["status"] == "diverged"))
    if _compares_rates(runs):
        return none
    score = (runs["test_accuracy"].astype(float) - chance) / (1 - chance)
    score = score.clip(lower=0.0).where(runs["status"] == "ok", 0.0)
    score = score.mask(stops_when_solved(runs) & runs["solved_step"].notna(), 1.0)
    places = runs.groupby(list(_PLACE), dropna=False, observed=True).ngroup()
    table = pd.DataFrame({"label": runs["label"], "place": places, "seed": runs["seed"], "score": score})
    table = table[ended]
    cells = table["label"].nunique()
    # with other numbers of runs the means would say where a cell was run most, not how good it is
    table = table[table.groupby(["place", "seed"])["label"].transform("nunique") == cells]
    enough = cells >= 2 and table["place"].nunique() >= 2 and table["label"].nunique() == cells
    if not enough or table["label"].value_counts().min() < FEWEST_POOLED:
        return none
    return table.reset_index(drop=True)


def _compares_rates(runs: pd.DataFrame) -> bool:
    """Whether a cell has several learning rates in one task, length and size that were not chosen for it."""
    given = runs[~runs["tuned"].fillna("").astype(str).str.contains(r"\blr\b")] if "tuned" in runs else runs
    rates = given.groupby([*IDENTITY, "seq_len", "size", "label"], dropna=False, observed=True)[
        "lr"
    ].nunique()
    return bool((rates > 1).any())


def pooled_by_cell(scores: pd.DataFrame) -> dict[str, PooledScore]:
    """The interquartile mean of each cell, highest first.

    Args:
        scores: as `pooled_scores` gives them.
    """
    found = {}
    for cell, group in scores.groupby("label"):
        places = [place["score"].tolist() for _, place in group.groupby("place")]
        alone = any(len(place) < 2 for place in places)
        low, high = (math.nan, math.nan) if alone else stratified_interval(places)
        # where the middle half does not vary there is nothing to draw from
        low, high = (max(0.0, low), min(1.0, high)) if low < high else (math.nan, math.nan)
        found[str(cell)] = PooledScore(interquartile_mean(group["score"].tolist()), low, high, len(group))
    return dict(sorted(found.items(), key=lambda item: (-item[1].mean, item[0])))


def pooled_section(runs: pd.DataFrame) -> list[str]:
    """The lines of the summary's section on cells over all tasks; empty where runs cannot be pooled.

    Args:
        runs: the rows of `load_runs`, without those of the stage `tune`.
    """
    scores = pooled_scores(runs)
    if scores.empty:
        return []
    places = str(scores["place"].nunique())
    rows = [
        [cell, str(pooled.runs), places, interval(pooled.mean, pooled.low, pooled.high, ".3f")]
        for cell, pooled in pooled_by_cell(scores).items()
    ]
    return [LEAD, "", *markdown_table(["cell", "runs", "tasks and settings", "interquartile mean"], rows)]
