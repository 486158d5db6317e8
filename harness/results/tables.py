"""From the folders of the runs to data frames: one row a run, one row an evaluation, one row a probe."""

from __future__ import annotations

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

from harness.results.schema import COLUMNS, GRADFLOW_COLUMNS, STEP_COLUMNS, RunRecord
from harness.results.store import CorruptRowError, read_row, runs_dir, write_atomically

log = logging.getLogger("harness.results")

NATURAL_ORDER = ("task", "variant", "data_source", "seq_len", "cell", "hidden_size", "seed", "run_id")
"""The order of the rows of `load_runs`; it does not depend on hashes, clocks or folders."""

LONGER_COLUMN = re.compile(r"test_(loss|accuracy)_([0-9]+x|T[0-9]+)")
"""A test at another length than the one trained at."""

_DTYPES = {
    f.name: {"int": "Int64", "float": "float64"}.get(str(f.type).split(" ")[0], "str")
    for f in dataclasses.fields(RunRecord)
}
_MAY_BE_EMPTY = {f.name for f in dataclasses.fields(RunRecord) if "None" in str(f.type)}


def load_runs(path: str | Path = "results") -> pd.DataFrame:
    """Reads every run that has ended, `ok` or not.

    Args:
        path: a results folder, whose `runs/*/row.json` are read afresh, or a `runs.csv`.

    Returns:
        One row a run with the columns of `RunRecord`, in `NATURAL_ORDER`; integers as `Int64`, `config` as a
        JSON string. A column that a row lacks is NA, one that `RunRecord` does not know is dropped. A row
        that is corrupt counts as not run: it is named in a warning and left out.

    Raises:
        FileNotFoundError: `path` does not exist.
    """
    path = Path(path)
    if path.is_file():
        frame = pd.read_csv(path, dtype="str", keep_default_na=False, na_values=[""])
        numbers = [name for name in frame if _DTYPES.get(str(name), "float64") != "str"]
        frame = frame.astype(dict.fromkeys(numbers, "float64"))  # exact to the last bit, unlike the parser
        return _tidy(frame)
    return _tidy(pd.DataFrame(_read_rows(path)))


def require_runs(runs: pd.DataFrame, path: str | Path) -> pd.DataFrame:
    """Returns `runs` as it is.

    Raises:
        FileNotFoundError: there is no row in it.
    """
    if runs.empty:
        raise FileNotFoundError(f"no finished runs under {path}; run `harness -m experiment=smoke` first")
    return runs


def load_steps(path: str | Path = "results", runs: pd.DataFrame | None = None) -> pd.DataFrame:
    """Reads the evaluations of every run that has a row: `run_id`, then `STEP_COLUMNS`.

    Args:
        path: a results folder or a `steps.csv` that `gather` wrote.
        runs: the rows, where they have been read before; saves reading (and warning) again.

    Raises:
        FileNotFoundError: `path` does not exist.
    """
    return _load_table(Path(path), "steps.csv", STEP_COLUMNS, runs)


def load_gradflow(path: str | Path = "results", runs: pd.DataFrame | None = None) -> pd.DataFrame:
    """Reads the gradient flow of every run that has a row: `run_id`, then `GRADFLOW_COLUMNS`.

    Args:
        path: a results folder or one table with a `run_id` column.
        runs: the rows, where they have been read before; saves reading (and warning) again.

    Raises:
        FileNotFoundError: `path` does not exist.
    """
    return _load_table(Path(path), "gradflow.csv", GRADFLOW_COLUMNS, runs)


def gather(results_dir: str | Path = "results") -> pd.DataFrame:
    """Writes `runs.csv` and `steps.csv` into `results_dir`, each whole or not at all, and returns the runs.

    Raises:
        FileNotFoundError: `results_dir` does not exist.
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
    rows = []
    for name in names:
        try:
            row = read_row(folder / name)
        except CorruptRowError as error:
            log.warning("counted as not run: %s", str(error).replace("\n", " "))
            continue
        if row is not None:
            longer = row.get("longer") or {}
            rows.append(row | longer | {"config": json.dumps(row.get("config") or {}, sort_keys=True)})
    return rows


def _tidy(frame: pd.DataFrame) -> pd.DataFrame:
    longer = sorted(name for name in map(str, frame) if LONGER_COLUMN.fullmatch(name))
    frame = frame.reindex(columns=[*COLUMNS, *longer])
    typed = pd.DataFrame({str(name): _typed(frame[name]) for name in frame})
    return typed.sort_values(list(NATURAL_ORDER), kind="stable", ignore_index=True)


def _typed(column: pd.Series) -> pd.Series:
    name, kind = str(column.name), _DTYPES.get(str(column.name), "float64")
    if kind == "str":
        # CSV cannot tell an empty string from none, so the frame does not either
        text = column.astype("str")
        return text.where(text != "") if name in _MAY_BE_EMPTY else text.fillna("")
    if kind == "Int64":
        return pd.Series([_int64(value) for value in column], index=column.index, dtype="Int64", name=name)
    return pd.to_numeric(column, errors="coerce").astype("float64")


def _int64(value: Any) -> int | None:
    """A whole number that fits the column; what does not was not measured."""
    try:
        number = int(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if abs(number) < 2**63 else None


def _load_table(path: Path, name: str, columns: Sequence[str], runs: pd.DataFrame | None) -> pd.DataFrame:
    wanted = ["run_id", *columns]
    if path.is_file():
        return pd.read_csv(path, dtype={"run_id": "str"})[wanted]
    ids = (load_runs(path) if runs is None else runs)["run_id"]
    text = "".join(_prefixed_bodies(runs_dir(path), name, columns, ids))
    frame = pd.read_csv(io.StringIO(text), names=wanted, header=None, dtype={"run_id": "str"})
    for column in wanted[1:]:
        if column != "state":
            frame[column] = pd.to_numeric(frame[column], errors="coerce")
    return frame


def _prefixed_bodies(folder: Path, name: str, columns: Sequence[str], run_ids: Iterable[str]) -> list[str]:
    """The lines of each run's table, `run_id` in front; parsing them once is far faster than run by run."""
    header, bodies = ",".join(columns), []
    for run_id in run_ids:
        try:
            with open(folder / run_id / name, encoding="utf-8", newline="") as file:
                head, _, body = file.read().partition("\n")
        except (OSError, UnicodeDecodeError) as error:
            log.warning("left out: %s: %s", folder / run_id / name, error)
            continue
        whole = not body or body.endswith("\n")
        if head != header or not whole or body.count(",") != body.count("\n") * (len(columns) - 1):
            log.warning("left out: %s: not a whole table of %s", folder / run_id / name, header)
        elif body:
            bodies.append(f"{run_id}," + body[:-1].replace("\n", f"\n{run_id},") + "\n")
    return bodies
