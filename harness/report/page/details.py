"""What a click on a run shows beside its row: the tables that its probes recorded."""

from __future__ import annotations

import csv
import functools
import hashlib
import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from harness.report.page.encode import encoded
from harness.results.files import read_bytes
from harness.results.repeats import REPEAT_COLUMNS
from harness.results.store import CorruptRowError, read_row, runs_dir

ALL_UP_TO = 1000
"""Runs of which all details are in the page; of more only those of the median run of each setting."""

MOST = 2000
"""The most runs with details."""

DIGITS = 6
"""Significant digits of their numbers; the files of the run hold all."""


def runs_with_details(runs: pd.DataFrame) -> list[str]:
    """The runs whose details the page holds: all up to `ALL_UP_TO`, else the median one of each setting."""
    return list(runs["run_id"]) if len(runs) <= ALL_UP_TO else median_runs(runs)[:MOST]


def median_runs(runs: pd.DataFrame) -> list[str]:
    """The run in the middle of each setting by test accuracy and loss, for value targets by loss.

    Of two in the middle it is the lower. Runs that are not `ok` are looked at only where none is.
    """
    ok = runs["status"] == "ok"
    first = runs["test_loss"].where(runs["tolerance"].notna(), runs["test_accuracy"])
    keyed = runs.assign(_ok=ok, _not_ok=~ok, _first=first)
    ordered = keyed.sort_values(["_not_ok", "_first", "test_loss", "seed"], kind="stable")
    groups = ordered.groupby(list(REPEAT_COLUMNS), sort=False, dropna=False)
    n_ok, size = groups["_ok"].transform("sum"), groups["_ok"].transform("size")
    middle = (n_ok.where(n_ok > 0, size) - 1) // 2
    return list(ordered[groups.cumcount() == middle].sort_index()["run_id"])


def details_payload(results_dir: Path, run_ids: Sequence[str]) -> dict[str, Any]:
    """The tables of the given runs.

    Returns:
        `shapes`: name, columns and their meanings of each distinct table; `runs`: by run, for each of its
        tables the place of its shape, its columns, `encoded`, and its note.
    """
    shapes: dict[tuple[str, ...], int] = {}
    about: list[dict[str, Any]] = []
    found: dict[str, list[dict[str, Any]]] = {}
    for run_id in run_ids:
        folder = runs_dir(results_dir) / run_id
        try:
            row = read_row(folder)
        except CorruptRowError:
            continue
        for name, table in (row or {}).get("tables", {}).items():
            file = f"{name}.csv"
            columns = _read(folder / file, list(table["columns"]), (row or {}).get("files", {}).get(file))
            shape = (name, *table["columns"])
            if shape not in shapes:
                shapes[shape] = len(about)
                about.append({"name": name, "columns": table["columns"]})
            entry = {"shape": shapes[shape], "note": table.get("note"), "columns": columns}
            found.setdefault(run_id, []).append(entry)
    return {"shapes": about, "runs": found}


def _read(path: Path, names: Sequence[str], expected: str | None) -> list[dict[str, Any]] | None:
    """The columns of a table; None where it is missing, damaged or has another hash than `expected`."""
    try:
        content = read_bytes(path)
        rows = list(csv.reader(io.StringIO(content.decode("utf-8"), newline="")))
    except (OSError, UnicodeDecodeError, csv.Error):
        return None
    if expected is not None and hashlib.sha256(content).hexdigest() != expected:
        return None
    if not rows or rows[0] != list(names) or any(len(row) != len(names) for row in rows):
        return None
    columns = zip(*rows[1:], strict=True) if len(rows) > 1 else ([] for _ in names)
    return [encoded([_value(text) for text in column]) for column in columns]


@functools.lru_cache(maxsize=1 << 14)  # layers, time steps and moments repeat in every table
def _value(text: str) -> Any:
    """A number with a few digits, a text, or None for an empty place."""
    if text == "":
        return None
    try:
        number = float(text)
    except ValueError:
        return text
    if math.isnan(number):
        return None
    if math.isinf(number):
        return "Infinity" if number > 0 else "-Infinity"
    rounded = float(f"{number:.{DIGITS}g}")
    return int(rounded) if rounded.is_integer() and abs(rounded) < 10**DIGITS else rounded
