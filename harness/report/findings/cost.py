"""What a training step costs with each cell."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from harness.report.figure_spec import ReportData
from harness.report.findings.finding import Finding
from harness.report.findings.words import blocks, counted, figure_named, listed
from harness.results.contention import ENOUGH, core_share


def cost_findings(data: ReportData, drawn: Sequence[str]) -> list[Finding]:
    """One finding: processor time of a training step, for the comparable runs with most cells and steps.

    Args:
        data: of a results folder.
        drawn: the names of its figures.
    """
    runs = data.runs[(data.runs["status"] == "ok") & (data.runs["steps"] > 0)]
    runs = runs[runs["train_cpu_s"].notna() & (runs["threads"] == 1)]
    runs = runs[runs["device"].isin(["cpu", ""]) & (runs["cpu"] == runs["cpu"].mode().get(0))]
    best = max(
        blocks(runs), key=lambda block: (block[1]["label"].nunique(), block[1]["seq_len"].max()), default=None
    )
    if best is None:
        return []
    name, block = best
    longest = block[block["seq_len"] == block["seq_len"].max()]
    figure = figure_named(drawn, "time_per_step", "accuracy_vs_time")
    where = f"{name}, T = {longest['seq_len'].iloc[0]}"
    return [Finding("cost", f"{where}: {cost_sentence(longest)}", figure)]


def cost_sentence(runs: pd.DataFrame) -> str:
    """Of runs that differ in cell and seed only: median processor time of a step, beside the cheapest."""
    step_ms = 1000 * runs["train_cpu_s"].astype(float) / runs["steps"].astype(float)
    medians = step_ms.groupby(runs["label"]).median().sort_values()
    cheapest = medians.iloc[0]
    parts = [
        f"{cell} {_milliseconds(ms)}" + (f" ({ms / cheapest:.1f} ×)" if ms > cheapest > 0 else "")
        for cell, ms in medians.items()
    ]
    seeds = runs.groupby("label")["seed"].nunique()
    of = "one seed" if seeds.max() == 1 else f"median of {counted(seeds, 'seed')}"
    kernels = listed(sorted(runs["kernel"].replace("", "unknown").unique()))
    shares = [core_share(*pair) for pair in zip(runs["train_cpu_s"], runs["train_s"], strict=True)]
    busy = pd.Series(shares).median() < ENOUGH
    caveat = (
        " Other work shared the machine, which slows processor time too: take ratios as rough."
        if busy
        else ""
    )
    return f"a training step takes {listed(parts)} of processor time ({of}, kernel {kernels}).{caveat}"


def _milliseconds(ms: float) -> str:
    """`0.25 ms`, `12 ms`, `120 ms`: two digits, and no power of ten."""
    return f"{ms:.0f} ms" if ms >= 99.5 else f"{ms:.2g} ms"
