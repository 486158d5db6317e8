"""The summary page in Markdown: what ran, what each setting reached, and every run that is not `ok`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from harness.report.findings import Finding
from harness.report.markdown import markdown_table
from harness.report.other_lengths import other_lengths_section
from harness.report.pairs import pairs_section
from harness.report.pooled_scores import pooled_section
from harness.report.published_section import published_parts
from harness.report.settings_table import settings_section
from harness.report.tuning_section import tuning_section
from harness.results.contention import contention_of
from harness.results.repeats import mixtures_within_settings
from harness.results.schema import ENVIRONMENT_COLUMNS, STATUSES
from harness.results.settings import settings_of
from harness.results.store import write_atomically

SHARED = (
    "budget", "batch_size", "optimizer", "lr", "schedule", "clip", "num_layers", "dropout", "readout",
    "match_params",
)  # fmt: skip
"""Settings that the head of the summary names where all runs of a task share them."""

_USUAL = {"readout": "last"}
"""Values that the head of the summary leaves out."""


def summary_markdown(
    runs: pd.DataFrame, tuning: pd.DataFrame | None = None, findings: Sequence[Finding] = ()
) -> str:
    """The whole summary: what ran, the table of settings, cells in pairs, and every run that is not `ok`.

    Args:
        runs: the rows of `load_runs`; those of the stage `tune` are counted and listed where not `ok`.
        tuning: the rows of `load_tuning`, for a section on what was chosen.
        findings: what the runs show.
    """
    final = runs[runs["stage"] != "tune"] if "stage" in runs else runs
    tuned = [] if tuning is None or tuning.empty else tuning_section(tuning)
    others = other_lengths_section(final)
    pooled = pooled_section(final)
    parts = [
        ["# Summary", "", *_header(runs, final)],
        *([["## Findings", "", *map(_finding, findings)]] if findings else []),
        ["## Settings", "", *settings_section(final)],
        *([["## Chosen on validation data", "", *tuned]] if tuned else []),
        *([["## Tests at other lengths", "", *others]] if others else []),
        ["## Cells compared in pairs", "", *pairs_section(final)],
        *([["## Cells over all tasks and settings", "", *pooled]] if pooled else []),
        *published_parts(final),
        ["## Not ok", "", *_not_ok_section(runs)],
    ]
    return "\n\n".join("\n".join(lines) for lines in parts) + "\n"


def write_summary(
    results_dir: str | Path,
    runs: pd.DataFrame,
    tuning: pd.DataFrame | None = None,
    findings: Sequence[Finding] = (),
) -> Path:
    """Writes `summary.md` into `results_dir`, whole or not at all, and returns its path."""
    path = Path(results_dir) / "summary.md"
    write_atomically(path, summary_markdown(runs, tuning, findings))
    return path


def _finding(finding: Finding) -> str:
    """A line of a list, with a link to the figure that shows it."""
    text = " ".join(finding.text.split()).replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")
    return f"- {text}" + (f" [Figure](figures/{finding.figure}.png)." if finding.figure else "")


def _header(runs: pd.DataFrame, final: pd.DataFrame) -> list[str]:
    counts = runs["status"].value_counts()
    by_status = ", ".join(f"{counts[s]} {s}" for s in STATUSES if s in counts) or "none"
    tuning = len(runs) - len(final)
    of_tuning = f"; {tuning} of them for tuning, which no other table counts" if tuning else ""
    lines = [f"- runs: {len(runs)} ({by_status}){of_tuning}"]
    for name, word in (("cpu", "processors"), ("torch", "torch versions"), ("git_commit", "git commits")):
        values = sorted(runs[name].dropna().replace("", pd.NA).dropna().unique())
        shown = ", ".join(values) or "not recorded"
        mixed = f"; **{len(values)} {word} are mixed here**" if len(values) > 1 else ""
        lines.append(f"- {name.replace('_', ' ')}: {shown}{mixed}")
    lines += _mixture_lines(runs)
    for task, group in final.groupby("task"):
        sources = sorted(group["data_source"].unique())
        mixed = "; **sources are mixed, and never compared with each other**" if len(sources) > 1 else ""
        lines.append(f"- data of {task}: {', '.join(sources)}{mixed}")
        shared = settings_of(group).loc[:, lambda table: table.nunique() == 1].iloc[0]
        kept = [
            f"{key} {shared[key]}" for key in SHARED if shared.get(key) not in (None, "", _USUAL.get(key))
        ]
        lines.append(f"- all runs of {task}: {', '.join(kept)}")
    return [*lines, _clock_line(final)]


def _mixture_lines(runs: pd.DataFrame) -> list[str]:
    """Results of 0.1, and what differs between the repeats of a setting."""
    lines = []
    old = int((runs["schema_version"] == 1).sum())
    if old:
        lines.append(f"- results of 0.1: {old} of {len(runs)} runs; never pooled with newer ones")
    for name, (values, count) in mixtures_within_settings(runs, ENVIRONMENT_COLUMNS).items():
        settings = f"{count} setting{'s' if count > 1 else ''}"
        lines.append(f"- **{name} differs between repeats of {settings}: {', '.join(values)}**")
    return lines


def _clock_line(runs: pd.DataFrame) -> str:
    clock = (
        "- train s: seconds of training steps inside the run, without data building, evaluation and probes"
    )
    return f"{clock}; {contention_of(runs)}"


def _not_ok_section(runs: pd.DataFrame) -> list[str]:
    bad = runs[runs["status"] != "ok"]
    if bad.empty:
        return ["Every run ended `ok`."]
    rows = [
        [f"`{run.run_id}`", str(run.status), run.error if isinstance(run.error, str) else "no message"]
        for run in bad.itertuples()
    ]
    return markdown_table(["run", "status", "error"], rows)
