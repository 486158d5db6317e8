"""Rows of text in columns of equal width."""

from __future__ import annotations

from collections.abc import Collection, Sequence

MOST = 255
"""Characters of a text; the longest name that a folder can have."""


def aligned(lines: Sequence[Sequence[str]], to_left: Collection[int]) -> str:
    """The lines with each column as wide as its longest text, two spaces apart.

    Args:
        lines: the texts of each line, as many in each.
        to_left: numbers of the columns that begin at the left; the others end at the right.

    >>> print(aligned([["cell", "n"], ["gru", "10"]], to_left=[0]))
    cell   n
    gru   10
    """
    lines = [[text if len(text) <= MOST else f"{text[: MOST - 1]}…" for text in texts] for texts in lines]
    widths = [max(map(len, texts)) for texts in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            f"{text:<{width}}" if place in to_left else f"{text:>{width}}"
            for place, (text, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )
