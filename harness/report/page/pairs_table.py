"""The table of pairs: cells that share a setting, compared seed by seed."""

from __future__ import annotations

import pandas as pd

from harness.report.page.runs_table import FACETS
from harness.report.page.table import Column, PageTable, joined, text_column
from harness.report.pairs import LEAD, LEVEL, difference_text, paired_table

_PLACE = (
    ("task", "task"),
    ("variant", "variant"),
    ("data_source", "data"),
    ("seq_len", "T"),
    ("size", "size"),
)

_LEAD = LEAD.replace("**Bold**: not zero,", "“Not zero”:")  # its own column here


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
    columns += [_difference(table), _holds(table), text_column(table, "n", "n")]
    return PageTable("pairs", "Cells compared in pairs", _LEAD, table, tuple(columns), _facets(table))


def _difference(table: pd.DataFrame) -> Column:
    texts = tuple(difference_text(row).strip("*") for row in table.to_dict("records"))
    return Column("difference", "difference, points", texts, numeric=True)


def _holds(table: pd.DataFrame) -> Column:
    """Whether a difference is not zero after adjustment."""
    texts = tuple("–" if pd.isna(p) else "yes" if p < LEVEL else "no" for p in table["p_adjusted"])
    return Column("p_adjusted", "not zero", texts, f"p < {LEVEL} after Holm's adjustment", numeric=True)


def _facets(table: pd.DataFrame) -> dict[str, tuple[str, ...]]:
    cells = tuple(joined(pair) for pair in zip(table["a"], table["b"], strict=True))
    sizes, lengths = tuple(map(str, table["size"])), tuple(map(str, table["seq_len"]))
    values = (tuple(table["task"]), cells, sizes, lengths, ("",) * len(table))
    return dict(zip(FACETS, values, strict=True))
