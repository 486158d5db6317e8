"""The tables beside the rows of many runs as one frame: their text is checked, joined and parsed once."""

from __future__ import annotations

import csv
import hashlib
import io
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from harness.results.column_types import typed
from harness.results.files import read_bytes, shown

log = logging.getLogger("harness.results")

RUN_COLUMNS = ("task", "cell", "seed")
"""What `load_table` says of the run in each row, beside `run_id`."""


def joined(folder: Path, name: str, rows: Sequence[dict[str, Any]]) -> pd.DataFrame | None:
    """One table of several runs, with `run_id` and `RUN_COLUMNS` in front; None where no run is given.

    Args:
        folder: that holds the folders of the runs.
        name: of the table.
        rows: of the runs, as `read_row` returns them, each of which lists the table.
    """
    by_columns: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for row in rows:
        by_columns.setdefault(tuple(row["tables"][name]["columns"]), []).append(row)
    frames = [
        _with_run_columns(_parse(folder, name, columns, alike), alike)
        for columns, alike in by_columns.items()
    ]
    if len(frames) < 2:
        return frames[0] if frames else None
    some_own = [
        name for name in RUN_COLUMNS if 0 < sum(name in columns for columns in by_columns) < len(frames)
    ]
    return pd.concat(
        [frame.assign(**{name: typed(frame[name]) for name in some_own}) for frame in frames],
        ignore_index=True,
    )


def numeric_where_numbers(frame: pd.DataFrame) -> pd.DataFrame:
    """Makes each column numeric whose first value is a number, but those that tell of the run."""
    for name in frame.columns.drop(["run_id", *RUN_COLUMNS], errors="ignore"):
        values = frame[name].dropna()
        if values.empty or not pd.isna(pd.to_numeric(values.iloc[:1], errors="coerce").iloc[0]):
            frame[name] = pd.to_numeric(frame[name], errors="coerce")
    return frame


def _parse(folder: Path, name: str, columns: Sequence[str], rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """The tables of runs with the same columns, as one frame: a single parse of their joined text."""
    text = "".join(_prefixed_bodies(folder, f"{name}.csv", columns, rows))
    frame = pd.read_csv(
        io.StringIO(text), names=["run_id", *columns], header=None, dtype={"run_id": "str"},
        keep_default_na=False, na_values=[""],
    )  # fmt: skip
    return numeric_where_numbers(frame)


def _with_run_columns(frame: pd.DataFrame, rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Puts `RUN_COLUMNS` behind `run_id`, each value looked up once a run and not once a line."""
    place = {row["run_id"]: i for i, row in enumerate(rows)}
    codes, run_ids = pd.factorize(frame["run_id"])
    taken = [place[run_id] for run_id in run_ids]
    for at, name in enumerate((name for name in RUN_COLUMNS if name not in frame), start=1):
        values = typed(pd.Series([row[name] for row in rows], name=name))
        frame.insert(at, name, values.iloc[taken].take(codes).array)
    return frame


def _prefixed_bodies(
    folder: Path, name: str, columns: Sequence[str], rows: Sequence[dict[str, Any]]
) -> list[str]:
    """The lines of each run's table, each with `run_id` in front."""
    header, bodies = ",".join(columns), []
    for row in rows:
        path = folder / row["run_id"] / name
        try:
            content = read_bytes(path)
            head, _, body = content.decode("utf-8").partition("\n")
        except (OSError, UnicodeDecodeError) as error:
            log.warning("left out: %s: %s", shown(path), getattr(error, "strerror", None) or error)
            continue
        lines = _prefixed(row["run_id"], body, len(columns))
        expected = (row.get("files") or {}).get(name)
        if expected is not None and hashlib.sha256(content).hexdigest() != expected:
            log.warning(
                "left out: %s: damaged or truncated, its hash differs from that in row.json", shown(path)
            )
        elif head != header or lines is None:
            log.warning("left out: %s: not a whole table of %s", shown(path), shown(header))
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
