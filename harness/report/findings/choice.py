"""What initialisation and learning rate do to a comparison."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from harness.report.by_setting import swept_over
from harness.report.figure_spec import ReportData
from harness.report.findings.finding import Finding
from harness.report.findings.words import blocks, counted, figure_named, listed
from harness.report.training_words import budget_sentence
from harness.results.outcomes import accuracy_of, solved_of
from harness.results.repeats import labelled

CHOICES = {
    "init": "initialisation",
    "lr": "learning rate",
    "readout": "readout",
    "hidden_size": "hidden size",
    "batch_size": "batch size",
}
"""Columns whose effect is stated, and their words."""


def choice_findings(data: ReportData, drawn: Sequence[str]) -> list[Finding]:
    """One finding for each of `CHOICES` that was swept, task and length.

    Args:
        data: of a results folder.
        drawn: the names of its figures.
    """
    found = []
    for column, word in CHOICES.items():
        runs = swept_over(data.runs, column)
        if runs.empty or runs[column].nunique() < 2:
            continue
        runs = labelled(runs.drop(columns=["label", "condition", "size"]), ignore=[column])
        if column == "hidden_size":
            runs = runs[runs["match_params"].isna()].assign(size="all sizes")
        figure = figure_named(drawn, f"accuracy_vs_{column}")
        for name, block in blocks(runs):
            for T, at in block.groupby("seq_len"):
                if at.groupby("label")[column].nunique().max() > 1:  # else it tells cells apart, not values
                    sentence = choice_sentence(at, column)
                    found.append(
                        Finding(
                            "choice",
                            f"{name}, T = {T}, by {word}: {sentence} ({budget_sentence(at)})",
                            figure,
                        )
                    )
    return found + _range_ends(data.tuning, drawn)


def choice_sentence(runs: pd.DataFrame, column: str) -> str:
    """Of runs that differ in cell, `column` and seed: what each cell reached with each value.

    >>> runs = pd.DataFrame({"label": "lstm", "init": ["torch", "keras"], "seed": 1, "status": "ok",
    ...     "solved_rule": "accuracy >= 0.9", "solved_step": [None, 50.0], "test_accuracy": [0.3, 1.0]})
    >>> choice_sentence(runs, "init")
    'seeds that solved the task: lstm 1 of 1 (keras), 0 of 1 (torch).'
    """
    solvable = runs["solved_rule"].notna().any()
    parts = []
    for cell, group in runs.groupby("label"):
        values = []
        for value, rows in group.groupby(column):
            reached = _solved(rows) if solvable else _accuracy(rows)
            if reached:
                values.append((reached, f"{value:g}" if isinstance(value, float) else str(value)))
        if len({reached for reached, _ in values}) == 1 and len(values) > 1:
            parts.append(f"{cell} {values[0][0]} with each")
        elif values:
            parts.append(f"{cell} " + ", ".join(f"{reached} ({value})" for reached, value in values))
    n = counted(runs.groupby(["label", column])["seed"].nunique(), "seed")
    what = "seeds that solved the task" if solvable else f"mean test accuracy of {n}"
    return f"{what}: {'; '.join(parts)}."


def _solved(rows: pd.DataFrame) -> str:
    solved = solved_of(rows)
    return f"{solved.met} of {solved.n}" if solved.n else ""


def _accuracy(rows: pd.DataFrame) -> str:
    mean = accuracy_of(rows).mean
    return "" if pd.isna(mean) else f"{100 * mean:.1f} %"


def _range_ends(tuning: pd.DataFrame, drawn: Sequence[str]) -> list[Finding]:
    """How often the chosen learning rate is the largest or the smallest that was offered."""
    if tuning.empty or "chosen" not in tuning:
        return []
    chosen = tuning[tuning["chosen"]].drop_duplicates("setting")
    if chosen.empty or tuning["lr"].nunique() < 2:
        return []
    low, high = tuning["lr"].min(), tuning["lr"].max()
    parts = []
    for end, word in ((high, "largest"), (low, "smallest")):
        at = chosen[chosen["lr"] == end]
        if len(at):
            by_cell = listed(f"{n} of {cell}" for cell, n in at["label"].value_counts().sort_index().items())
            parts.append(f"the {word} learning rate offered ({end:g}) was chosen in {len(at)} ({by_cell})")
    if not parts:
        return []
    text = f"Of {len(chosen)} settings {listed(parts)}: a better one may lie beyond the range."
    return [Finding("caution", text, figure_named(drawn, "tuning"))]
