"""How well each cell predicts the next symbol, in bits."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd

from harness.report.figure_spec import ReportData
from harness.report.findings.finding import Finding
from harness.report.findings.words import few_blocks, figure_of_task, listed, medians_over, trained


def bits_findings(data: ReportData, drawn: Sequence[str]) -> list[Finding]:
    """One finding for each group of comparable runs that predict the next symbol, at its longest length.

    Args:
        data: of a results folder.
        drawn: the names of its figures.
    """
    runs = data.runs[data.runs["test_bits"].notna() & (data.runs["status"] == "ok")]
    found = []
    for name, block in few_blocks(runs):
        T = block["seq_len"].max()
        longest = block[block["seq_len"] == T]
        figure = figure_of_task(drawn, "loss_curves", longest)
        found.append(
            Finding("accuracy", f"{name}, T = {T}: {bits_sentence(longest)} {trained(longest)}", figure)
        )
    return found


def bits_sentence(runs: pd.DataFrame) -> str:
    """Of runs that differ in cell and seed only: median and range of the bits for each label.

    Args:
        runs: as `labelled` returns them.
    """
    bits = runs["test_bits"].astype(float).groupby(runs["label"])
    table = pd.DataFrame(
        {"median": bits.median(), "low": bits.min(), "high": bits.max(), "seeds": bits.size()}
    )
    parts = [
        f"{cell} {row['median']:.2f}"
        + (f" ({row['low']:.2f} to {row['high']:.2f})" if row["seeds"] > 1 else "")
        for cell, row in table.sort_values("median").iterrows()
    ]
    seeds = medians_over(table["seeds"])
    nats = runs["memoryless_test_loss"].astype(float).mean()
    text = f"bits per symbol on the test samples, fewer are better: {listed(parts)}. {seeds}"
    if pd.isna(nats):
        return text
    pairs = nats / math.log(2)
    better = [str(cell) for cell in table.index[table["high"] < pairs]]
    told = f"all seeds of {listed(better)} are below" if better else "no cell is below it with all seeds"
    return (
        f"{text} A table of which symbol follows which, counted in all of the data, has {pairs:.2f}: {told}."
    )
