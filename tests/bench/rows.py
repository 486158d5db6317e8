"""The table that a bench leaves: a row a measurement, with its target where there is one."""

from __future__ import annotations

import csv
import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles


@dataclass(frozen=True, kw_only=True)
class Row:
    """One measurement. `value` is a median over `n`, `low` and `high` are its quartiles."""

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
    """Whether the target is met; None where there is none."""


def row_of(
    values: Sequence[float], *, at_least: float | None = None, at_most: float | None = None, **known: object
) -> Row:
    """The row of repeated measurements, and whether their median meets a target."""
    middle = median(values)
    low, _, high = quantiles(values, n=4, method="inclusive") if len(values) > 1 else (None, None, None)
    target, met = "", None
    if at_least is not None:
        target, met = f">= {at_least:g}", middle >= at_least
    elif at_most is not None:
        target, met = f"<= {at_most:g}", middle <= at_most
    return Row(value=middle, low=low, high=high, n=len(values), target=target, met=met, **known)  # type: ignore[arg-type]


def write(path: Path, rows: Sequence[Row]) -> None:
    """Writes the table; numbers with 4 digits."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(field.name for field in dataclasses.fields(Row))
        for row in rows:
            writer.writerow(_plain(value) for value in dataclasses.astuple(row))


def _plain(value: object) -> object:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else value
