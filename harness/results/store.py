"""The folder of a run on disk: its files are written whole or not at all and never overwritten.

results/runs/<run_id>/config.yaml    the resolved config, written when the run begins
                      row.json       the RunRecord, written last: its presence ends the run
                      steps.csv      one row per evaluation
                      gradflow.csv   one row per probe, layer, state and time step; other probes likewise
                      log.txt        the log of the run
                      checkpoint.pt  the training so far, until the run has ended
                      attempt-1/     an earlier attempt, unchanged
"""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import math
import operator
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from harness.results.files import read_bytes
from harness.results.files import write_atomically as write_atomically
from harness.results.hashes import ROW_NAME, hashes_of, row_hash, why_changed
from harness.results.row_values import MOST_LEVELS, levels_above, why_wrong, without_surrogates
from harness.results.schema import (
    FINAL_STATUSES,
    FLOAT_COLUMNS,
    SCHEMA_1_TABLES,
    SCHEMA_VERSION,
    STATUSES,
    RunRecord,
    Table,
    columns_of,
)

LOCK_NAME = ".held"
"""Who makes a run, while it is made; see `locks`."""
OLD_LOCK_NAME = ".lock"
"""An empty file that earlier versions left in every folder of a run."""
CHECKPOINT_NAME = "checkpoint.pt"

_TABLE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")

WEIGHTS_NAME = "weights.pt"

MOST_ROW_BYTES = 2**24
"""Of a `row.json`: a larger file is none."""

MOST_SCHEMA_VERSION = 999
"""A larger number is no version that could be upgraded to."""


class CorruptRowError(ValueError):
    """A `row.json` that is not one whole record of its own run."""


class DamagedTableError(ValueError):
    """A table of a results folder that cannot be read; the message names the file and the way out."""


class NewerSchemaError(ValueError):
    """Results that a later version of this package wrote, in a layout that this one cannot read."""

    def __init__(self, path: Path, schema_version: int, harness: object) -> None:
        super().__init__(
            f"{path} was written by seqharness {harness or 'of an unknown version'} in schema version "
            f"{schema_version}, this one reads versions up to {SCHEMA_VERSION}: "
            "upgrade seqharness to at least that version"
        )


def runs_dir(results_dir: str | Path) -> Path:
    """The folder that holds one folder per run."""
    return Path(results_dir) / "runs"


def begin(run_dir: Path, config_yaml: str) -> None:
    """Prepares the folder for an attempt; the files of an earlier one are moved to `attempt-N/`."""
    run_dir.mkdir(parents=True, exist_ok=True)
    set_aside(run_dir)
    write_atomically(run_dir / "config.yaml", config_yaml)


def resume(run_dir: Path, config_yaml: str) -> None:
    """Prepares the folder for another process that continues the attempt; the row of its end is removed."""
    (run_dir / ROW_NAME).unlink(missing_ok=True)
    write_atomically(run_dir / "config.yaml", config_yaml)


def set_aside(run_dir: Path) -> None:
    """Moves the files of an attempt to `attempt-N/`, N the first number that is free."""
    locks = (LOCK_NAME, OLD_LOCK_NAME)
    earlier = [p for p in run_dir.iterdir() if p.name not in locks and not p.name.startswith("attempt-")]
    if earlier:
        number = 1
        while os.path.lexists(run_dir / f"attempt-{number}"):
            number += 1
        attempt = run_dir / f"attempt-{number}"
        attempt.mkdir()
        for path in earlier:
            path.rename(attempt / path.name)


def finish(run_dir: Path, record: RunRecord, tables: Sequence[Table] = ()) -> None:
    """Writes each table to `NAME.csv` and, last, the row, which describes them and holds all hashes.

    Raises:
        ValueError: two tables have the same name.
        AttributeError: a row of a table lacks one of its columns.
        OSError: a file cannot be written.
    """
    described = {table.name: table.description() for table in tables}
    if len(described) < len(tables):
        raise ValueError(f"each table needs a name of its own, not {[table.name for table in tables]}")
    for table in tables:
        write_atomically(run_dir / f"{table.name}.csv", table_csv(table))
    row = _for_json(dataclasses.asdict(dataclasses.replace(record, tables=described)))
    row["files"] = hashes_of(run_dir, ["config.yaml", WEIGHTS_NAME, *(f"{name}.csv" for name in described)])
    row["files"][ROW_NAME] = row_hash(row)
    write_atomically(run_dir / ROW_NAME, json.dumps(row, indent=1, allow_nan=False) + "\n")


def table_csv(table: Table) -> str:
    """The table as CSV: the header names its columns, each value is read from the row by that name."""
    names = list(columns_of(table.row_type))
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(names)
    writer.writerows(_values(table.rows, names))
    return out.getvalue()


def read_row(run_dir: Path) -> dict[str, Any] | None:
    """The row of a run, or None where the run has not ended; rows of version 0.1 in the layout of today.

    Raises:
        CorruptRowError: the file is not one whole record of this run, or was changed after it was written.
        NewerSchemaError: a later version of this package wrote it.
    """
    path = run_dir / ROW_NAME
    try:
        text = read_bytes(path, MOST_ROW_BYTES).decode("utf-8")
        row = json.loads(text)
    except FileNotFoundError:
        if path.is_symlink():
            raise CorruptRowError(f"{path}: a link to nothing") from None
        return None
    except (OSError, ValueError, RecursionError) as error:
        said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise CorruptRowError(f"{path}: not readable as JSON ({said})") from None
    if levels_above(row, MOST_LEVELS):
        raise CorruptRowError(f"{path}: more than {MOST_LEVELS} levels of mappings and lists")
    if not isinstance(row, dict) or not _is_version(row.setdefault("schema_version", 1)):
        raise CorruptRowError(f"{path}: not a record of the run {run_dir.name}")
    if row["schema_version"] > SCHEMA_VERSION:
        raise NewerSchemaError(run_dir, row["schema_version"], row.get("harness"))
    if (wrong := why_changed(row)) is not None:
        raise CorruptRowError(f"{path}: {wrong}")
    if "\\ud" in text or "\\uD" in text:  # how JSON writes half of a surrogate pair
        row = without_surrogates(row)
    if row["schema_version"] == 1:
        row["other_lengths"] = row.pop("longer", {})
        row["tables"] = {name: {"columns": dict.fromkeys(names)} for name, names in SCHEMA_1_TABLES.items()}
    if (
        row.get("run_id") != run_dir.name
        or row.get("status") not in STATUSES
        or "error" not in row
        or not isinstance(row.setdefault("other_lengths", {}), dict)
        or not _describes_tables(row.setdefault("tables", {}))
    ):
        raise CorruptRowError(f"{path}: not a record of the run {run_dir.name}")
    row["other_lengths"] = _with_infinite(row["other_lengths"], row["other_lengths"])
    row = _with_infinite(row, FLOAT_COLUMNS)
    if (wrong := why_wrong(row)) is not None:
        raise CorruptRowError(f"{path}: {wrong}")
    return row


def make_writable(results_dir: str | Path) -> None:
    """Creates the folder of the runs and checks, before anything is trained, that it can be written.

    Raises:
        OSError: a file has the folder's name, or the folder cannot be written.
    """
    folder = runs_dir(results_dir)
    folder.mkdir(parents=True, exist_ok=True)
    trial = folder / f".{os.getpid()}.tmp"
    trial.touch()
    trial.unlink()


def status_of(run_dir: Path) -> str:
    """One of the statuses, `begun` where an attempt has left no row, or `absent`.

    Raises:
        NewerSchemaError: a later version of this package wrote the row.
    """
    try:
        row = read_row(run_dir)
    except CorruptRowError:
        return "begun"
    if row is not None:
        return str(row["status"])
    return "begun" if (run_dir / "config.yaml").exists() else "absent"


def file_stamp(path: Path) -> tuple[int, int] | None:
    """Changes whenever `write_atomically` writes the file again; None where there is no file."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_ino, stat.st_mtime_ns


def is_final(run_dir: Path) -> bool:
    """Whether the run has ended in a way that running it again would only repeat.

    A run of version 0.1 never counts: its identity did not cover code and data.

    Raises:
        NewerSchemaError: a later version of this package wrote the row.
    """
    try:
        row = read_row(run_dir)
    except CorruptRowError:
        return False
    return row is not None and row["schema_version"] > 1 and row["status"] in FINAL_STATUSES


def _values(rows: Sequence[Any], names: Sequence[str]) -> Iterator[list[Any]]:
    getters = [operator.attrgetter(name) for name in names]
    for row in rows:
        values = [get(row) for get in getters]
        # the text of a NumPy float differs from that of Python's
        yield [float.__repr__(value) if isinstance(value, float) else value for value in values]


def _is_version(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MOST_SCHEMA_VERSION


def _describes_tables(tables: Any) -> bool:
    """Whether each table has a plain name and a list of columns, none of which says whose line it is."""
    return isinstance(tables, dict) and all(
        _TABLE_NAME.fullmatch(name)
        and isinstance(table, dict)
        and isinstance(columns := table.get("columns"), dict)
        and columns
        and "run_id" not in columns
        and all(isinstance(about, str | None) for about in columns.values())
        and isinstance(table.get("settings", {}), dict)
        and isinstance(table.get("note"), str | None)
        for name, table in tables.items()
    )


def _for_json(row: dict[str, Any]) -> dict[str, Any]:
    """JSON has no infinity: in a column of numbers it becomes a text, which `read_row` reads."""
    numbers = {name: _infinite_as_text(row[name]) for name in FLOAT_COLUMNS}
    others = {name: _infinite_as_text(value) for name, value in row["other_lengths"].items()}
    return _finite(row | numbers | {"other_lengths": others})


def _with_infinite(values: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """The values with infinities in place of their texts."""
    return values | {n: float(values[n]) for n in names if values.get(n) in ("Infinity", "-Infinity")}


def _infinite_as_text(value: Any) -> Any:
    infinite = isinstance(value, float) and math.isinf(value)
    return ("Infinity" if value > 0 else "-Infinity") if infinite else value


def _finite(value: Any) -> Any:
    """JSON has no NaN either: a number that is not finite becomes null."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
