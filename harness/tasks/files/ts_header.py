"""The header of a `.ts` file: what it declares about its series."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.tasks.common.labels import class_of_label

MOST_NAMED = 20
"""Declared classes that an error names."""


@dataclass(frozen=True, kw_only=True)
class Header:
    """What the lines before `@data` declare; None: not declared.

    Attributes:
        timestamps: whether each value is a pair (time, value).
        univariate, equal_length: whether all series have one channel, or as many steps.
        channels, steps: their number, from `@dimensions` and `@seriesLength`.
        labels: whether the last field of a line is a label; if not, it is a number to predict.
        classes: the declared labels, as written; empty: any.
        data_line: number of the line `@data`, from 1.
    """

    timestamps: bool = False
    univariate: bool | None = None
    equal_length: bool | None = None
    channels: int | None = None
    steps: int | None = None
    labels: bool = True
    classes: tuple[str, ...] = ()
    data_line: int = 0

    def declares(self, label: str) -> bool:
        """Whether a label is declared: as written, or as another spelling of the same number."""
        if not self.classes or label in self.classes:
            return True
        return len(set(class_of_label([*self.classes, label]).values())) == len(
            set(class_of_label(self.classes).values())
        )

    @property
    def classes_text(self) -> str:
        """The declared labels, the first of many."""
        more = f" and {len(self.classes) - MOST_NAMED} more" if len(self.classes) > MOST_NAMED else ""
        return " ".join(self.classes[:MOST_NAMED]) + more


BOOLEAN = {"timestamps": "timestamps", "univariate": "univariate", "equallength": "equal_length"}
NUMBERS = {"dimensions": "channels", "dimension": "channels", "serieslength": "steps"}


def read_header(path: Path, lines: Iterator[tuple[int, str]]) -> Header:
    """Reads the lines up to `@data`, whose keys may be in any case; unknown keys are passed over.

    Args:
        path: for the error messages.
        lines: (number, text) of the lines without blank lines and comments; advanced past `@data`.

    Raises:
        ValueError: a line declares what it cannot, or there is no `@data`; file and line are named.
    """
    found: dict[str, object] = {}
    number = 1
    for number, line in lines:
        where = f"{path}:{number}"
        if not line.startswith("@"):
            raise ValueError(
                f"{where}: before @data a line must begin with @, # or %, not {line[:30]!r}; is @data "
                "missing?"
            )
        key, *values = line[1:].split()
        name = key.lower()
        if name == "data":
            if values:
                raise ValueError(f"{where}: @data must stand alone, not before {values[0]!r}")
            return Header(**found, data_line=number)  # type: ignore[arg-type]
        if name in BOOLEAN:
            found[BOOLEAN[name]] = _true_or_false(where, key, values[:1])
        elif name in NUMBERS:
            found[NUMBERS[name]] = _whole(where, key, values)
        elif name == "classlabel":
            found["labels"] = _true_or_false(where, key, values[:1])
            found["classes"] = tuple(values[1:])
        elif name == "targetlabel" and _true_or_false(where, key, values[:1]):
            found["labels"] = False
    raise ValueError(f"{path}:{number}: the file ends without @data, the line before the series")


def _true_or_false(where: str, key: str, values: list[str]) -> bool:
    value = values[0].lower() if values else ""
    if value not in ("true", "false"):
        raise ValueError(f"{where}: @{key} must be true or false, not {' '.join(values)!r}")
    return value == "true"


def _whole(where: str, key: str, values: list[str]) -> int:
    if len(values) != 1 or not re.fullmatch(r"[1-9][0-9]{0,8}", values[0]):
        raise ValueError(f"{where}: @{key} must be a whole number of at least 1, not {' '.join(values)!r}")
    return int(values[0])
