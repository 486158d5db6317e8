"""The vertical axis of test accuracies: 0 to 100 %, or its top where every value lies there."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes

from harness.report.axes import accuracy_label, reference_handle, reference_line
from harness.report.layout import Panel, drawing_axes

_TOPS = {99.0: 0.2, 98.0: 0.5, 95.0: 1.0, 90.0: 2.0, 85.0: 5.0, 75.0: 5.0, 0.0: 20.0}
"""Where the axis may begin (per cent), and its ticks' distance; only the top quarter replaces the whole."""


def accuracy_floors(panels: Sequence[Panel], plot: Callable[[Axes, Panel], object]) -> dict[str, float]:
    """Where the axis of each task begins: above 0 only where all its marks lie in the top quarter.

    All panels of a task share the axis.

    Args:
        panels: of a figure.
        plot: draws a panel's marks and intervals, in per cent.

    Returns:
        By the first part of a panel's title: one of `_TOPS`.
    """
    by_task: dict[str, list[Panel]] = {}
    for panel in panels:
        by_task.setdefault(panel.parts[0], []).append(panel)
    return {task: _floor(group, plot) for task, group in by_task.items()}


def accuracy_axis(ax: Axes, panel: Panel, x: str, floors: Mapping[str, float]) -> str:
    """Sets limits, ticks and label, and draws the line of chance where the axis reaches it.

    Args:
        ax: with everything else that belongs on it.
        panel: what it shows.
        x: the column of the horizontal axis.
        floors: as `accuracy_floors` gives them.

    Returns:
        A remark for the title: where the axis begins, and the chance that lies below; empty where at 0.
    """
    low = floors[panel.parts[0]]
    margin = 0.04 * (100 - low)
    ax.set_ylim(low - margin, 100 + margin)
    ax.set_yticks(np.arange(low, 100 + 0.5 * _TOPS[low], _TOPS[low]))
    ax.set_ylabel(accuracy_label(panel.runs))
    if low == 0:
        reference_line(ax, panel.runs, x, "chance_accuracy", 100)
        return ""
    chance = panel.runs["chance_accuracy"].astype(float).mean()
    return f"axis from {low:g} %" + ("" if math.isnan(chance) else f" (chance: {100 * chance:.3g} %)")


def accuracy_caption(floors: Mapping[str, float]) -> str:
    """A sentence for the caption where an axis does not begin at 0; else empty."""
    if not any(floors.values()):
        return ""
    return " An axis that begins above 0 says so in the title: all values of the task lie in its range."


def chance_handles(floors: Mapping[str, float]) -> list[Artist]:
    """The legend entry of chance, where a panel shows it."""
    return [reference_handle("chance")] if 0.0 in floors.values() else []


def _floor(panels: Sequence[Panel], plot: Callable[[Axes, Panel], object]) -> float:
    accuracies = pd.concat([p.runs.loc[p.runs["status"] == "ok", "test_accuracy"] for p in panels])
    lowest = 100 * float(accuracies.min())
    if math.isnan(lowest) or lowest < min(filter(None, _TOPS)):
        return 0.0
    for panel in panels:
        ax = drawing_axes(None)
        plot(ax, panel)  # intervals reach below the lowest value
        lowest = min(lowest, float(ax.dataLim.y0))
    return max(top for top in _TOPS if top <= max(lowest, 0.0))
