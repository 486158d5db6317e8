"""Names of many classes or symbols, made where there are few enough to be read."""

from __future__ import annotations

from collections.abc import Callable, Sequence

MOST_NAMES = 4_096
"""Of more classes or symbols the numbers have to do: arguments allow billions."""


def names_of(count: int, name: Callable[[int], str], others: Sequence[str] = ()) -> tuple[str, ...] | None:
    """The names of the numbers 0 to count − 1, then others; None where there are more than `MOST_NAMES`.

    >>> names_of(3, str, ["_"]), names_of(10_000, str)
    (('0', '1', '2', '_'), None)
    """
    return None if count + len(others) > MOST_NAMES else (*map(name, range(count)), *others)
