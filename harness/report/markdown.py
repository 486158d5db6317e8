"""Numbers and tables in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd


def number(value: Any, spec: str) -> str:
    """A number, or a dash where it was not measured."""
    return "–" if pd.isna(value) else format(float(value), spec)


def plus_minus(mean: float, half: float, spec: str) -> str:
    """A mean and the half width of its interval, where there is one."""
    text = number(mean, spec)
    return text if pd.isna(half) else f"{text} ± {format(half, spec.lstrip('+'))}"


def markdown_table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """The lines of a table."""
    lines = [titles, ["---"] * len(titles), *rows]
    return ["| " + " | ".join(_cell(text) for text in line) + " |" for line in lines]


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")  # an error's line break or bar would end the row
