"""How long the gates of a trained cell keep its state, beside how far back the answer lies."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from harness.report.figure_spec import ReportData
from harness.report.findings.finding import Finding
from harness.report.findings.words import (
    few_blocks,
    figure_named,
    inits_as_cells,
    listed,
    medians_over,
    trained,
)

_SLOW = "gates_time_scale_p90"


def gate_findings(data: ReportData, drawn: Sequence[str]) -> list[Finding]:
    """One finding for each group of comparable runs of a task with a known lag, at its longest length.

    Initialisations stand side by side in one sentence, since they decide how open a gate is at first.

    Args:
        data: of a results folder.
        drawn: the names of its figures.
    """
    if f"{_SLOW}_best" not in data.runs:
        return []
    runs = data.runs
    measured = runs[f"{_SLOW}_init"].notna() & runs[f"{_SLOW}_best"].notna() & runs["lag_max"].notna()
    runs = runs[(runs["status"] == "ok") & measured]
    if runs.empty:
        return []
    found = []
    for name, block in few_blocks(inits_as_cells(runs)):
        longest = block[block["seq_len"] == block["seq_len"].max()]
        text = f"{name}, T = {longest['seq_len'].iloc[0]}: {time_scale_sentence(longest)} {trained(longest)}"
        found.append(Finding("gates", text, figure_named(drawn, "time_scales", "gates")))
    return found


def time_scale_sentence(runs: pd.DataFrame) -> str:
    """Of runs that differ in cell and seed only: time scales of slow units before training and after."""
    medians = runs.groupby("label")[[f"{_SLOW}_init", f"{_SLOW}_best"]].median()
    each = listed(
        f"{cell} {_steps(row.iloc[0])} before training and {_steps(row.iloc[1])} at the best step"
        for cell, row in medians.iterrows()
    )
    low, high = int(runs["lag_min"].min()), int(runs["lag_max"].max())
    lag = f"{low}" if low == high else f"{low} to {high}"
    seeds = medians_over(runs.groupby("label")["seed"].nunique())
    return (
        f"the answer lies {lag} steps back; one unit in ten keeps its state for this time scale or longer, "
        f"in steps: {each}. {seeds} A cell can remember for longer than its gates do, by passing "
        "on what it keeps."
    )


def _steps(value: float) -> str:
    """`2.1`, `35`, `120`, `more than 10000`."""
    return "more than 10000" if value > 1e4 else f"{value:.2g}" if value < 99.5 else f"{value:.0f}"
