"""Which cell is more accurate, by how much, and which differences hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from harness.report.figure_spec import ReportData
from harness.report.findings.finding import Finding
from harness.report.findings.words import counted, few_blocks, figure_named, listed, trained
from harness.report.pairs import LEVEL, paired_table
from harness.results.outcomes import Accuracy, accuracy_of

FEWEST_SEEDS = 3
"""Seeds of a cell below which no difference between cells is stated."""


def accuracy_findings(data: ReportData, drawn: Sequence[str]) -> list[Finding]:
    """One finding for each group of comparable runs of a task without threshold, at its longest length.

    Args:
        data: of a results folder.
        drawn: the names of its figures.
    """
    runs = data.runs[data.runs["solved_rule"].isna() & (data.runs["status"] == "ok")]
    runs = runs[runs["test_accuracy"].notna()]
    if runs.empty:
        return []
    pairs = paired_table(data.runs)
    figure = figure_named(drawn, "accuracy_vs_length", "accuracy_by_cell")
    found = []
    for name, block in few_blocks(runs):
        longest = block[block["seq_len"] == block["seq_len"].max()]
        here = pairs[(pairs["seq_len"] == longest["seq_len"].iloc[0]) & _same_place(pairs, longest)]
        sentence = accuracy_sentence(longest, here, len(pairs), _diverged(data.runs, longest))
        text = f"{name}, T = {longest['seq_len'].iloc[0]}: {sentence}"
        found.append(Finding("accuracy", f"{text}{_by_length(block)} {trained(longest)}", figure))
    return found


def accuracy_sentence(
    runs: pd.DataFrame, pairs: pd.DataFrame, compared: int, diverged: Mapping[str, int] | None = None
) -> str:
    """Of runs that differ in cell and seed only: their means, and which differences hold.

    Args:
        runs: as `labelled` returns them.
        pairs: the rows of `paired_table` on these runs.
        compared: rows of the whole table, over which p-values were adjusted.
        diverged: how many further runs of a cell diverged: its mean is that of those that did not.
    """
    cells = {str(cell): accuracy_of(group) for cell, group in runs.groupby("label")}
    order = sorted(cells, key=lambda cell: (-cells[cell].mean, cell))
    seeds = runs.groupby("label")["seed"].nunique()
    means = listed(f"{cell} {_accuracy(cells[cell])}" for cell in order)
    of = (
        "test accuracy of one seed" if seeds.max() == 1 else f"mean test accuracy of {counted(seeds, 'seed')}"
    )
    text = f"{of}: {means}."
    text += _chance(runs, cells)
    if diverged:
        lost = listed(f"{count} of {cell}" for cell, count in diverged.items())
        text += f" Diverged, and not in the mean or its comparisons: {lost}."
    if len(cells) == 1:
        return text
    if seeds.min() < FEWEST_SEEDS:
        return f"{text} Too few seeds to say which cell is more accurate."
    two = [cell for cell in order if cells[cell].two_groups]
    if two:
        text += f" The seeds of {listed(two)} lie in two groups, which no mean describes."
    holds, open_pairs = [], []
    for row in pairs.to_dict("records"):
        up, down = (row["a"], row["b"]) if row["difference"] > 0 else (row["b"], row["a"])
        if row["p_adjusted"] < LEVEL:
            points = f"{abs(100 * row['difference']):.1f} ± {100 * row['half']:.1f} points"
            holds.append((order.index(up), order.index(down), f"{up} is above {down} by {points}"))
        elif not pd.isna(row["p_adjusted"]):
            open_pairs.append(f"{row['a']} and {row['b']}")
    if holds:
        text += f" {listed(words for *_, words in sorted(holds))}."
    if open_pairs:
        text += f" Not told apart: {'; '.join(open_pairs)}."
    adjusted = f" (Holm's adjustment over {counted([compared], 'comparison')}, 5 %.)"
    return text + (adjusted if holds or open_pairs else "")


def _diverged(all_runs: pd.DataFrame, longest: pd.DataFrame) -> dict[str, int]:
    """Runs in the place of `longest` that diverged, by cell."""
    here = _same_place(all_runs, longest) & (all_runs["seq_len"] == longest["seq_len"].iloc[0])
    counts = all_runs.loc[here & (all_runs["status"] == "diverged"), "label"].value_counts()
    return {str(cell): int(count) for cell, count in counts.sort_index().items()}


def _chance(runs: pd.DataFrame, cells: Mapping[str, Accuracy]) -> str:
    """What the best guess without the input reaches on the test samples, and which cells may be no better."""
    measured = runs["chance_test_accuracy"].astype(float)
    chance = measured.fillna(runs["chance_accuracy"].astype(float)).mean()
    if pd.isna(chance):
        return ""
    lower = {cell: value.mean if pd.isna(value.low) else value.low for cell, value in cells.items()}
    no_better = [cell for cell in sorted(cells) if lower[cell] <= chance]
    where = "" if measured.isna().all() else " on these test samples"
    return f" Chance{where} is {100 * chance:.1f} %." + (
        f" Not shown to exceed it: {listed(no_better)}." if no_better else ""
    )


def _accuracy(value: Accuracy) -> str:
    mean, low, high = 100 * value.mean, 100 * value.low, 100 * value.high
    return f"{mean:.1f} %" if pd.isna(low) else f"{mean:.1f} % ({low:.1f} to {high:.1f})"


def _by_length(block: pd.DataFrame) -> str:
    """` From T = 14 to 56: gru 95.2 to 94.5 %, …`, or empty with one length."""
    lengths = sorted(block["seq_len"].unique())
    if len(lengths) < 2:
        return ""
    parts = []
    for cell, group in block.groupby("label"):
        ends = [accuracy_of(group[group["seq_len"] == T]).mean for T in (lengths[0], lengths[-1])]
        if not any(map(pd.isna, ends)):
            parts.append(f"{cell} {100 * ends[0]:.1f} to {100 * ends[1]:.1f} %")
    return f" From T = {lengths[0]} to {lengths[-1]}: {', '.join(parts)}." if parts else ""


def _same_place(pairs: pd.DataFrame, runs: pd.DataFrame) -> pd.Series:
    first = runs.iloc[0]
    same = pd.Series(True, index=pairs.index)
    for name in ("task", "variant", "data_source", "size", "condition"):
        same &= pairs[name].astype(str) == str(first[name])
    return same
