"""A table of the page: what is shown, what sorts it, what a download holds, and what filters look at."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from harness.report.page.encode import encoded, frame_payload

STATIC_ROWS = 200
"""Rows that stand in the document itself, for print and for readers without JavaScript."""


@dataclass(frozen=True)
class Column:
    """One column as it is shown."""

    name: str
    """The column of the raw frame by which it is sorted."""
    title: str
    texts: tuple[str, ...]
    about: str = ""
    numeric: bool = False


@dataclass(frozen=True, eq=False)
class PageTable:
    """One table of the page."""

    key: str
    """A word for its id and for the name of its download."""
    title: str
    lead: str
    raw: pd.DataFrame
    """What the download holds, with all digits."""
    columns: tuple[Column, ...]
    facets: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """By filter: the value of each row, or several joined by a line feed; empty: it passes each filter."""

    @property
    def static_rows(self) -> list[tuple[str, ...]]:
        """The first rows, as texts."""
        return [
            tuple(column.texts[row] for column in self.columns)
            for row in range(min(len(self.raw), STATIC_ROWS))
        ]

    def payload(self, raw: bool = True) -> dict[str, Any]:
        """What the page's script needs; without the raw frame where that is in the page already."""
        shown = [
            {
                "name": c.name,
                "title": c.title,
                "about": c.about,
                "numeric": c.numeric,
                "texts": encoded(c.texts),
            }
            for c in self.columns
        ]
        facets = {name: encoded(values) for name, values in self.facets.items()}
        frame = {"raw": frame_payload(self.raw)} if raw else {}
        return {"key": self.key, "size": len(self.raw), "columns": shown, "facets": facets, **frame}


def text_column(frame: pd.DataFrame, name: str, title: str = "", about: str = "") -> Column:
    """A column of texts, or of whole numbers that are shown as they are."""
    numeric = pd.api.types.is_numeric_dtype(frame[name])
    texts = tuple("" if pd.isna(value) else str(value) for value in frame[name])
    return Column(name, title or name.replace("_", " "), texts, about, numeric)


def number_column(
    frame: pd.DataFrame, name: str, title: str, form: Callable[[float], str], about: str = ""
) -> Column:
    """A column of numbers in the given form."""
    values = frame[name].astype("float64")  # NA becomes NaN
    return Column(name, title, tuple(form(value) for value in values), about, numeric=True)


def replaced(column: Column, texts: Iterable[tuple[bool, str]]) -> Column:
    """The column with other texts where the flag beside them is true."""
    pairs = zip(column.texts, texts, strict=True)
    changed = tuple(other if flag else text for text, (flag, other) in pairs)
    return Column(column.name, column.title, changed, column.about, column.numeric)


def joined(parts: Sequence[str]) -> str:
    """Several values of one facet as one text."""
    return "\n".join(dict.fromkeys(parts))
