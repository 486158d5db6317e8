"""Tables in text files: cells as they are written, with the line of each row."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from harness.tasks.common.labels import LABEL_NUMBER, NUMBER, WORDS_FOR_MISSING
from harness.tasks.files.utf8 import text_of

DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "bar": "|"}

BLANKS = " \t"
"""What may stand around a cell. Any other character is a part of it."""

LARGEST = 3.4028234663852886e38


@dataclass(frozen=True, eq=False)
class Table:
    """Rows of cells, all with one cell for each column.

    Attributes:
        path: the file.
        names: of the columns; None: the file names none.
        rows: the cells, without blanks around them.
        lines: the line of the file in which each row ends, counted from 1.
        label: the column where a file of this kind has its labels; None: a name decides.
    """

    path: Path
    names: list[str] | None
    rows: list[list[str]]
    lines: list[int]
    label: int | None

    @property
    def columns(self) -> range:
        """The numbers of the columns."""
        return range(len(self.rows[0]))

    def title(self, column: int) -> str:
        """A column in words."""
        return f"column {column} (counted from 0)" if self.names is None else f"column {self.names[column]!r}"

    def error(self, row: int, column: int, reason: str) -> ValueError:
        """What is wrong with a cell, with file, line and column."""
        return ValueError(f"{self.path}:{self.lines[row]}: {self.title(column)} {reason}")

    def number(self, row: int, column: int) -> float:
        """The number in a cell.

        Raises:
            ValueError: it holds none, or one beyond float32's range; nothing is guessed.
        """
        cell = self.rows[row][column]
        if NUMBER.fullmatch(cell) and abs(value := float(cell)) <= LARGEST:
            return value
        raise self.error(row, column, why_no_number(cell))

    def exact(self, row: int, column: int) -> Decimal:
        """The number in a cell with all its digits, such as a time in nanoseconds.

        Raises:
            ValueError: it holds none, one beyond float32's range, or one of more than 3 digits of exponent.
        """
        cell = self.rows[row][column]
        self.number(row, column)
        if LABEL_NUMBER.fullmatch(cell):
            return Decimal(cell)
        raise self.error(row, column, f"must hold numbers with an exponent of at most 3 digits, not {cell}")

    def whole(self, row: int, column: int) -> int:
        """The whole number from 0 up in a cell, a token id.

        Raises:
            ValueError: it holds none.
        """
        cell = self.rows[row][column]
        if re.fullmatch("[0-9]{1,9}", cell):
            return int(cell)
        raise self.error(row, column, f"must hold token ids, whole numbers from 0 up, not {cell!r}")


def why_no_number(cell: str) -> str:
    """What a cell that should hold a number holds instead.

    >>> why_no_number("1,5")
    "must hold numbers, not '1,5'; write a decimal point, and no thousands separator"
    """
    if cell.lower() in WORDS_FOR_MISSING:
        return f"must hold numbers, not {cell!r}; missing values are not filled in"
    if NUMBER.fullmatch(cell):
        return f"must hold numbers of at most 3.4e38 in size, float32's range, not {cell}"
    if re.fullmatch(r"[+-]?[0-9.]*[0-9](,[0-9]+)+(\.[0-9]*)?", cell):
        return f"must hold numbers, not {cell!r}; write a decimal point, and no thousands separator"
    return f"must hold numbers, not {cell[:40]!r}"


def read_table(raw: bytes, path: Path, *, delimiter: str | None, header: bool | None) -> Table:
    """A table whose cells are divided by one character, quoted with `"` where they hold it.

    Args:
        raw: the bytes of the file.
        path: of the file.
        delimiter: one of `DELIMITERS`; None: tab for `.tsv`, else the one that divides all lines alike.
        header: whether the first line names the columns; None: it does where none of its cells is a number.

    Raises:
        ValueError: the file cannot be divided into cells without guessing; file and line are named.
    """
    text = text_of(raw, path)
    if delimiter is None:
        delimiter = "tab" if path.suffix.lower() == ".tsv" else _delimiter(text, path)
    rows, lines = cells_of(text, path, DELIMITERS[delimiter])
    for row, line in zip(rows, lines, strict=True):
        if len(row) != len(rows[0]):
            raise ValueError(
                f"{path}:{line}: {len(row)} cells where line {lines[0]} has {len(rows[0])} (divided by "
                f"{delimiter}); sequences of unequal lengths need the long layout"
            )
    if not rows:
        raise ValueError(f"{path} must hold at least one line, not none")
    names = rows[0] if (_is_header(rows[0], path) if header is None else header) else None
    if names is None:
        return Table(path, None, rows, lines, label=0)
    if len(rows) == 1:
        raise ValueError(f"{path} must hold at least one line after the names of its columns, not none")
    doubled = [name for name in names if name and names.count(name) > 1]
    if doubled:
        raise ValueError(f"{path}:{lines[0]}: column names must differ, not {doubled[0]!r} twice")
    return Table(path, names, rows[1:], lines[1:], label=None)


def cells_of(text: str, path: Path, delimiter: str) -> tuple[list[list[str]], list[int]]:
    """The cells of each line without blanks around them, and the numbers of the lines.

    Blank lines are left out at the end.

    Raises:
        ValueError: a quote is not closed, or a line between others is blank.
    """
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=delimiter, strict=True, skipinitialspace=True
    )
    rows, lines, blank = [], [], None
    try:
        for row in reader:
            cells = [cell.strip(BLANKS) for cell in row]
            if len(cells) <= 1 and not "".join(cells):
                blank = blank or reader.line_num
                continue
            if blank is not None:
                raise ValueError(f"{path}:{blank}: a line between others must not be blank; delete it")
            rows.append(cells)
            lines.append(reader.line_num)
    except csv.Error as error:
        raise ValueError(
            f"{path}:{reader.line_num}: the line cannot be divided into cells: {error}"
        ) from None
    return rows, lines


def _delimiter(text: str, path: Path) -> str:
    """The name of the only delimiter that divides all lines into equally many cells, at least 2.

    Where none does, the only one that divides the first line; then the error is about a later line.
    """
    divided: list[str] = []
    first_only: list[str] = []
    errors: list[ValueError] = []
    for name, character in DELIMITERS.items():
        if character not in text:
            continue
        try:
            rows, _ = cells_of(text, path, character)
        except ValueError as error:
            errors.append(error)
            continue
        if rows and len(rows[0]) > 1:
            (divided if len({len(row) for row in rows}) == 1 else first_only).append(name)
    found = divided or first_only
    if len(found) != 1:
        if errors and not found:
            raise errors[0]
        which = f"{' and '.join(found) or 'none of them'} divide its lines alike"
        raise ValueError(
            f"delimiter must be given for {path}, one of {', '.join(DELIMITERS)}, not null: {which}"
        )
    return found[0]


def _is_header(cells: list[str], path: Path) -> bool:
    numbers = [cell for cell in cells if NUMBER.fullmatch(cell)]
    counting = len(numbers) > 2 and all(
        cell.isdigit() and int(cell) == int(numbers[0]) + place for place, cell in enumerate(numbers)
    )
    if counting or 0 < len(numbers) < len(cells):
        said = "counts up" if counting else "holds both words and numbers"
        raise ValueError(
            f"header must be given for {path}, true or false, not null: its first line {said}, so it may be "
            "the names of the columns or a sample"
        )
    return not numbers
