"""Tests at other lengths than the one trained at, as rows: one for each run and tested length."""

from __future__ import annotations

import re

import pandas as pd

from harness.report.markdown import markdown_table, number
from harness.results.repeats import IDENTITY, labelled
from harness.results.tables import OTHER_LENGTH_COLUMN


def tested_lengths(runs: pd.DataFrame) -> pd.DataFrame:
    """Each run once for every length that it was tested at, that of its training included.

    Args:
        runs: the rows of `load_runs`, or those that `labelled` returns.

    Returns:
        Rows of the runs that were tested at another length, with `tested_len` (steps), and in `test_accuracy`
        and `test_loss` what was measured there; sorted by run, then length.
    """
    parts, tested = [], pd.Series(False, index=runs.index)
    for measure, suffix in sorted(found.groups() for found in map(_match, runs.columns) if found):
        if measure == "accuracy":
            length = int(suffix[1:]) if suffix[0] == "T" else runs["seq_len"] * int(suffix[:-1])
            at = runs.assign(
                tested_len=length,
                test_accuracy=runs[f"test_accuracy_{suffix}"],
                test_loss=runs[f"test_loss_{suffix}"] if f"test_loss_{suffix}" in runs else float("nan"),
            )
            here = at["test_accuracy"].notna()
            tested |= here
            parts.append(at[here])
    rows = pd.concat([runs[tested].assign(tested_len=runs.loc[tested, "seq_len"]), *parts])
    return rows.drop_duplicates(["run_id", "tested_len"]).sort_values(
        ["run_id", "tested_len"], ignore_index=True
    )


def other_lengths_section(runs: pd.DataFrame) -> list[str]:
    """The lines of a table: mean test accuracy of each setting at each tested length; empty without tests.

    Args:
        runs: the rows of `load_runs`.
    """
    rows = tested_lengths(labelled(runs[runs["status"] == "ok"]))
    if rows.empty:
        return []
    keys = [*IDENTITY, "seq_len", "label", "size", "condition"]
    table = rows.pivot_table(index=keys, columns="tested_len", values="test_accuracy", observed=True)
    seeds = rows.groupby(keys, observed=True)["seed"].nunique()
    lead = (
        "Mean test accuracy (%) over the seeds that ended `ok`, of the same weights, tested at the length in "
        "the head of the column; T: the length trained at. –: not tested there."
    )
    titles = ["task", "variant", "data", "T", "cell", "size", "other settings", "n"]
    titles += [f"{int(length)} steps" for length in table.columns]
    lines = [
        [*map(str, place), str(seeds[place]), *(number(100 * value, ".1f") for value in values)]
        for place, values in zip(table.index, table.to_numpy(), strict=True)
    ]
    return [lead, "", *markdown_table(titles, lines)]


def _match(name: object) -> re.Match[str] | None:
    return OTHER_LENGTH_COLUMN.fullmatch(str(name))
