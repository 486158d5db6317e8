"""Tables in Weka's ARFF format, as in the UCR archive: one sequence a line, the label last."""

from __future__ import annotations

import csv
import re
from pathlib import Path

from harness.tasks.files.table import BLANKS, Table
from harness.tasks.files.utf8 import text_of

ATTRIBUTE = re.compile(r"@attribute\s+('[^']*'|\"[^\"]*\"|\S+)\s+(.+)", re.IGNORECASE)


def read_arff(raw: bytes, path: Path) -> Table:
    """The rows after `@data`, as they are written.

    Raises:
        ValueError: the file is damaged, sparse or relational (several channels); file and line are named.
    """
    names: list[str] = []
    allowed: list[list[str] | None] = []
    rows: list[list[str]] = []
    lines: list[int] = []
    in_data = False
    for number, line in enumerate(re.split("\r\n|\r|\n", text_of(raw, path)), start=1):
        text = line.strip(BLANKS)
        if not text or text.startswith("%"):
            continue
        place = f"{path}:{number}"
        if in_data:
            rows.append(_cells(text, place, allowed))
            lines.append(number)
        elif text.lower() == "@data":
            in_data = True
        elif match := ATTRIBUTE.fullmatch(text):
            names.append(match[1].strip("'\""))
            allowed.append(_allowed(match[2], place))
        elif not text.lower().startswith("@relation"):
            raise ValueError(
                f"{place}: a line before @data must be @relation, @attribute or a comment, not {text[:40]!r}"
            )
    if not in_data or not rows or len(names) < 2:
        raise ValueError(
            f"{path} must have at least two @attribute lines, then @data, then rows, not lack them"
        )
    if len(set(names)) < len(names):
        raise ValueError(
            f"{path}: names of attributes must differ, not {max(names, key=names.count)!r} twice"
        )
    return Table(path, names, rows, lines, label=len(names) - 1)


def _allowed(kind: str, place: str) -> list[str] | None:
    """The values of a nominal attribute; None: it holds numbers."""
    if kind.startswith("{") and kind.endswith("}"):
        return _divided(kind[1:-1], place)
    if kind.lower() not in ("numeric", "real", "integer"):
        raise ValueError(
            f"{place}: attributes must be numeric or a list of words in braces, not {kind!r}; problems with "
            "several channels are read from .ts files by task=timeseries"
        )
    return None


def _cells(text: str, place: str, allowed: list[list[str] | None]) -> list[str]:
    if text.startswith("{"):
        raise ValueError(f"{place}: a row must hold all its cells; sparse rows in braces are not read")
    cells = _divided(text, place)
    if len(cells) != len(allowed):
        raise ValueError(f"{place}: {len(cells)} cells where the file declares {len(allowed)} attributes")
    for cell, words in zip(cells, allowed, strict=True):
        if words is not None and cell not in words:
            raise ValueError(f"{place}: {cell!r} is not among the declared {', '.join(words)[:80]}")
    return cells


def _divided(text: str, place: str) -> list[str]:
    quote = "'" if "'" in text else '"'
    try:
        [cells] = csv.reader([text], quotechar=quote, strict=True, skipinitialspace=True)
    except (csv.Error, ValueError) as error:
        raise ValueError(f"{place}: the line cannot be divided into cells: {error}") from None
    return [cell.strip(BLANKS) for cell in cells]
