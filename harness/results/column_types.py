"""The type of each column of `runs.csv` in a frame, from the fields of `RunRecord`."""

from __future__ import annotations

import dataclasses
from typing import Any

import pandas as pd

from harness.results.schema import RunRecord

DTYPES = {
    f.name: {"int": "Int64", "float": "float64"}.get(str(f.type).split(" ")[0], "str")
    for f in dataclasses.fields(RunRecord)
}
_DEFAULTS = {
    f.name: f.default for f in dataclasses.fields(RunRecord) if isinstance(f.default, str) and f.default
}
"""Of texts: what a row means that was written before the column existed."""

_MAY_BE_EMPTY = {f.name for f in dataclasses.fields(RunRecord) if "None" in str(f.type)}


def typed(column: pd.Series) -> pd.Series:
    """A column in its type; a value that has none counts as not measured."""
    name, kind = str(column.name), DTYPES.get(str(column.name), "float64")
    if kind == "str":
        # CSV cannot tell an empty string from none, so the frame does not either
        text = column.astype("str")
        if name in _MAY_BE_EMPTY:
            return text.where(text != "")
        return text.where(text != "").fillna(_DEFAULTS.get(name, ""))
    if kind == "Int64":
        return pd.Series([_int64(value) for value in column], index=column.index, dtype="Int64", name=name)
    return pd.to_numeric(column, errors="coerce").astype("float64")


def _int64(value: Any) -> int | None:
    """A whole number that fits the column; any other value counts as not measured."""
    try:
        number = int(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if abs(number) < 2**63 else None
