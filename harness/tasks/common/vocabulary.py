"""Texts as numbers: units (characters or words), and a vocabulary that is taken from training texts alone."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

import numpy as np

UNITS = ("char", "word")

UNKNOWN = "unknown symbol"
"""What token 0 stands for. No character and no word is spelled so: words hold no space."""


def splitter(unit: str, texts: Iterable[str]) -> Callable[[str], Sequence[str]]:
    """The function that cuts a text into its units.

    `char`: characters. `word`: words, as runs of letters, digits and `_` with their combining marks, and each
    other character that is no space.

    Args:
        unit: of `UNITS`.
        texts: all that it will cut, for their combining marks.

    >>> splitter("word", ["Don't stop, 42!"])("Don't stop, 42!")
    ('Don', "'", 't', 'stop', ',', '42', '!')
    >>> len(splitter("word", ["cafe\u0301 noir"])("cafe\u0301 noir"))
    2
    """
    if unit == "char":
        return str
    letters = set().union(*texts)
    marks = "".join(sorted(letter for letter in letters if unicodedata.category(letter).startswith("M")))
    word = re.compile(rf"[\w{re.escape(marks)}]+|[^\w\s]")
    return lambda text: tuple(word.findall(text))


def vocabulary(training: Iterable[Sequence[str]], min_count: int) -> tuple[str, ...]:
    """The symbols of token 0 (`UNKNOWN`), 1, 2, …: the units that occur at least `min_count` times, sorted.

    >>> vocabulary(["abba", "cab"], min_count=2)
    ('unknown symbol', 'a', 'b')
    """
    counts = Counter(unit for units in training for unit in units)
    return (UNKNOWN, *sorted(unit for unit, count in counts.items() if count >= min_count))


def encoded(units: Sequence[str], ids: dict[str, int]) -> np.ndarray:
    """(T,) int64: the ids of the units, and 0 for one that has none.

    >>> encoded("abc", {"a": 1, "b": 2}).tolist()
    [1, 2, 0]
    """
    return np.array([ids.get(unit, 0) for unit in units], dtype=np.int64)
