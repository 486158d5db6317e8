"""The part of the summary that says which values were tried for each setting, and which was chosen."""

from __future__ import annotations

import re
from typing import Any

import pandas as pd

from harness.report.markdown import markdown_table, number


def tuning_section(tuning: pd.DataFrame) -> list[str]:
    """One row a setting: each value with its mean validation result, the chosen one in bold.

    Args:
        tuning: the rows of `load_tuning`.
    """
    lead = (
        "Mean best validation result over the tuning seeds, which no other table uses: accuracy in per "
        "cent, or loss for value targets. Bold: chosen for the runs of the other tables. A choice at the end "
        "of the range may not be the best there is."
    )
    rows = []
    for _, group in tuning.groupby("group", sort=False):
        first = group.iloc[0]
        names = ("task", "variant", "data_source", "seq_len", "cell", "hidden_size", "init")
        tried = " · ".join(map(_tried, group.to_dict("records")))
        rows.append([*(str(first[name]) for name in names), str(first["axes"]), tried, str(first["seeds"])])
    titles = ["task", "variant", "data", "T", "cell", "H", "init", "chosen", "tried: result", "seeds"]
    return [lead, "", *markdown_table(titles, rows)]


def _tried(row: dict[Any, Any]) -> str:
    """`lr=0.003: 95.0`, in bold where it was chosen."""
    by_loss = row["chosen_by"] == "val_loss"
    result = number(row["val_loss"], ".3g") if by_loss else number(100 * row["val_accuracy"], ".1f")
    values = ", ".join(re.sub(r"^\w+\.(?=\w+=)", "", part) for part in row["values"].split(", "))
    diverged = f" ({row['diverged']} diverged)" if row["diverged"] else ""
    text = f"{values}: {result}{diverged}"
    return f"**{text}**" if row["chosen"] else text
