"""What figures of gates and Jacobians share: the rows of the top layer, panels by cell and moment."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes

from harness.report.figure_spec import ReportData
from harness.report.layout import Panel, split
from harness.report.style import GREY

MOMENTS = {"init": "at initialisation", "best": "best step"}
"""Of `gates.csv` and `jacobian.csv`, those that stand beside one another, and the words for them."""


def top_rows(data: ReportData, table: str) -> pd.DataFrame:
    """The rows of a probe's table that figures show: top layer, moments of `MOMENTS`, runs that are `ok`."""
    rows = data.tables.load(table)
    if rows.empty:
        return rows
    ok = data.runs.loc[data.runs["status"] == "ok", ["run_id", "label"]]
    rows = rows.merge(ok, on="run_id")
    top = rows["layer"] == rows.groupby("run_id")["layer"].transform("max")
    return rows[top & rows["moment"].isin(list(MOMENTS))]


def cell_panels(data: ReportData, rows: pd.DataFrame) -> list[Panel]:
    """A panel for each size, length, cell and moment of the runs in `rows`; `x` is the moment."""
    runs = data.runs[data.runs["run_id"].isin(rows["run_id"])]
    return [
        Panel((*panel.parts, cell, words), panel.runs[panel.runs["label"] == cell], moment)
        for panel in split(runs, ["size", "seq_len"])
        for cell in data.styles
        if (panel.runs["label"] == cell).any()
        for moment, words in MOMENTS.items()
    ]


def rows_of(panel: Panel, rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of the runs and the moment of a panel."""
    return rows[rows["run_id"].isin(panel.runs["run_id"]) & (rows["moment"] == panel.x)]


def steps_that_matter(runs: pd.DataFrame) -> tuple[int, int] | None:
    """First and last time step at which something decides the label; None where that marks nothing.

    So where the lag is not known or is the whole sequence, and where labels are at steps.
    """
    lags = runs[["seq_len", "lag_min", "lag_max"]].drop_duplicates()
    if len(lags) != 1 or lags.isna().any(axis=None) or runs["test_sequence_accuracy"].notna().any():
        return None
    seq_len, low, high = (int(value) for value in lags.iloc[0])
    return None if high - low >= seq_len - 1 else (seq_len - 1 - high, seq_len - 1 - low)


def mark_steps(ax: Axes, runs: pd.DataFrame) -> None:
    """Shades the steps that matter, where they are known."""
    steps = steps_that_matter(runs)
    if steps is not None:
        ax.axvspan(steps[0] - 0.5, steps[1] + 0.5, color=GREY, alpha=0.14, linewidth=0, zorder=0)
