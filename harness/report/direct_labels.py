"""The names of cells at the ends of their lines, where there are few of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.container import ErrorbarContainer

from harness.report.page_style import points
from harness.report.style import CellStyle

_MOST_CELLS, _MOST_LETTERS = 4, 8
_PANEL_POINTS = 165.0  # least height of a panel on a screen, in points


def are_few(styles: Mapping[str, CellStyle]) -> bool:
    """Whether names at the ends of lines are easier to read than a legend."""
    return len(styles) <= _MOST_CELLS and max(map(len, styles), default=0) <= _MOST_LETTERS


def unlabelled(styles: dict[str, CellStyle]) -> dict[str, CellStyle]:
    """The cells that a legend has to name: none where their lines carry their names."""
    return {} if are_few(styles) else styles


def label_lines(ax: Axes, styles: Mapping[str, CellStyle]) -> None:
    """Writes the name of each cell at the right, at the height where its line ends; nothing where many.

    Args:
        ax: with lines of means, whose labels are the names of cells, and with its final limits.
        styles: of all cells of the page.
    """
    if not are_few(styles):
        return
    to_fraction = ax.transData + ax.transAxes.inverted()
    names, heights = [], []
    for container in ax.containers:
        if isinstance(container, ErrorbarContainer) and container.get_label() in styles:
            end = np.asarray(container.lines[0].get_xydata(), dtype=float)[-1:]
            names.append(str(container.get_label()))
            heights.append(float(to_fraction.transform(end)[0, 1]))
    size = points("xtick.labelsize")
    for name, height in zip(names, spread(heights, 1.25 * size / _PANEL_POINTS), strict=True):
        ax.annotate(name, (1.0, height), (3, 0), "axes fraction", "offset points", va="center",
                    color=styles[name].color, fontsize=size, annotation_clip=False)  # fmt: skip


def spread(heights: Sequence[float], gap: float) -> list[float]:
    """Moves heights apart to at least `gap`, each group of close ones around its mean, their order kept.

    >>> spread([0.5, 0.5, 0.9], 0.2)
    [0.4, 0.6, 0.9]
    """
    order = np.argsort(heights, kind="stable")
    groups: list[list[float]] = []
    for i in order:
        groups.append([heights[i]])
        while len(groups) > 1 and _low(groups[-1], gap) - _high(groups[-2], gap) < gap - 1e-12:
            last = groups.pop()
            groups[-1] += last
    placed = np.empty(len(heights))
    placed[order] = [_low(group, gap) + k * gap for group in groups for k in range(len(group))]
    return [round(float(height), 9) for height in placed]


def _low(group: Sequence[float], gap: float) -> float:
    return float(np.mean(group)) - gap * (len(group) - 1) / 2


def _high(group: Sequence[float], gap: float) -> float:
    return float(np.mean(group)) + gap * (len(group) - 1) / 2
