"""The table of pairs: cells that share a setting, compared seed by seed."""

from __future__ import annotations

import math

import pandas as pd

from harness.report.page.absent import decimal
from harness.report.page.runs_table import FACETS
from harness.report.page.table import Column, PageTable, joined, text_column
from harness.report.summary import paired_table

_PLACE = (
    ("task", "task"),
    ("variant", "variant"),
    ("data_source", "data"),
    ("seq_len", "T"),
    ("size", "size"),
)
_LEAD = (
    "Difference in test accuracy, first cell minus second, in percentage points, paired by seed: the same "
    "seed means the same data. ±: half width of the 95 % t interval; n: shared seeds. Of many intervals one "
    "in twenty misses its mean."
)


def pairs_table(runs: pd.DataFrame) -> PageTable:
    """The table of pairs of cells.

    Args:
        runs: the rows of `load_runs` of the stage `final`.
    """
    table = paired_table(runs)
    condition = ["condition"] if table["condition"].any() else []
    columns = [text_column(table, name, title) for name, title in _PLACE]
    columns += [text_column(table, name, "other settings") for name in condition]
    columns += [text_column(table, "a", "cell"), text_column(table, "b", "minus")]
    columns += [_difference(table), text_column(table, "n", "n")]
    return PageTable("pairs", "Cells compared in pairs", _LEAD, table, tuple(columns), _facets(table))


def _difference(table: pd.DataFrame) -> Column:
    texts = []
    for mean, half in zip(100 * table["difference"], 100 * table["half"], strict=True):
        interval = "" if math.isnan(half) else f" ± {decimal(half)}"
        texts.append(f"{'+' if round(mean, 1) > 0 else ''}{decimal(mean)}{interval}")
    return Column("difference", "difference, points", tuple(texts), numeric=True)


def _facets(table: pd.DataFrame) -> dict[str, tuple[str, ...]]:
    cells = tuple(joined(pair) for pair in zip(table["a"], table["b"], strict=True))
    sizes, lengths = tuple(map(str, table["size"])), tuple(map(str, table["seq_len"]))
    values = (tuple(table["task"]), cells, sizes, lengths, ("",) * len(table))
    return dict(zip(FACETS, values, strict=True))
