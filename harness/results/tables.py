"""From the folders of the runs to data frames: one row per run, evaluation or probe measurement."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import logging
import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from harness.results.schema import COLUMNS, SCHEMA_1_TABLES, SCHEMA_VERSION, RunRecord
from harness.results.store import CorruptRowError, NewerSchemaError, read_row, runs_dir, write_atomically
from harness.results.tuning import load_tuning, tuned_keys

log = logging.getLogger("harness.results")

NATURAL_ORDER = ("task", "variant", "data_source", "seq_len", "cell", "hidden_size", "seed", "run_id")
"""The order of the rows of `load_runs`; it does not depend on hashes, clocks or folders."""

RUN_COLUMNS = ("task", "cell", "seed")
"""What `load_table` says of the run in each row, beside `run_id`."""

OTHER_LENGTH_COLUMN = re.compile(r"test_(loss|accuracy)_([0-9]+x|T[0-9]+)")
"""A test at another length than the one trained at."""

_DTYPES = {
    f.name: {"int": "Int64", "float": "float64"}.get(str(f.type).split(" ")[0], "str")
    for f in dataclasses.fields(RunRecord)
}
_DEFAULTS = {
    f.name: f.default for f in dataclasses.fields(RunRecord) if isinstance(f.default, str) and f.default
}
"""Of texts: what a row means that was written before the column existed."""

_MAY_BE_EMPTY = {f.name for f in dataclasses.fields(RunRecord) if "None" in str(f.type)}


def load_runs(path: str | Path = "results") -> pd.DataFrame:
    """Reads every run that has ended, `ok` or not.

    Args:
        path: a results folder, whose `runs/*/row.json` are read, or a `runs.csv`.

    Returns:
        One row per run with the columns of `RunRecord`, in `NATURAL_ORDER`; integers as `Int64`, `config` as
        a JSON string. A column that a row lacks is NA, or its default where that is a text, as for `init`;
        one that `RunRecord` does not know is dropped; `schema_version` is 1 for runs of version 0.1. A
        corrupt row counts as not run: a warning names it.

    Raises:
        FileNotFoundError: `path` does not exist.
        NewerSchemaError: a later version of this package wrote one of the rows.
    """
    path = Path(path)
    if path.is_file():
        frame = pd.read_csv(path, dtype="str", keep_default_na=False, na_values=[""])
        numbers = [name for name in frame if _DTYPES.get(str(name), "float64") != "str"]
        frame = frame.astype(dict.fromkeys(numbers, "float64"))  # exact to the last bit, unlike the parser
        if "schema_version" not in frame:
            frame["schema_version"] = 1
        return _refuse_newer(_tidy(frame), path)
    rows = [
        row["other_lengths"] | row | {"config": json.dumps(row["config"] or {}, sort_keys=True)}
        for row in _read_rows(path)
    ]
    runs = _tidy(_frame_of(rows))
    return runs.assign(tuned=tuned_keys(runs, load_tuning(path)))


def require_runs(runs: pd.DataFrame, path: str | Path) -> pd.DataFrame:
    """Returns `runs` unchanged.

    Raises:
        FileNotFoundError: it has no row.
    """
    if runs.empty:
        raise FileNotFoundError(f"no finished runs under {path}; run `harness -m experiment=smoke` first")
    return runs


def load_table(path: str | Path, name: str, runs: pd.DataFrame | None = None) -> pd.DataFrame:
    """Reads one table beside the rows, such as `steps`, of every run that has it.

    Args:
        path: a results folder, or one CSV file with a `run_id` column, as `gather` writes it.
        name: the table's name, without `.csv`.
        runs: the rows of `load_runs`, where they have been read before: only their tables are read.

    Returns:
        `run_id`, `RUN_COLUMNS` of the run, then the columns that the runs' own rows list for this table; one
        of them that has the name of a column of the run stands in its place. A table that is missing or
        damaged is left out, with a warning. A CSV file has the columns that it was written with.

    Raises:
        FileNotFoundError: `path` does not exist.
        NewerSchemaError: a later version of this package wrote one of the rows.
        ValueError: no run has a table of this name.
    """
    path = Path(path)
    if path.is_file():
        texts = dict.fromkeys(("run_id", *RUN_COLUMNS), "str")
        frame = _numeric_where_numbers(pd.read_csv(path, dtype=texts, keep_default_na=False, na_values=[""]))
        return frame.assign(**{name: _typed(frame[name]) for name in RUN_COLUMNS if name in frame})
    folder = runs_dir(path)
    rows = _read_rows(path) if runs is None else _rows_of(folder, runs["run_id"])
    by_columns: dict[tuple[str, ...], list[str]] = {}
    for row in rows:
        if name in row["tables"]:
            by_columns.setdefault(tuple(row["tables"][name]["columns"]), []).append(row["run_id"])
    frames = [_parse(folder, name, columns, ids) for columns, ids in by_columns.items()]
    known = {*SCHEMA_1_TABLES, *(table for row in rows for table in row["tables"])}
    if rows and name not in known:
        raise ValueError(f"no run under {path} has a table {name!r}; there are {', '.join(sorted(known))}")
    if not frames:
        return pd.DataFrame(columns=["run_id", *RUN_COLUMNS, *SCHEMA_1_TABLES.get(name, ())])
    return _with_run_columns(frames[0] if len(frames) == 1 else pd.concat(frames, ignore_index=True), rows)


def table_names(path: str | Path) -> list[str]:
    """The names of the tables beside the rows that `load_table` can read, in the order of the runs.

    Raises:
        FileNotFoundError: `path` does not exist.
        NewerSchemaError: a later version of this package wrote one of the rows.
    """
    return list(dict.fromkeys(name for row in _read_rows(Path(path)) for name in row["tables"]))


def load_steps(path: str | Path = "results", runs: pd.DataFrame | None = None) -> pd.DataFrame:
    """Reads the evaluations of every run: `load_table` of `steps`, whose columns are those of `EvalRow`."""
    return load_table(path, "steps", runs)


def load_gradflow(path: str | Path = "results", runs: pd.DataFrame | None = None) -> pd.DataFrame:
    """Reads the gradient flow of every run: `load_table` of `gradflow`."""
    return load_table(path, "gradflow", runs)


def gather(results_dir: str | Path = "results") -> pd.DataFrame:
    """Writes `runs.csv` and `steps.csv` into `results_dir`, each whole or not at all, and returns the runs.

    Raises:
        FileNotFoundError: `results_dir` does not exist.
        NewerSchemaError: a later version of this package wrote one of the rows.
    """
    results_dir = Path(results_dir)
    runs = load_runs(results_dir)
    write_atomically(results_dir / "runs.csv", runs.to_csv(index=False, lineterminator="\n"))
    steps = load_steps(results_dir, runs)
    write_atomically(results_dir / "steps.csv", steps.to_csv(index=False, lineterminator="\n"))
    return runs


def _read_rows(results_dir: Path) -> list[dict[str, Any]]:
    if not results_dir.is_dir():
        raise FileNotFoundError(f"{results_dir}: no such results folder or runs.csv")
    folder = runs_dir(results_dir)
    if not folder.is_dir():
        return []
    with os.scandir(folder) as entries:
        names = sorted(entry.name for entry in entries if entry.is_dir())
    return _rows_of(folder, names)


def _rows_of(folder: Path, run_ids: Iterable[str]) -> list[dict[str, Any]]:
    """The rows of runs that have ended; a corrupt one is named in a warning and left out."""
    rows = []
    for run_id in run_ids:
        try:
            row = read_row(folder / run_id)
        except CorruptRowError as error:
            log.warning("counted as not run: %s", str(error).replace("\n", " "))
            continue
        if row is not None:
            rows.append(row)
    return rows


def _frame_of(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """The rows as a frame; half of a surrogate pair, which Arrow's strings cannot hold, becomes `?`."""
    try:
        return pd.DataFrame(rows)
    except UnicodeEncodeError:
        return pd.DataFrame([{key: _whole(value) for key, value in row.items()} for row in rows])


def _whole(value: Any) -> Any:
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value


def _tidy(frame: pd.DataFrame) -> pd.DataFrame:
    others = sorted(name for name in map(str, frame) if OTHER_LENGTH_COLUMN.fullmatch(name))
    frame = frame.reindex(columns=[*COLUMNS, *others])
    typed = pd.DataFrame({str(name): _typed(frame[name]) for name in frame})
    return typed.sort_values(list(NATURAL_ORDER), kind="stable", ignore_index=True)


def _refuse_newer(runs: pd.DataFrame, path: Path) -> pd.DataFrame:
    newer = runs[runs["schema_version"] > SCHEMA_VERSION]
    if len(newer):
        raise NewerSchemaError(path, int(newer["schema_version"].max()), newer["harness"].max())
    return runs


def _typed(column: pd.Series) -> pd.Series:
    name, kind = str(column.name), _DTYPES.get(str(column.name), "float64")
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


def _parse(folder: Path, name: str, columns: Sequence[str], run_ids: Iterable[str]) -> pd.DataFrame:
    """The tables of runs with the same columns, as one frame: a single parse of their joined text."""
    text = "".join(_prefixed_bodies(folder, f"{name}.csv", columns, run_ids))
    frame = pd.read_csv(
        io.StringIO(text), names=["run_id", *columns], header=None, dtype={"run_id": "str"},
        keep_default_na=False, na_values=[""],
    )  # fmt: skip
    return _numeric_where_numbers(frame)


def _with_run_columns(frame: pd.DataFrame, rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Puts `RUN_COLUMNS` behind `run_id`, each value looked up once a run and not once a line."""
    place = {row["run_id"]: i for i, row in enumerate(rows)}
    codes, run_ids = pd.factorize(frame["run_id"])
    taken = [place[run_id] for run_id in run_ids]
    for at, name in enumerate((name for name in RUN_COLUMNS if name not in frame), start=1):
        values = _typed(pd.Series([row[name] for row in rows], name=name))
        frame.insert(at, name, values.iloc[taken].take(codes).array)
    return frame


def _numeric_where_numbers(frame: pd.DataFrame) -> pd.DataFrame:
    """Makes each column numeric whose first value is a number, but those that tell of the run."""
    for name in frame.columns.drop(["run_id", *RUN_COLUMNS], errors="ignore"):
        values = frame[name].dropna()
        if values.empty or not pd.isna(pd.to_numeric(values.iloc[:1], errors="coerce").iloc[0]):
            frame[name] = pd.to_numeric(frame[name], errors="coerce")
    return frame


def _prefixed_bodies(folder: Path, name: str, columns: Sequence[str], run_ids: Iterable[str]) -> list[str]:
    """The lines of each run's table, each with `run_id` in front."""
    header, bodies = ",".join(columns), []
    for run_id in run_ids:
        try:
            with open(folder / run_id / name, encoding="utf-8", newline="") as file:
                head, _, body = file.read().partition("\n")
        except (OSError, UnicodeDecodeError) as error:
            log.warning("left out: %s: %s", folder / run_id / name, error)
            continue
        lines = _prefixed(run_id, body, len(columns))
        if head != header or lines is None:
            log.warning("left out: %s: not a whole table of %s", folder / run_id / name, header)
        else:
            bodies.append(lines)
    return bodies


def _prefixed(run_id: str, body: str, width: int) -> str | None:
    """The lines with `run_id` in front, or None where not each of them has `width` values."""
    if not body:
        return ""
    if not body.endswith("\n"):
        return None
    if '"' in body:  # a text with a comma or a line break in it
        rows = list(csv.reader(io.StringIO(body)))
        out = io.StringIO()
        csv.writer(out, lineterminator="\n").writerows([run_id, *row] for row in rows)
        return out.getvalue() if all(len(row) == width for row in rows) else None
    if body.count(",") != body.count("\n") * (width - 1):
        return None
    return f"{run_id}," + body[:-1].replace("\n", f"\n{run_id},") + "\n"
