"""From the folders of the runs to data frames: one row per run, evaluation or probe measurement."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from harness.results.column_types import DTYPES, typed
from harness.results.files import shown, write_atomically
from harness.results.joined_tables import RUN_COLUMNS as RUN_COLUMNS
from harness.results.joined_tables import joined, numeric_where_numbers
from harness.results.row_values import OTHER_LENGTH_COLUMN as OTHER_LENGTH_COLUMN
from harness.results.schema import COLUMNS, SCHEMA_1_TABLES, SCHEMA_VERSION
from harness.results.store import CorruptRowError, NewerSchemaError, read_row, runs_dir
from harness.results.tuning import load_tuning, tuned_keys

log = logging.getLogger("harness.results")

NATURAL_ORDER = ("task", "variant", "data_source", "seq_len", "cell", "hidden_size", "seed", "run_id")
"""The order of the rows of `load_runs`; it does not depend on hashes, clocks or folders."""


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
        numbers = [name for name in frame if DTYPES.get(str(name), "float64") != "str"]
        frame = frame.astype(dict.fromkeys(numbers, "float64"))  # exact to the last bit, unlike the parser
        if "schema_version" not in frame:
            frame["schema_version"] = 1
        return _refuse_newer(_tidy(frame), path)
    rows = [
        row["other_lengths"]
        | {name: row.get(name) for name in COLUMNS}
        | {"config": json.dumps(row["config"], sort_keys=True)}
        for row in _read_rows(path)
    ]
    runs = _tidy(pd.DataFrame(rows))
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
        of them that has the name of a column of the run stands in its place. A table that is missing,
        damaged, or not the one that its run has written is left out, with a warning. A CSV file has the
        columns that it was written with.

    Raises:
        FileNotFoundError: `path` does not exist.
        NewerSchemaError: a later version of this package wrote one of the rows.
        ValueError: no run has a table of this name.
    """
    path = Path(path)
    if path.is_file():
        texts = dict.fromkeys(("run_id", *RUN_COLUMNS), "str")
        frame = numeric_where_numbers(pd.read_csv(path, dtype=texts, keep_default_na=False, na_values=[""]))
        return frame.assign(**{name: typed(frame[name]) for name in RUN_COLUMNS if name in frame})
    folder = runs_dir(path)
    rows = _read_rows(path) if runs is None else _rows_of(folder, runs["run_id"])
    known = {*SCHEMA_1_TABLES, *(table for row in rows for table in row["tables"])}
    if rows and name not in known:
        raise ValueError(f"no run under {path} has a table {name!r}; there are {', '.join(sorted(known))}")
    table = joined(folder, name, [row for row in rows if name in row["tables"]])
    if table is None:
        return pd.DataFrame(columns=["run_id", *RUN_COLUMNS, *SCHEMA_1_TABLES.get(name, ())])
    return table


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
        names = sorted(entry.name for entry in entries if Path(entry).is_dir())  # False for a loop of links
    return _rows_of(folder, names)


def _rows_of(folder: Path, run_ids: Iterable[str]) -> list[dict[str, Any]]:
    """The rows of runs that have ended; a corrupt one is named in a warning and left out."""
    rows = []
    for run_id in run_ids:
        try:
            row = read_row(folder / run_id)
        except CorruptRowError as error:
            log.warning("counted as not run: %s", shown(error))
            continue
        if row is not None:
            rows.append(row)
    return rows


def _tidy(frame: pd.DataFrame) -> pd.DataFrame:
    others = sorted(name for name in map(str, frame) if OTHER_LENGTH_COLUMN.fullmatch(name))
    frame = frame.reindex(columns=[*COLUMNS, *others])
    tidy = pd.DataFrame({str(name): typed(frame[name]) for name in frame})
    return tidy.sort_values(list(NATURAL_ORDER), kind="stable", ignore_index=True)


def _refuse_newer(runs: pd.DataFrame, path: Path) -> pd.DataFrame:
    newer = runs[runs["schema_version"] > SCHEMA_VERSION]
    if len(newer):
        raise NewerSchemaError(path, int(newer["schema_version"].max()), newer["harness"].max())
    return runs
