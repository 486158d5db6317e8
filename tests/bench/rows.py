"""The table of the bench: one row per measurement, with a target for some."""

from __future__ import annotations

import csv
import dataclasses
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from harness.results.store import write_atomically


@dataclass(frozen=True, kw_only=True)
class Row:
    """One measurement: median `value` of `n`, quartiles `low` and `high`; without quartiles a mean."""

    part: str
    what: str
    cell: str = ""
    T: int | None = None
    H: int | None = None
    B: int | None = None
    value: float
    low: float | None = None
    high: float | None = None
    n: int = 1
    unit: str
    target: str = ""
    met: bool | None = None
    """Whether the target is met; None without a target."""


NAMES = [field.name for field in dataclasses.fields(Row)]


def row_of(
    values: Sequence[float], *, at_least: float | None = None, at_most: float | None = None, **known: object
) -> Row:
    """The row of repeated measurements, with the target that their median should meet."""
    middle = median(values)
    low, _, high = quantiles(values, n=4, method="inclusive") if len(values) > 1 else (None, None, None)
    target, met = "", None
    if at_least is not None:
        target, met = f">= {at_least:g}", middle >= at_least
    elif at_most is not None:
        target, met = f"<= {at_most:g}", middle <= at_most
    return Row(value=middle, low=low, high=high, n=len(values), target=target, met=met, **known)  # type: ignore[arg-type]


def write(path: Path, part: str, rows: Sequence[Row]) -> None:
    """Writes the rows of a part into the table, replacing its earlier ones; numbers have 4 digits."""
    others = [row for row in read(path) if row.part != part] if path.exists() else []
    path.parent.mkdir(parents=True, exist_ok=True)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(NAMES)
    for row in [*others, *rows]:
        writer.writerow(_plain(value) for value in dataclasses.astuple(row))
    write_atomically(path, text.getvalue())


def read(path: Path) -> list[Row]:
    """Reads the rows of a table."""
    with open(path, newline="", encoding="utf-8") as file:
        return [
            Row(**{name: _value(name, text) for name, text in row.items()}) for row in csv.DictReader(file)
        ]


def _value(name: str, text: str) -> Any:
    if name in ("T", "H", "B", "n"):
        return int(text) if text else None
    if name in ("value", "low", "high"):
        return float(text) if text else None
    if name == "met":
        return {"True": True, "False": False}.get(text)
    return text


def _plain(value: object) -> object:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else value
