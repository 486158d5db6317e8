"""One table of all settings: what each reached over its seeds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd

from harness.report.flow_medians import FLOW_LEAD, FLOW_MEDIANS, flow_medians, flow_texts
from harness.report.markdown import interval, markdown_table, number, range_text
from harness.results.outcomes import accuracy_of, solved_of
from harness.results.repeats import IDENTITY, cell_labels, varying_settings
from harness.results.settings import chosen_values
from harness.results.statistics import median_and_range

LEAD = (
    "n: seeds that ended `ok`. Test accuracy: mean and its 95 % interval, within 0 to 100 % and with the "
    "sampling error of the test set where that is recorded; for seeds in two groups lowest and highest. Test "
    "loss, grad norm (before clipping), train s: median (lowest to highest). Solved: seeds that met the "
    "task's threshold, and the median step at which, seeds that did not counted as more than the budget. "
    f"–: not measured, or the task has no such number. {FLOW_LEAD}"
)


def summary_table(runs: pd.DataFrame) -> pd.DataFrame:
    """One row per setting: all of the config but the seed; different settings are never pooled.

    Args:
        runs: the rows of `load_runs`.

    Returns:
        task, variant, data_source, seq_len, cell, hidden_size; one text column for each further setting or
        origin (`ORIGINS`) that varies within a task, `setting NAME` where NAME is one of these columns;
        `n` (runs that are `ok`), `not_ok`; test_accuracy
        with accuracy_low and accuracy_high as `accuracy_of` gives them, accuracy_lowest, accuracy_highest,
        two_groups; test_loss (median), loss_lowest, loss_highest; chance_accuracy, memoryless_loss;
        `solved` of `solved_n` with solved_low, solved_high and solved_step, as `solved_of` gives them (NaN:
        the task has no threshold); budget (largest number of steps made); grad_norm_mean and train_s
        (medians; seconds) with `…_lowest` and `…_highest`; medians of gradflow_decades_init,
        gradflow_decades_end, gradflow_reach_init and gradflow_reach_end (NaN: none), and in
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
    taken = set(table.columns)  # as `budget`, which is a setting and a number of steps
    return table.rename(columns={f"setting {key}": key for key in varying if key not in taken})


def settings_section(runs: pd.DataFrame) -> list[str]:
    """The lines of the summary's section on settings."""
    table = summary_table(runs)
    if table.empty:
        return ["There is no run."]
    names = [str(name) for name in table]
    extra = names[names.index("hidden_size") + 1 : names.index("n")]
    titles = ["task", "variant", "data", "T", "cell", "H", *extra, "n", "test accuracy %", "chance %"]
    titles += ["test loss", "memoryless loss", "solved", "grad norm"]
    titles += [*(title for title, _ in FLOW_MEDIANS.values()), "train s"]
    rows = [_setting_row(row, extra) for row in table.to_dict("records")]
    return [LEAD, "", *markdown_table(titles, rows)]


def _measures(group: pd.DataFrame) -> dict[str, Any]:
    ok = group[group["status"] == "ok"]
    accuracy, solved = accuracy_of(group), solved_of(group)
    loss, loss_lowest, loss_highest = median_and_range(ok["test_loss"])
    norm, norm_lowest, norm_highest = median_and_range(ok["grad_norm_mean"])
    seconds, seconds_lowest, seconds_highest = median_and_range(ok["train_s"])
    return {
        "n": len(ok),
        "not_ok": len(group) - len(ok),
        "test_accuracy": accuracy.mean,
        "accuracy_low": accuracy.low,
        "accuracy_high": accuracy.high,
        "accuracy_lowest": accuracy.lowest,
        "accuracy_highest": accuracy.highest,
        "two_groups": accuracy.two_groups,
        "chance_accuracy": group["chance_accuracy"].mean(),
        "test_loss": loss,
        "loss_lowest": loss_lowest,
        "loss_highest": loss_highest,
        "memoryless_loss": group["memoryless_loss"].mean(),
        "solved": solved.met,
        "solved_n": solved.n,
        "solved_low": solved.low,
        "solved_high": solved.high,
        "solved_step": solved.step,
        "budget": group["steps"].max(),
        "grad_norm_mean": norm,
        "grad_norm_lowest": norm_lowest,
        "grad_norm_highest": norm_highest,
        **flow_medians(ok),
        "train_s": seconds,
        "train_s_lowest": seconds_lowest,
        "train_s_highest": seconds_highest,
    }


def _setting_row(row: dict[Any, Any], extra: Sequence[str]) -> list[str]:
    n, not_ok = row["n"], row["not_ok"]
    return [
        *(str(row[name]) for name in (*IDENTITY, "seq_len", "cell", "hidden_size")),
        *(str(row[name]) for name in extra),
        (f"n={n}" if n == 1 else str(n)) + (f" (+{not_ok} not ok)" if not_ok else ""),
        accuracy_text(row),
        number(100 * row["chance_accuracy"], ".1f"),
        range_text(row["test_loss"], row["loss_lowest"], row["loss_highest"], ".3g"),
        number(row["memoryless_loss"], ".3g"),
        solved_text(row),
        range_text(row["grad_norm_mean"], row["grad_norm_lowest"], row["grad_norm_highest"], ".3g"),
        *flow_texts(row),
        range_text(row["train_s"], row["train_s_lowest"], row["train_s_highest"], ".3g"),
    ]


def accuracy_text(row: dict[Any, Any]) -> str:
    """`94.4 (92.9 to 95.6)`, or `75.6, in two groups, 26.0 to 100.0`; of a row of `summary_table`."""
    mean = 100 * row["test_accuracy"]
    if row["two_groups"]:
        ends = range_text(mean, 100 * row["accuracy_lowest"], 100 * row["accuracy_highest"], ".1f")
        return ends.replace(" (", ", in two groups, ").removesuffix(")")
    return interval(mean, 100 * row["accuracy_low"], 100 * row["accuracy_high"], ".1f")


def solved_text(row: dict[Any, Any]) -> str:
    """`5/5 at 150`, or `2/5, > 1000 steps`; – where the task has no threshold, or no run ended."""
    if math.isnan(row["solved"]) or not row["solved_n"]:
        return "–"
    share = f"{row['solved']:.0f}/{row['solved_n']:.0f}"
    if math.isinf(row["solved_step"]):
        return f"{share}, > {row['budget']:.0f} steps" if row["budget"] > 0 else share
    return f"{share} at {row['solved_step']:.0f}"
