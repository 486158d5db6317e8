"""What the runs of a folder do not allow to say."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from harness.report.figure_spec import ReportData
from harness.report.findings.finding import Finding
from harness.report.findings.words import listed
from harness.results.repeats import IDENTITY, mixtures_within_settings
from harness.results.schema import ENVIRONMENT_COLUMNS
from harness.results.settings import TUNED, settings_of, stops_when_solved


def caution_findings(data: ReportData, drawn: Sequence[str]) -> list[Finding]:
    """Reservations that hold for the whole folder; none where there is nothing to warn of.

    Args:
        data: of a results folder.
        drawn: the names of its figures; not used.
    """
    runs = data.runs
    texts = [
        _not_ok(runs),
        _seeds(runs),
        _learning_rates(runs),
        _mixtures(runs),
        _unsolved(runs),
        _stopped(runs),
    ]
    return [Finding("caution", text) for text in texts if text]


def _not_ok(runs: pd.DataFrame) -> str:
    counts = runs.loc[runs["status"] != "ok", "status"].value_counts()
    if counts.empty:
        return ""
    words = listed(f"{n} {status}" for status, n in counts.items())
    return f"Of {len(runs)} runs not all ended ok: {words}. Means and medians leave them out."


def _seeds(runs: pd.DataFrame) -> str:
    per_setting = runs[runs["status"] == "ok"].groupby("setting")["seed"].nunique()
    few = int((per_setting < 3).sum())
    if not few:
        return ""
    which = (
        "No setting has" if few == len(per_setting) else f"{few} of {len(per_setting)} settings do not have"
    )
    return f"{which} three seeds: too few to say which cell is better."


def _learning_rates(runs: pd.DataFrame) -> str:
    if runs["label"].nunique() < 2:
        return ""
    rates = settings_of(runs)["lr"]
    one = rates.groupby([runs[name] for name in IDENTITY]).transform("nunique") == 1
    fixed = sorted(set(rates[one & (rates != TUNED)]))
    if not fixed:
        return ""
    tasks = listed(sorted(runs.loc[one & (rates != TUNED), "task"].unique()))
    return (
        f"In {tasks} all cells had one learning rate ({listed(fixed)}): another one may change which cell "
        "does better."
    )


def _mixtures(runs: pd.DataFrame) -> str:
    mixed = mixtures_within_settings(runs, ENVIRONMENT_COLUMNS)
    if not mixed:
        return ""
    return f"Repeats of one setting differ in {listed(mixed)}: see the summary."


def _unsolved(runs: pd.DataFrame) -> str:
    ended = runs[runs["solved_rule"].notna() & (runs["status"] == "ok")]
    if ended.empty or ended["solved_step"].notna().all():
        return ""
    return "Not solved means: not within this budget; more steps may change it."


def _stopped(runs: pd.DataFrame) -> str:
    stopped = runs[stops_when_solved(runs) & runs["solved_step"].notna()]
    if stopped.empty:
        return ""
    tasks = listed(sorted(stopped["task"].unique()))
    return (
        f"Runs on {tasks} ended as soon as they had solved the task: their accuracies and losses are those "
        "of that step. Compare shares of solved seeds and steps to solve."
    )
