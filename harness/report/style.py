"""The colour, marker and line style of each cell, the same in every figure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

OKABE_ITO = {
    "blue": "#0072B2",
    "vermillion": "#D55E00",
    "green": "#009E73",
    "sky": "#56B4E9",
    "orange": "#E69F00",
    "purple": "#CC79A7",
    "black": "#000000",
}
"""Colours that readers with colour-blindness can tell apart; without yellow, which is faint on white."""

MARKERS = ("o", "s", "^", "D", "v", "X", "P", "<", "h", ">", "*")
LINES = ("-", "-", "-", "-", "-.", "--", (0, (4, 1, 1, 1, 1, 1)))
STOCK = ("rnn", "lstm", "gru", "rnn_relu")
"""Cells with a fixed place in the palette, whichever other cells there are."""

GREY = "#595959"
"""Reference lines (chance, memoryless loss, clipping), and nothing else."""

INK = "#262626"
"""Marks that stand for any cell, in legends, and intervals beside coloured marks."""

FRAME = "#b0b0b0"
"""Edges of boxes and lines between columns."""

RC: dict[Any, Any] = {
    "font.size": 10,
    "axes.titlesize": 10,
    "axes.labelsize": 10,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "legend.fontsize": 10,
    "figure.titlesize": 12,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "lines.markersize": 5,
    "text.parse_math": False,  # a dollar sign in a name is no formula
}
"""Sizes in points, chosen for a page 1,500 pixels wide that a README shows at 900."""


@dataclass(frozen=True)
class CellStyle:
    """How to draw one cell: arguments of `Axes.plot`."""

    color: str
    marker: str
    linestyle: Any


def cell_styles(cells: Iterable[str]) -> dict[str, CellStyle]:
    """Gives each cell a style of its own.

    The stock cells have fixed ones. The others take the remaining colours by name; when those are used up the
    colours repeat with another marker. Up to 77 cells no two share colour and marker.

    Args:
        cells: names, in any order and with repeats.

    >>> styles = cell_styles(["mine", "gru", "yours"])
    >>> styles["gru"].color, styles["mine"].color
    ('#009E73', '#E69F00')
    """
    names = set(cells)
    others = sorted(names - set(STOCK), key=_natural)
    places = [(name, i) for i, name in enumerate(STOCK) if name in names]
    places += [(name, i) for i, name in enumerate(others, start=len(STOCK))]
    return {name: _style(place) for name, place in places}


def _natural(name: str) -> list[tuple[int, str]]:
    """Sorts `cell_2` before `cell_10`."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]


def _style(place: int) -> CellStyle:
    colors = list(OKABE_ITO.values())
    lap = place // len(colors)
    return CellStyle(
        color=colors[place % len(colors)],
        marker=MARKERS[(place + lap) % len(MARKERS)],
        linestyle=LINES[(place + lap) % len(LINES)],
    )
