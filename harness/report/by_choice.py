"""A measure by a choice that has a name, or by cell: each seed a mark, the mean of a cell a bar."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from harness.report.layout import drawing_axes
from harness.report.setting_axis import seed_places
from harness.report.style import FRAME, CellStyle, cell_styles

USUAL = {"init": "torch", "readout": "last", "schedule": "constant", "clip": "none"}
"""The value of a choice that stands first."""


def plot_by_choice(
    runs: pd.DataFrame,
    x: str,
    y: str,
    ax: Axes | None = None,
    styles: dict[str, CellStyle] | None = None,
    scale: float = 1.0,
) -> Axes:
    """Draws column `y` of each `ok` run above its choice, cells side by side, and their means as bars.

    Args:
        runs: rows of one task, condition, T and H; `label` as `labelled` adds it (else `cell`).
        x: a column of names, such as `init`, or that of the cells.
        y: the measure.
        ax: where to draw; a new figure if None.
        styles: of the cells; made from the runs if None.
        scale: factor on `y`, for example 100 for per cent.
    """
    ax = drawing_axes(ax)
    label = "label" if "label" in runs else "cell"
    styles = styles or cell_styles(runs[label])
    cells = [cell for cell in styles if (runs[label] == cell).any()]
    by_cell = x == label
    names = cells if by_cell else choices(runs[x], USUAL.get(x))
    width = 0.84 / (1 if by_cell else max(1, len(cells)))  # of the column of a cell
    ok = runs[(runs["status"] == "ok") & runs[y].notna()]
    for i, cell in enumerate(cells):
        rows, style = ok[ok[label] == cell], styles[cell]
        offset = 0.0 if by_cell else width * (i - (len(cells) - 1) / 2)
        xs = rows[x].map(names.index).astype(float) + offset
        values = scale * rows[y].astype(float)
        ax.plot(xs + 0.45 * width * seed_places(rows["seed"]), values, linestyle="none", marker=style.marker,
                color=style.color, markersize=5, alpha=0.55, markeredgewidth=0)  # fmt: skip
        means = values.groupby(xs).mean()
        ax.hlines(means, means.index - 0.4 * width, means.index + 0.4 * width, color=style.color, linewidth=2)
    _name_columns(ax, names)
    return ax


def choices(values: pd.Series, first: str | None = None) -> list[str]:
    """The names that occur: `first`, then the others by number and name.

    >>> choices(pd.Series(["10", "none", "2", "none"]), "none")
    ['none', '2', '10']
    """
    return sorted(values.unique(), key=lambda name: (name != first, _natural(name)))


def _natural(name: str) -> list[tuple[float, str]]:
    parts = re.split(r"([0-9.]+(?:e[-+]?[0-9]+)?)", name)
    return [_number_or_word(part) for part in parts]


def _number_or_word(part: str) -> tuple[float, str]:
    try:
        return float(part), ""
    except ValueError:
        return np.inf, part


def _name_columns(ax: Axes, names: Sequence[str]) -> None:
    ax.set_xlim(-0.6, len(names) - 0.4)
    short = sum(map(len, names)) + 2 * len(names) <= 40
    if short:
        ax.set_xticks(range(len(names)), names)
    else:
        ax.set_xticks(range(len(names)), names, rotation=25, ha="right", rotation_mode="anchor")
    ax.grid(visible=False, axis="x")
    for edge in range(1, len(names)):
        ax.axvline(edge - 0.5, color=FRAME, linewidth=0.6, zorder=0.5)
