"""Checks of columns of a table: row numbers among the steps, missing labels, a number in two spellings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

from harness.tasks.common.labels import LABEL_NUMBER, NUMBER, WORDS_FOR_MISSING
from harness.tasks.files.table import Table

ROW_NUMBER_NAMES = ("index", "unnamed: 0")
"""Names of a column that counts the rows, in lower case; pandas writes and reads them."""

FEWEST_COUNTED = 5
"""Rows from which on a column that rises by 1 from row to row counts them."""


def check_no_row_numbers(table: Table, columns: Iterable[int]) -> None:
    """Refuses columns that count the rows: in a sorted file they tell the label.

    Raises:
        ValueError: the first of them, with the way out.
    """
    for column in columns:
        if table.names is not None and table.names[column].lower() in ROW_NUMBER_NAMES:
            why = "its name says so"
        elif _rises_by_one([row[column] for row in table.rows]):
            why = f"it rises by 1 from {table.rows[0][column]} to {table.rows[-1][column]}"
        else:
            continue
        raise ValueError(
            f"{table.path}: {table.title(column)} must not count the rows ({why}): leave it out with "
            f"ignore=[{column}], or name the columns to read with features if it is measured"
        )


def _rises_by_one(cells: Sequence[str]) -> bool:
    """Whether they are the whole numbers n, n + 1, n + 2, …"""
    if len(cells) < FEWEST_COUNTED or not LABEL_NUMBER.fullmatch(cells[0]):
        return False
    first = Decimal(cells[0])
    return _is_whole(first) and all(
        LABEL_NUMBER.fullmatch(cell) and Decimal(cell) == first + row for row, cell in enumerate(cells)
    )


def check_labels(table: Table, rows: Sequence[int], column: int) -> None:
    """Refuses labels that are missing or fractions, and one number in two spellings.

    Args:
        table: with the labels.
        rows: one of each sequence.
        column: of the labels.

    Raises:
        ValueError: the first of them, with file and line.
    """
    for row in rows:
        label = table.rows[row][column]
        if label.lower() in WORDS_FOR_MISSING:
            raise table.error(
                row, column, f"must hold labels, not {label!r}, which stands for a missing one; leave the "
                "row out, or rename the class if it is one"
            )  # fmt: skip
        if NUMBER.fullmatch(label) and not (LABEL_NUMBER.fullmatch(label) and _is_whole(Decimal(label))):
            raise table.error(
                row, column, f"must hold labels, whole numbers or words, not {label}; to predict numbers set "
                "target=value"
            )  # fmt: skip
    check_spellings(table, rows, column, "a label")


def check_spellings(table: Table, rows: Iterable[int], column: int, what: str) -> None:
    """Refuses one number in two spellings, such as 1 and 01, which would be two labels or sequences.

    Raises:
        ValueError: the second spelling, with file and line.
    """
    spelled: dict[Decimal, tuple[str, int]] = {}
    for row in rows:
        cell = table.rows[row][column]
        if LABEL_NUMBER.fullmatch(cell):
            first, line = spelled.setdefault(Decimal(cell), (cell, table.lines[row]))
            if first != cell:
                raise table.error(
                    row, column, f"must write {what} in one way, not {cell} after {first} in line {line}"
                )  # fmt: skip


def _is_whole(number: Decimal) -> bool:
    return number == number.to_integral_value()
