"""One table of all settings, and the summary page in Markdown, which lists every run that is not `ok`."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from harness.report.flow_medians import FLOW_LEAD, FLOW_MEDIANS, flow_medians, flow_texts
from harness.report.markdown import markdown_table, number, plus_minus
from harness.report.other_lengths import other_lengths_section
from harness.report.tuning_section import tuning_section
from harness.results.contention import contention_of
from harness.results.repeats import (
    IDENTITY,
    cell_labels,
    labelled,
    mixtures_within_settings,
    varying_settings,
)
from harness.results.schema import ENVIRONMENT_COLUMNS, STATUSES
from harness.results.settings import chosen_values, settings_of
from harness.results.statistics import paired_difference, t_interval
from harness.results.store import write_atomically

SHARED = (
    "budget", "batch_size", "optimizer", "lr", "schedule", "clip", "num_layers", "dropout", "readout",
    "match_params",
)  # fmt: skip
"""Settings that the head of the summary names where all runs of a task share them."""

_USUAL = {"readout": "last"}
"""Values that the head of the summary leaves out."""

_PLACE = (*IDENTITY, "seq_len", "size")
_BASELINES = ("lstm", "gru", "rnn")
_ALL_PAIRS_UP_TO = 5  # cells; 20 cells would give 190 rows per setting


def summary_table(runs: pd.DataFrame) -> pd.DataFrame:
    """One row per setting: all of the config but the seed; different settings are never pooled.

    Args:
        runs: the rows of `load_runs`.

    Returns:
        task, variant, data_source, seq_len, cell, hidden_size; one text column for each further setting or
        origin (`ORIGINS`) that varies within a task; `n` (runs that are `ok`), `not_ok`; means over the `ok`
        runs of test_accuracy and test_loss with half widths of their 95 % t intervals in `*_half` (NaN for
        n = 1); chance_accuracy, memoryless_loss; `solved` (of n) and the median solved_step of those; means
        of grad_norm_mean and train_s (seconds); medians of gradflow_decades_init, gradflow_decades_end,
        gradflow_reach_init and gradflow_reach_end over the `ok` runs that have them (NaN: none), and in
        `gradflow_bounds` the names of those that are upper bounds, such as `decades_init,reach_end`.
    """
    varying = varying_settings(runs)
    chosen = chosen_values(runs)
    if chosen.any():
        varying = varying.assign(chosen=chosen)
    named = runs.assign(cell=cell_labels(runs), **{f"setting {key}": varying[key] for key in varying})
    keys = [*IDENTITY, "seq_len", "cell", "hidden_size", *(f"setting {key}" for key in varying), "setting"]
    rows = [
        dict(zip(keys, place, strict=True)) | _measures(group)
        for place, group in named.groupby(keys, dropna=False)
    ]
    columns = [*keys, *_measures(named.iloc[:0])]
    table = pd.DataFrame(rows, columns=columns)
    if not table.duplicated([key for key in keys if key != "setting"]).any():
        table = table.drop(columns="setting")  # otherwise only the hash distinguishes some rows
    return table.rename(columns={f"setting {key}": key for key in varying})


def paired_table(runs: pd.DataFrame) -> pd.DataFrame:
    """Cells compared in pairs: one row per pair that shares everything but the cell, and at least two seeds.

    Up to five cells are all compared with each other, more of them only with one baseline (`lstm`, else
    `gru`, `rnn`, else the first).

    Returns:
        task, variant, data_source, seq_len, size (as `sizes_of` gives it), condition, a, b (cells); mean and
        half width of the paired difference in test accuracy a − b (0 to 1), n (seeds that both have).
    """
    ok = labelled(runs)
    ok = ok[(ok["status"] == "ok") & ok["test_accuracy"].notna()]
    keys, rows = [*_PLACE, "condition"], []
    for place, group in ok.groupby(keys, dropna=False, observed=True):
        by_cell = {str(cell): g.set_index("seed")["test_accuracy"] for cell, g in group.groupby("label")}
        for a, b in _pairs(list(by_cell)):
            mean, half, n = paired_difference(by_cell[a], by_cell[b])
            if n >= 2:
                rows.append((*place, a, b, mean, half, n))
    return pd.DataFrame(rows, columns=[*keys, "a", "b", "difference", "half", "n"])


def summary_markdown(runs: pd.DataFrame, tuning: pd.DataFrame | None = None) -> str:
    """The whole summary: what ran, the table of settings, cells in pairs, and every run that is not `ok`.

    Args:
        runs: the rows of `load_runs`; those of the stage `tune` are counted and listed where not `ok`.
        tuning: the rows of `load_tuning`, for a section on what was chosen.
    """
    final = runs[runs["stage"] != "tune"] if "stage" in runs else runs
    parts = [
        ["# Summary", "", *_header(runs, final)],
        ["## Settings", "", *_settings_section(final)],
        ["## Cells compared in pairs", "", *_pairs_section(final)],
        ["## Not ok", "", *_not_ok_section(runs)],
    ]
    other_lengths = other_lengths_section(final)
    if other_lengths:
        parts.insert(2, ["## Tests at other lengths", "", *other_lengths])
    if tuning is not None and len(tuning):
        parts.insert(2, ["## Chosen on validation data", "", *tuning_section(tuning)])
    return "\n\n".join("\n".join(lines) for lines in parts) + "\n"


def write_summary(results_dir: str | Path, runs: pd.DataFrame, tuning: pd.DataFrame | None = None) -> Path:
    """Writes `summary.md` into `results_dir`, whole or not at all, and returns its path."""
    path = Path(results_dir) / "summary.md"
    write_atomically(path, summary_markdown(runs, tuning))
    return path


def _measures(group: pd.DataFrame) -> dict[str, Any]:
    ok = group[group["status"] == "ok"]
    accuracy, accuracy_half = t_interval(ok["test_accuracy"])
    loss, loss_half = t_interval(ok["test_loss"])
    return {
        "n": len(ok),
        "not_ok": len(group) - len(ok),
        "test_accuracy": accuracy,
        "test_accuracy_half": accuracy_half,
        "chance_accuracy": group["chance_accuracy"].mean(),
        "test_loss": loss,
        "test_loss_half": loss_half,
        "memoryless_loss": group["memoryless_loss"].mean(),
        "solved": int(ok["solved_step"].notna().sum()) if group["solved_rule"].notna().any() else math.nan,
        "solved_step": _median(ok["solved_step"]),
        "grad_norm_mean": ok["grad_norm_mean"].mean(),
        **flow_medians(ok),
        "train_s": ok["train_s"].mean(),
    }


def _median(values: pd.Series) -> float:
    values = values.dropna()
    return float(values.median()) if len(values) else math.nan


def _pairs(cells: Sequence[str]) -> Iterable[tuple[str, str]]:
    if len(cells) <= _ALL_PAIRS_UP_TO:
        return itertools.combinations(cells, 2)
    baseline = next((cell for cell in _BASELINES if cell in cells), cells[0])
    return ((cell, baseline) for cell in cells if cell != baseline)


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


def _settings_section(runs: pd.DataFrame) -> list[str]:
    table = summary_table(runs)
    if table.empty:
        return ["There is no run."]
    names = [str(name) for name in table]
    extra = names[names.index("hidden_size") + 1 : names.index("n")]
    titles = ["task", "variant", "data", "T", "cell", "H", *extra, "n", "test accuracy %", "chance %"]
    titles += ["test loss", "memoryless loss", "solved", "grad norm"]
    titles += [*(title for title, _ in FLOW_MEDIANS.values()), "train s"]
    lead = (
        "Mean over the seeds that ended `ok` ± half width of the 95 % t interval; n is their number. Solved: "
        "how many met the task's threshold, and the median step at which. Grad norm: mean before clipping. "
        f"{FLOW_LEAD}"
    )
    rows = [_setting_row(row, extra) for row in table.to_dict("records")]
    return [lead, "", *markdown_table(titles, rows)]


def _setting_row(row: dict[Any, Any], extra: Sequence[str]) -> list[str]:
    n, not_ok = row["n"], row["not_ok"]
    return [
        *(str(row[name]) for name in (*IDENTITY, "seq_len", "cell", "hidden_size")),
        *(str(row[name]) for name in extra),
        (f"n={n}" if n == 1 else str(n)) + (f" (+{not_ok} not ok)" if not_ok else ""),
        plus_minus(100 * row["test_accuracy"], 100 * row["test_accuracy_half"], ".1f"),
        number(100 * row["chance_accuracy"], ".1f"),
        plus_minus(row["test_loss"], row["test_loss_half"], ".3g"),
        number(row["memoryless_loss"], ".3g"),
        _solved(row, n),
        number(row["grad_norm_mean"], ".3g"),
        *flow_texts(row),
        number(row["train_s"], ".3g"),
    ]


def _solved(row: dict[Any, Any], n: int) -> str:
    """How many seeds met the task's threshold, and when; – where the task has none."""
    if math.isnan(row["solved"]):
        return "–"
    return f"{row['solved']:.0f}/{n}" + (f" at {row['solved_step']:.0f}" if row["solved"] else "")


def _pairs_section(runs: pd.DataFrame) -> list[str]:
    table = paired_table(runs)
    if table.empty:
        return ["No two cells share a setting and at least two seeds."]
    titles = ["task", "variant", "data", "T", "H", "other settings", "cells", "difference, points", "n"]
    lead = (
        "Difference in test accuracy, in percentage points, paired by seed (the same seed means the same "
        "data) ± half width of the 95 % t interval; n is the number of shared seeds. Of many intervals "
        "one in twenty misses its mean."
    )
    if not table["condition"].any():
        table, titles = table.drop(columns="condition"), [t for t in titles if t != "other settings"]
    rows = [
        [
            *(str(value).removeprefix("H = ") for value in row[:-5]),
            f"{row[-5]} − {row[-4]}",
            plus_minus(100 * row[-3], 100 * row[-2], "+.1f"),
            str(row[-1]),
        ]
        for row in table.itertuples(index=False, name=None)
    ]
    return [lead, "", *markdown_table(titles, rows)]


def _not_ok_section(runs: pd.DataFrame) -> list[str]:
    bad = runs[runs["status"] != "ok"]
    if bad.empty:
        return ["Every run ended `ok`."]
    rows = [
        [f"`{run.run_id}`", str(run.status), run.error if isinstance(run.error, str) else "no message"]
        for run in bad.itertuples()
    ]
    return markdown_table(["run", "status", "error"], rows)
