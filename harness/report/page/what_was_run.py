"""The last section: which grid, on which machine, with which versions and data, and what did not end well."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from harness.report.page.absent import percent, short
from harness.report.page.lookups import Lookups
from harness.results.contention import contention_of
from harness.results.repeats import mixtures_within_settings
from harness.results.schema import ENVIRONMENT_COLUMNS, STATUSES
from harness.results.settings import flat_configs, show

MOST_VALUES = 30
"""Values of one fact that are written out."""

MOST_ERRORS = 100


@dataclass(frozen=True)
class Fact:
    """One line: a term, its value, and a warning where values are mixed that should not be."""

    term: str
    text: str
    warning: str = ""


@dataclass(frozen=True)
class Failure:
    """Runs that ended in the same way with the same message."""

    status: str
    error: str
    count: int
    first: str
    """One of them."""


@dataclass(frozen=True)
class TaskDefinition:
    """A task as it was run."""

    title: str
    facts: tuple[Fact, ...]
    definition: str
    """Text of the task's documentation; empty: not known."""


_GRID = {"task": "tasks", "label": "cells", "size": "sizes", "seq_len": "lengths T", "seed": "seeds"}
_MACHINE = {
    "cpu": "processor", "device": "device", "threads": "threads", "kernel": "kernel", "tf32": "TF32",
    "torch": "torch", "numba": "Numba", "python": "Python", "harness": "seqharness",
    "git_commit": "git commit",
}  # fmt: skip


def grid_facts(runs: pd.DataFrame, varying: pd.DataFrame) -> list[Fact]:
    """How many runs of what.

    Args:
        runs: as `labelled` returns them.
        varying: the `varying_settings` of those of the stage `final`.
    """
    counts = runs["status"].value_counts()
    by_status = ", ".join(f"{counts[status]} {status}" for status in STATUSES if status in counts)
    facts = [Fact("runs", f"{len(runs)}: {by_status}")]
    final = runs[runs["stage"] != "tune"]
    if len(final) < len(runs):
        text = f"{len(runs) - len(final)}, on validation data only; the table of settings leaves them out"
        facts.append(Fact("of them for tuning", text))
    facts += [Fact(term, _values(final[name])) for name, term in _GRID.items()]
    for name in map(str, varying):
        facts.append(Fact(name.replace("_", " "), _values(varying[name])))
    return facts


def machine_facts(runs: pd.DataFrame) -> list[Fact]:
    """Where and with what it was computed; what is mixed within a setting is a warning."""
    mixed = mixtures_within_settings(runs, ENVIRONMENT_COLUMNS)
    facts = []
    for name, term in _MACHINE.items():
        _, settings = mixed.get(name, ([], 0))
        within = f"{settings} setting{'s' if settings > 1 else ''}"
        warning = f"differs between repeats of {within}" if settings else ""
        facts.append(Fact(term, _values(runs[name]), warning))
    started = sorted(text for text in runs["started_at"] if text)
    facts.append(Fact("started", f"{started[0]} to {started[-1]}" if started else "not recorded"))
    total = runs["cpu_s"].sum(min_count=1)
    facts.append(
        Fact("processor time of all runs", "not recorded" if pd.isna(total) else f"{short(total)} s")
    )
    facts.append(Fact("clock", contention_of(runs[runs["stage"] != "tune"])))
    return facts


def failures(runs: pd.DataFrame) -> list[Failure]:
    """What is not `ok`, by status and message, the most frequent first."""
    bad = runs[runs["status"] != "ok"]
    reasons = bad["error"].fillna("no message")
    found = [
        Failure(str(status), str(error), len(group), str(group["run_id"].iloc[0]))
        for (status, error), group in bad.groupby([bad["status"], reasons], sort=True)
    ]
    return sorted(found, key=lambda failure: -failure.count)[:MOST_ERRORS]


def task_definitions(runs: pd.DataFrame, lookups: Lookups) -> list[TaskDefinition]:
    """Each task, variant and source with its baselines and threshold, and what its documentation says."""
    targets = flat_configs(tuple(runs["config"])).set_axis(runs.index).get("task._target_")
    found = []
    for (task, variant, source), group in runs.groupby(["task", "variant", "data_source"], sort=True):
        target = None if targets is None else targets[group.index].dropna()
        text = (lookups.definition_of(target.iloc[0]) or "") if target is not None and len(target) else ""
        facts = (
            Fact("data", str(source)),
            Fact("data files, SHA-256", _values(group["data_hash"].replace("", "generated"))),
            Fact("solved", _values(group["solved_rule"].fillna("the task has no threshold"))),
            Fact("chance accuracy %", _values(group["chance_accuracy"].map(percent))),
            Fact(
                "memoryless loss",
                _values(group["memoryless_loss"].map(lambda v: "not known" if pd.isna(v) else short(v))),
            ),
            Fact(
                "right when the error is below",
                _values(group["tolerance"].map(lambda v: "does not apply" if pd.isna(v) else short(v))),
            ),
        )
        found.append(TaskDefinition(f"{task}, variant {variant}", facts, text))
    return found


def _values(values: pd.Series) -> str:
    """The distinct values in natural order; whole numbers that follow one another as a range."""
    known = values.replace("", pd.NA).dropna() if values.dtype != "category" else values.dropna()
    distinct: Sequence[object] = (
        sorted(known.unique())
        if values.dtype != "category"
        else list(known.cat.remove_unused_categories().cat.categories)
    )
    if not distinct:
        return "not recorded"
    if all(isinstance(value, int) for value in distinct) and len(distinct) > 2:
        numbers = [int(str(value)) for value in distinct]
        if numbers == list(range(numbers[0], numbers[-1] + 1)):
            return f"{numbers[0]} to {numbers[-1]}"
    more = f" and {len(distinct) - MOST_VALUES} more" if len(distinct) > MOST_VALUES else ""
    return ", ".join(map(show, distinct[:MOST_VALUES])) + more
