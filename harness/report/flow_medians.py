"""Medians of the gradient flow over seeds, for the summary, and which of them are upper bounds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from harness.results.statistics import median_of_bounds

FLOW_MEDIANS = {
    "decades_init": ("decades init", "init"),
    "decades_end": ("decades end", "end"),
    "reach_init": ("reach init", "reach_init"),
    "reach_end": ("reach end", "reach_end"),
}
"""Columns `gradflow_…` that are summarised: their titles, and their names in `gradflow_underflow`."""

FLOW_LEAD = (
    "Decades and reach: medians of the gradient flow ‖∂ℓ/∂h_t‖ over these seeds, at initialisation and at "
    "the end of training. Decades: log10 of its first value over its last. Reach: steps back until it first "
    "falls below a tenth of its last value; T where it never does. ≤: an upper bound, as norms underflow; "
    "–: not measured."
)
"""What they are, for the head of the table."""


def flow_medians(ok: pd.DataFrame) -> dict[str, Any]:
    """Medians of the columns in `FLOW_MEDIANS`, and in `gradflow_bounds` which of them are upper bounds.

    Args:
        ok: rows of `load_runs` of one setting that are `ok`.
    """
    entries = ok["gradflow_underflow"].str.split(",")
    columns: dict[str, Any] = {}
    bounds = []
    for name, (_, entry) in FLOW_MEDIANS.items():
        is_bound = pd.Series([entry in words for words in entries], index=ok.index, dtype=bool)
        columns[f"gradflow_{name}"], bound = median_of_bounds(ok[f"gradflow_{name}"], is_bound)
        bounds += [name] if bound else []
    return columns | {"gradflow_bounds": ",".join(bounds)}


def flow_texts(row: Mapping[Any, Any]) -> list[str]:
    """The cells of the summary's table: each median with one decimal, after ≤ where it is an upper bound."""
    texts = []
    for name in FLOW_MEDIANS:
        value = row[f"gradflow_{name}"]
        bound = "≤ " if name in row["gradflow_bounds"].split(",") else ""
        texts.append("–" if pd.isna(value) else f"{bound}{round(value, 1) + 0.0:.1f}")  # no -0.0
    return texts
