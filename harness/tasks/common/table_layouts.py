"""From the rows of a table to sequences: one a row (wide), or one step a row (long)."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np

from harness.tasks.common.arguments import did_you_mean, one_of
from harness.tasks.common.random_streams import SPLITS
from harness.tasks.common.table_checks import check_labels, check_no_row_numbers, check_spellings
from harness.tasks.files.table import Table

Column = str | int
"""A column by its name, or by its number, counted from 0; −1 is the last."""

LAYOUTS = ("wide", "long")
USUAL_NAMES = {
    "label": ("label", "class", "target"),
    "sequence": ("sequence", "series", "id"),
    "step": ("step", "time", "t"),
    "split": ("split",),
}
"""Names by which columns are found that are not given, in lower case."""


@dataclass(frozen=True, kw_only=True)
class Columns:
    """What the columns of a table are, checked as far as it can be without the table.

    See `harness.tasks.load_csv`. None: found by name.
    """

    layout: str | None
    label: Column | None
    sequence: Column | None
    step: Column | None
    split: Column | None
    features: tuple[Column, ...] | None
    ignore: tuple[Column, ...] | None

    def __post_init__(self) -> None:
        if self.layout is not None:
            one_of("layout", self.layout, LAYOUTS)


def arrays_of_table(table: Table, columns: Columns, *, target: str, tokens: bool) -> dict[str, Any]:
    """The sequences and labels of a table under the keys of an .npz file.

    Raises:
        ValueError: a column is missing or holds something else; file, line and column are named.
    """
    found = _found(table, columns)
    wide = found["sequence"] is None
    taken = [column for column in found.values() if column is not None]
    ignored = [_number(table, "ignore", one) for one in columns.ignore or ()]
    if columns.features is None:
        features = [column for column in table.columns if column not in (*taken, *ignored)]
    else:
        features = [_number(table, "features", one) for one in columns.features]
    _check_features(table, features, taken, wide)
    if columns.features is None:
        check_no_row_numbers(table, features)
    if wide:
        groups = [[row] for row in range(len(table.rows))]
        read = table.whole if tokens else table.number
        x: Any = np.array([[read(row, column) for column in features] for row in range(len(table.rows))])
    else:
        groups = _groups(table, found["sequence"], found["step"])
        x = [_sequence(table, rows, features, tokens) for rows in groups]
    label, split = found["label"], found["split"]
    y = [_constant(table, rows, label) for rows in groups]
    if target == "value":
        arrays = {"x": x, "y": [table.number(rows[0], label) for rows in groups]}
    else:
        check_labels(table, [rows[0] for rows in groups], label)
        arrays = {"x": x, "y": y}
    if split is not None:
        arrays |= _rows_of_splits(table, groups, split)
    return arrays


def _found(table: Table, columns: Columns) -> dict[str, Any]:
    """The number of the column of each of `USUAL_NAMES`; None for what the layout does not need."""
    ignored = [_number(table, "ignore", one) for one in columns.ignore or ()]
    found = {key: _by_name(table, key, ignored) if getattr(columns, key) is None else
             _number(table, key, getattr(columns, key)) for key in USUAL_NAMES}  # fmt: skip
    if found["label"] is None:
        found["label"] = table.label
    needed = {"label"} if _is_wide(table, columns, found) else {"label", "sequence", "step"}
    for key in sorted(needed):
        if found[key] is None:
            raise ValueError(
                f"{key} must name a column of {table.path}, one of {_titles(table)}, not null: none is "
                f"called {', '.join(USUAL_NAMES[key])}"
            )
    return {key: column if key in (*needed, "split") else None for key, column in found.items()}


def _by_name(table: Table, key: str, ignored: Sequence[int]) -> int | None:
    """The column that has one of the usual names, if there is one."""
    usual = [column for column in table.columns if column not in ignored and table.names is not None
             and table.names[column].lower() in USUAL_NAMES[key]]  # fmt: skip
    if len(usual) > 1:
        both = ", ".join(table.title(column) for column in usual)
        raise ValueError(f"{key} must name one column of {table.path}, not null: it may be {both}")
    return usual[0] if usual else None


def _is_wide(table: Table, columns: Columns, found: dict[str, int | None]) -> bool:
    """Whether a row is a sequence: as `layout` says, else unless sequence and step are given or found."""
    given = [key for key in ("sequence", "step") if getattr(columns, key) is not None]
    places = [column for key in ("sequence", "step") if (column := found[key]) is not None]
    if columns.layout != "wide" and (columns.layout == "long" or given or len(places) == 2):
        return False
    if given:
        raise ValueError(f"{given[0]} must be null with layout=wide, not {getattr(columns, given[0])!r}")
    if places and columns.features is None:
        title = table.title(places[0])
        raise ValueError(
            f"layout must be long for {table.path}, with sequence and step, not {columns.layout!r}: "
            f"{title} is no step of a sequence by its name; leave it out with ignore, or name the steps "
            "with features"
        )
    return True


def _titles(table: Table) -> str:
    if table.names is None:
        return f"0 to {len(table.columns) - 1}"
    shown = ", ".join(table.names[:12])
    return shown + (f", … ({len(table.names)} columns)" if len(table.names) > 12 else "")


def _number(table: Table, key: str, column: Any) -> int:
    """The number of a column that is given by name or by number."""
    size = len(table.columns)
    if isinstance(column, int) and not isinstance(column, bool) and -size <= column < size:
        return column % size
    names = table.names or []
    if isinstance(column, str) and column in names:
        return names.index(column)
    raise ValueError(
        f"{key} must be a column of {table.path}, one of {_titles(table)} or a number from {-size} to "
        f"{size - 1}, not {column!r}{did_you_mean(column, names)}"
    )


def _check_features(table: Table, features: Sequence[int], taken: Sequence[int], wide: bool) -> None:
    what = "steps" if wide else "features"
    if not features:
        raise ValueError(f"{table.path} must have a column of {what} beside {_titles(table)}, not none")
    for column in features:
        if column in taken or list(features).count(column) > 1:
            raise ValueError(f"features must name a column once, not {table.title(column)} twice")
        if table.names is not None and not table.names[column]:
            raise ValueError(
                f"{table.path}: a column of {what} must have a name; number {column} has none and may count "
                f"the rows: leave it out with ignore=[{column}]"
            )


def _groups(table: Table, sequence: int, step: int) -> list[list[int]]:
    """The rows of each sequence, in the order of their steps; sequences in the order of the file."""
    groups: dict[str, list[tuple[Decimal, int]]] = {}
    for row, cells in enumerate(table.rows):
        if not cells[sequence]:
            raise table.error(row, sequence, "must name the sequence of the row, not be empty")
        groups.setdefault(cells[sequence], []).append((table.exact(row, step), row))
    check_spellings(table, [rows[0][1] for rows in groups.values()], sequence, "a sequence")
    for name, rows in groups.items():
        rows.sort()
        for (one, first), (other, second) in itertools.pairwise(rows):
            if one == other:
                raise table.error(
                    second, step, f"must differ in a sequence, but {name!r} has step {one} in line "
                    f"{table.lines[first]} too"
                )  # fmt: skip
    return [[row for _, row in rows] for rows in groups.values()]


def _sequence(table: Table, rows: list[int], features: list[int], tokens: bool) -> np.ndarray:
    """(T, D) numbers, or (T,) token ids."""
    if not tokens:
        return np.array([[table.number(row, column) for column in features] for row in rows])
    if len(features) > 1:
        raise ValueError(f"features must name one column with tokens=true, not {len(features)} columns")
    return np.array([table.whole(row, features[0]) for row in rows])


def _constant(table: Table, rows: list[int], column: int) -> str:
    """What all rows of a sequence hold in a column."""
    cell = table.rows[rows[0]][column]
    for row in rows:
        if not table.rows[row][column]:
            raise table.error(row, column, "must not be empty")
        if table.rows[row][column] != cell:
            raise table.error(
                row, column, f"must be the same in a whole sequence, not {table.rows[row][column]!r} after "
                f"{cell!r} in line {table.lines[rows[0]]}"
            )  # fmt: skip
    return cell


def _rows_of_splits(table: Table, groups: list[list[int]], column: int) -> dict[str, list[int]]:
    parts: dict[str, list[int]] = {}
    for number, rows in enumerate(groups):
        split = _constant(table, rows, column)
        if split not in SPLITS:
            raise table.error(rows[0], column, f"must be one of {', '.join(SPLITS)}, not {split!r}")
        parts.setdefault(split, []).append(number)
    return parts
