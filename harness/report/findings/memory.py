"""Which cell solves which task up to which length, in how many seeds."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from harness.report.figure_spec import ReportData
from harness.report.findings.finding import Finding
from harness.report.findings.words import few_blocks, figure_named, listed, pattern_groups, trained
from harness.results.outcomes import Solved, solved_of


def memory_findings(data: ReportData, drawn: Sequence[str]) -> list[Finding]:
    """One finding for each group of comparable runs of a task that has a threshold.

    Args:
        data: of a results folder.
        drawn: the names of its figures.
    """
    runs = data.runs[data.runs["solved_rule"].notna() & data.runs["status"].isin(["ok", "diverged"])]
    figure = figure_named(drawn, "solved_vs_length", "accuracy_vs_length", "accuracy_by_cell")
    return [
        Finding("memory", f"{name}: {memory_sentence(block)} {trained(block)}", figure)
        for name, block in few_blocks(runs)
    ]


def memory_sentence(block: pd.DataFrame) -> str:
    """Of runs that differ in cell, length and seed only: who solved which length with how many seeds."""
    by_cell: dict[str, tuple[tuple[int, Solved], ...]] = {}
    for cell, group in block.groupby("label", sort=False):
        lengths = sorted(group["seq_len"].unique().tolist())
        by_cell[str(cell)] = tuple((T, solved_of(group[group["seq_len"] == T])) for T in lengths)
    order = sorted(by_cell, key=lambda cell: (-_strength(by_cell[cell]), cell))
    shares = {cell: tuple((T, s.met, s.n) for T, s in by_cell[cell]) for cell in order}
    parts = [f"{listed(cells)} {_outcome(outcome)}" for cells, outcome in pattern_groups(shares)]
    rule = block["solved_rule"].dropna().iloc[0]
    few = " One seed proves nothing." if max(n for o in shares.values() for _, _, n in o) == 1 else ""
    return f"{'; '.join(parts)} (solved: validation {rule}).{few}"


def _strength(outcomes: tuple[tuple[int, Solved], ...]) -> float:
    return sum(outcome.met / outcome.n for _, outcome in outcomes)


def _outcome(shares: tuple[tuple[int, float, float], ...]) -> str:
    """`solved every length (14, 28, 56) with 5 of 5 seeds`, or length by length."""
    counts = {(met, n) for _, met, n in shares}
    tried = [T for T, _, _ in shares]
    if len(counts) == 1:
        met, n = counts.pop()
        every = f"T = {tried[0]}" if len(tried) == 1 else f"every length tried ({listed(map(str, tried))})"
        if n == 1:
            words = f"solved {every}" if met else f"did not solve {every.replace('every', 'any')}"
            return f"{words} with its one seed"
        if met or len(tried) == 1:
            return f"solved {every} with {met or 'none'} of {n} seeds"
        return f"solved {every.replace('every', 'no')} with any of {n} seeds"
    return "solved " + ", ".join(f"T = {T} with {met} of {n}" for T, met, n in shares)
