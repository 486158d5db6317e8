"""The table of runs: one row a run, with the columns that tell runs apart and what each reached."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from harness.report.page.absent import (
    DOES_NOT_APPLY,
    beyond,
    beyond_budget,
    decimal,
    does_not_apply,
    percent,
    short,
    whole,
)
from harness.report.page.table import Column, PageTable, number_column, replaced, text_column
from harness.results.repeats import varying_settings
from harness.results.schema import RunRecord, columns_of

FACETS = ("task", "cell", "size", "length", "initialisation")
"""The filters of the page, in their order."""

_NUMBERS = (
    ("test_accuracy", "test acc. %", percent),
    ("test_loss", "test loss", short),
    ("solved_step", "solved at", whole),
    ("best_step", "best step", whole),
    ("grad_norm_mean", "grad norm", short),
    ("gradflow_decades_init", "decades init", decimal),
    ("gradflow_decades_end", "decades end", decimal),
    ("train_s", "train s", short),
)
_ABOUT = columns_of(RunRecord)


def runs_table(runs: pd.DataFrame) -> PageTable:
    """The table of all runs.

    Args:
        runs: the rows of `load_runs`, as `labelled` returns them.
    """
    varying = varying_settings(runs)
    columns = [text_column(runs, name, title, _ABOUT.get(name, "")) for name, title in _place(runs)]
    columns += [_setting(str(name), varying[name]) for name in varying]
    columns += [_number(runs, name, title, form) for name, title, form in _NUMBERS]
    return PageTable(
        key="runs",
        title="Runs",
        lead="One row a run. Its name opens all its columns, its curves and the command that makes it again.",
        raw=runs.drop(columns=["config", "label", "condition", "size"]),
        columns=tuple(columns),
        facets=run_facets(runs),
    )


def run_facets(runs: pd.DataFrame) -> dict[str, tuple[str, ...]]:
    """By filter: its value for each run."""
    names = dict(zip(FACETS, ("task", "label", "size", "seq_len", "init"), strict=True))
    return {facet: tuple(map(str, runs[name])) for facet, name in names.items()}


def _place(runs: pd.DataFrame) -> list[tuple[str, str]]:
    stage = [("stage", "stage")] if runs["stage"].nunique() > 1 else []
    return [
        ("run_id", "run"), ("status", "status"), *stage, ("task", "task"), ("variant", "variant"),
        ("data_source", "data"), ("seq_len", "T"), ("cell", "cell"), ("hidden_size", "H"), ("seed", "seed"),
    ]  # fmt: skip


def _setting(name: str, values: pd.Series) -> Column:
    """A setting that differs between runs of a task."""
    about = f"{_ABOUT.get(name, '')} (same: all runs of the task share it)".strip()
    return Column(f"setting {name}", name, tuple(text or "same" for text in values), about)


def _number(runs: pd.DataFrame, name: str, title: str, form: Callable[[float], str]) -> Column:
    column = number_column(runs, name, title, form, _ABOUT[name])
    if name == "solved_step":
        budgets = runs["steps"].astype("float64")
        column = replaced(column, zip(beyond_budget(runs), map(beyond, budgets), strict=True))
    if name.startswith("gradflow_decades_"):
        moment = name.removeprefix("gradflow_decades_")
        bounds = [moment in text.split(",") for text in runs["gradflow_underflow"]]
        column = replaced(column, zip(bounds, (f"≤ {text}" for text in column.texts), strict=True))
    mask = does_not_apply(runs).get(name)
    if mask is not None:
        column = replaced(column, ((bool(flag), DOES_NOT_APPLY) for flag in mask))
    return column
