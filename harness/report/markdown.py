"""Numbers and tables in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd


def number(value: Any, spec: str) -> str:
    """A number, or a dash where it was not measured."""
    return "–" if pd.isna(value) else format(float(value), spec)


def interval(middle: float, low: float, high: float, spec: str) -> str:
    """`94.4 (92.9 to 95.6)`; the number alone where there is no interval."""
    text = number(middle, spec)
    return text if pd.isna(low) else f"{text} ({format(low, spec)} to {format(high, spec)})"


def range_text(middle: float, low: float, high: float, spec: str) -> str:
    """Like `interval`; the number alone where the lowest is the highest, as with one run."""
    return number(middle, spec) if low == high else interval(middle, low, high, spec)


def markdown_table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """The lines of a table."""
    lines = [titles, ["---"] * len(titles), *rows]
    return ["| " + " | ".join(_cell(text) for text in line) + " |" for line in lines]


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")  # an error's line break or bar would end the row
