"""Where gradients vanish, and what training changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from harness.report.figure_spec import ReportData
from harness.report.findings.finding import Finding
from harness.report.findings.words import (
    few_blocks,
    figure_of_task,
    inits_as_cells,
    listed,
    medians_over,
    trained,
)
from harness.report.flow_medians import flow_medians


def gradient_findings(data: ReportData, drawn: Sequence[str]) -> list[Finding]:
    """One finding for each group of comparable runs whose last state alone is read, at its longest length.

    Where the loss reads every state, the gradient reaches every step directly and says nothing about memory.
    Initialisations stand side by side in one sentence, since they decide where a gradient starts.

    Args:
        data: of a results folder.
        drawn: the names of its figures.
    """
    runs = data.runs
    one_label = runs["test_sequence_accuracy"].isna() & (runs["readout"] == "last")
    runs = runs[(runs["status"] == "ok") & one_label & runs["gradflow_decades_init"].notna()]
    if runs.empty:
        return []
    found = []
    for name, block in few_blocks(inits_as_cells(runs)):
        longest = block[block["seq_len"] == block["seq_len"].max()]
        figure = figure_of_task(drawn, "gradient_flow", longest)
        text = f"{name}, T = {longest['seq_len'].iloc[0]}: {flow_sentence(longest)} {trained(longest)}"
        found.append(Finding("gradient", text, figure))
    return found


def flow_sentence(runs: pd.DataFrame) -> str:
    """Of runs that differ in cell and seed only: the gradient at the first step against that at the last."""
    medians = {str(cell): flow_medians(group) for cell, group in runs.groupby("label")}
    seeds = medians_over(runs.groupby("label")["seed"].nunique())
    start = listed(f"{_power(row, 'decades_init')} ({cell})" for cell, row in medians.items())
    end = listed(f"{_power(row, 'decades_end')} ({cell})" for cell, row in medians.items())
    return (
        f"before training ‖∂L/∂h‖ at the first time step is {start} times that at the last; "
        f"after training {end}. {seeds}"
    )


def _power(row: Mapping[str, Any], name: str) -> str:
    """`10^-11.0`, `at most 10^-36.0` where the norm underflows, or `not measured`."""
    value = row[f"gradflow_{name}"]
    if pd.isna(value):
        return "not measured"
    bound = "at most " if name in str(row["gradflow_bounds"]).split(",") else ""
    return f"{bound}10^{round(float(value), 1) + 0.0:.1f}"
