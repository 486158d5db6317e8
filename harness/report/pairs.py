"""Cells compared in pairs over the seeds of one setting, and which differences hold for all pairs at once."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd

from harness.report.markdown import interval, markdown_table
from harness.results.differences import Difference, holm_adjust, paired_difference, welch_difference
from harness.results.repeats import IDENTITY, labelled
from harness.results.statistics import in_two_groups

LEVEL = 0.05
"""Adjusted p-values below it are marked."""

_PLACE = (*IDENTITY, "seq_len", "size")
_BASELINES = ("lstm", "gru", "rnn")
_ALL_PAIRS_UP_TO = 5  # cells; 20 cells would give 190 rows per setting

LEAD = (
    "Difference in mean test accuracy, in percentage points, and its 95 % t interval; n: seeds. Paired by "
    "seed where a seed means the same data for both cells and others mean other data; else seeds pair "
    f"nothing, and the interval is Welch's. **Bold**: not zero, p < {LEVEL} after Holm's adjustment over all "
    "rows of this table. No interval where a cell's seeds lie in two groups or nothing varies: read shares "
    "and dots."
)


def paired_table(runs: pd.DataFrame) -> pd.DataFrame:
    """Cells compared in pairs: one row per pair that shares everything but the cell, and at least two seeds.

    Up to five cells are all compared with each other, more of them only with one baseline (`lstm`, else
    `gru`, `rnn`, else the first).

    Returns:
        task, variant, data_source, seq_len, size (as `sizes_of` gives it), condition, a, b (cells);
        difference in mean test accuracy a − b (0 to 1), half (width of its interval; NaN: none), p (NaN:
        none) and p_adjusted (Holm, over the table), n, and paired: whether by seed.
    """
    ok = labelled(runs)
    ok = ok[(ok["status"] == "ok") & ok["test_accuracy"].notna()]
    keys, rows = [*_PLACE, "condition"], []
    for place, group in ok.groupby(keys, dropna=False, observed=True):
        by_cell = {str(cell): g.set_index("seed") for cell, g in group.groupby("label")}
        for a, b in _pairs(list(by_cell)):
            shared = by_cell[a].index.intersection(by_cell[b].index)
            if len(shared) >= 2:
                paired = _pairs_something(by_cell[a].loc[shared], by_cell[b].loc[shared])
                rows.append((*place, a, b, *_compare(by_cell[a], by_cell[b], paired), paired))
    table = pd.DataFrame(rows, columns=[*keys, "a", "b", "difference", "half", "p", "n", "paired"])
    return table.assign(p_adjusted=holm_adjust(table["p"].to_list()))


def pairs_section(runs: pd.DataFrame) -> list[str]:
    """The lines of the summary's section on pairs."""
    table = paired_table(runs)
    if table.empty:
        return ["No two cells share a setting and at least two seeds."]
    titles = ["task", "variant", "data", "T", "H", "other settings", "cells", "difference, points", "n"]
    if not table["condition"].any():
        table, titles = table.drop(columns="condition"), [t for t in titles if t != "other settings"]
    rows = [
        [
            *(str(row[name]).removeprefix("H = ") for name in (*_PLACE, "condition") if name in row),
            f"{row['a']} − {row['b']}",
            difference_text(row),
            f"{row['n']}{' pairs' if row['paired'] else ''}",
        ]
        for row in table.to_dict("records")
    ]
    return [LEAD, "", *markdown_table(titles, rows)]


def difference_text(row: dict[Any, Any]) -> str:
    """`**+28.4 (+24.9 to +31.9)**`, of a row of `paired_table`."""
    middle, half = row["difference"], row["half"]
    bounds = (max(-1.0, middle - half), min(1.0, middle + half)) if not math.isnan(half) else (math.nan,) * 2
    text = interval(100 * middle, 100 * bounds[0], 100 * bounds[1], "+.1f")
    return f"**{text}**" if row["p_adjusted"] < LEVEL else text


def _compare(a: pd.DataFrame, b: pd.DataFrame, paired: bool) -> Difference:
    x, y = a["test_accuracy"].astype(float), b["test_accuracy"].astype(float)
    found = paired_difference(x, y) if paired else welch_difference(x.tolist(), y.tolist())
    if in_two_groups(x) or in_two_groups(y):
        return found._replace(half=math.nan, p=math.nan)
    return found


def _pairs_something(a: pd.DataFrame, b: pd.DataFrame) -> bool:
    """Whether the same seed means the same data in both cells, and other seeds other data."""
    x, y = a["data_fingerprint"], b["data_fingerprint"]
    return bool(x.notna().all() and (x == y).all() and x.nunique() > 1)


def _pairs(cells: Sequence[str]) -> Iterable[tuple[str, str]]:
    if len(cells) <= _ALL_PAIRS_UP_TO:
        return itertools.combinations(cells, 2)
    baseline = next((cell for cell in _BASELINES if cell in cells), cells[0])
    return ((cell, baseline) for cell in cells if cell != baseline)
