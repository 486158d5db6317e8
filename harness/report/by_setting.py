"""A measure by a setting that was swept: each seed a dot, their middle a line, its spread a bar."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from harness.report.layout import Panel, drawing_axes, not_ok_text, seeds_text, split
from harness.report.setting_axis import is_log, seed_places, setting_axis, side_by_side
from harness.report.style import CellStyle, cell_styles
from harness.results.outcomes import accuracy_of
from harness.results.repeats import IDENTITY, labelled
from harness.results.statistics import median_and_range

_DOTS = "Faint, to the left: each seed. Cells are offset horizontally so that none hides another."

ACCURACY_CAPTION = (
    f"{_DOTS} Line: mean over seeds. Bar: its 95 % interval, within 0 to 100 %; none for n = 1, or where "
    "seeds lie in two groups. It covers 91 to 98 % for one group of seeds (simulated, n = 3 to 10), and no "
    "outcome that no seed had."
)
RANGE_CAPTION = f"{_DOTS} Line: median over seeds. Bar: lowest to highest."

Spread = Literal["interval", "range", "none"]
"""What bars show: the interval of a mean accuracy; lowest to highest, about the median; none, at the mean."""

RING: dict[str, Any] = {"marker": "o", "markersize": 11, "markerfacecolor": "none", "markeredgewidth": 1.2}
"""How a mean is marked that was chosen."""


def plot_by_setting(
    runs: pd.DataFrame,
    x: str,
    y: str,
    ax: Axes | None = None,
    styles: dict[str, CellStyle] | None = None,
    scale: float = 1.0,
    spread: Spread = "interval",
    ring: str | None = None,
    linear_up_to: float = 2.0,
) -> Axes:
    """Draws column `y` of the `ok` runs by column `x`, one line per cell.

    Args:
        runs: rows of one task and condition, with a `label` column as `labelled` adds it (else `cell`).
        x: a numeric column; the ticks of its axis are the values that occur, and `is_log` chooses its scale.
        y: the measure.
        ax: where to draw; a new figure if None.
        styles: of the cells; made from the runs if None.
        scale: factor on `y`, for example 100 for per cent.
        spread: what the bars show; `interval` is for accuracies.
        ring: a column of truth values; a mean over runs in which it is true gets a ring.
        linear_up_to: the axis of `x` is linear up to this ratio of its values.
    """
    ax = drawing_axes(ax)
    label = "label" if "label" in runs else "cell"
    styles = styles or cell_styles(runs[label])
    ok = runs[(runs["status"] == "ok") & runs[y].notna()]
    cells = [cell for cell in styles if (runs[label] == cell).any()]
    ticks = sorted(runs[x].dropna().astype(float).unique())
    log = is_log(ticks, linear_up_to)
    setting_axis(ax, x, ticks, log)
    for i, cell in enumerate(cells):
        rows = ok[ok[label] == cell]
        xs, values = rows[x].astype(float), rows[y].astype(float) * scale
        of_dots = side_by_side(xs, 2 * i + 0.6 * seed_places(rows["seed"]), 2 * len(cells), ticks, log)
        of_means = side_by_side(xs, 2 * i + 1, 2 * len(cells), ticks, log)
        ax.plot(of_dots, values, linestyle="none", marker=styles[cell].marker,
                color=styles[cell].color, markersize=3.8, alpha=0.6, markeredgewidth=0)  # fmt: skip
        before = len(ax.containers)
        _draw_middles(ax, of_means, rows, (y, spread, scale), styles[cell])
        for container in ax.containers[before:]:
            container.set_label(cell)  # for its name at the end of the line
        if ring is not None:
            ringed = values[rows[ring]].groupby(of_means).mean()  # as the line, without bars
            ax.plot(ringed.index, ringed, linestyle="none", **RING, color=styles[cell].color)
    return ax


def panels_by_setting(runs: pd.DataFrame, x: str, y: str, at_least: int = 1) -> list[Panel]:
    """The panels of a figure over `x`: one for each value of everything else.

    Args:
        runs: the rows of `load_runs`.
        x: the column of the horizontal axis.
        y: the measure; without a run that is `ok` and has it there are no panels.
        at_least: panels with fewer values of `x` are left out.
    """
    runs = swept_over(runs, x)
    if runs.empty:
        return []
    if x == "hidden_size":
        runs = runs[runs["match_params"].isna()]  # of a matched run the size says nothing but its cell
    by = {"hidden_size": ["seq_len"], "seq_len": ["size"]}.get(x, ["size", "seq_len"])
    panels = split(labelled(runs, ignore=[x]), by, x)
    panels = [panel for panel in panels if panel.runs[x].nunique() >= at_least]
    measured = any((p.runs["status"].eq("ok") & p.runs[y].notna()).any() for p in panels)
    return panels if measured else []


def swept_over(runs: pd.DataFrame, x: str) -> pd.DataFrame:
    """The runs of the tasks in which values of `x` were compared, not only chosen for each cell.

    Where they were compared, a chosen value counts like any other.
    """
    if "tuned" not in runs or runs.empty:
        return runs
    chosen = runs["tuned"].str.contains(rf"(?:^|[ .]){re.escape(x.rpartition('.')[2])}(?:,|$)")
    compared = (~chosen).groupby([runs[name] for name in IDENTITY]).transform("any")
    return runs[compared].assign(tuned=runs.loc[compared, "tuned"].where(~chosen[compared], ""))


def values_of_task(panels: Sequence[Panel], panel: Panel, column: str) -> pd.Series:
    """A column of the `ok` runs of all panels of the same task, so that these can share an axis."""
    runs = pd.concat([other.runs for other in panels if other.parts[0] == panel.parts[0]])
    return runs.loc[runs["status"] == "ok", column]


def panel_remarks(runs: pd.DataFrame, x: str) -> list[str]:
    """The number of seeds behind each mean of a panel, and the runs that are not ok."""
    return [seeds_text(runs, ["label", x]), not_ok_text(runs)]


def _draw_middles(
    ax: Axes, xs: pd.Series, rows: pd.DataFrame, what: tuple[str, Spread, float], style: CellStyle
) -> None:
    """A line through the middle of the seeds at each x, with bars."""
    y, spread, scale = what
    points = [(at, *_middle(group, y, spread)) for at, group in rows.groupby(xs)]
    if points:
        at, middle, low, high = np.array(points, dtype=float).T
        bars = np.nan_to_num([middle - low, high - middle])
        ax.errorbar(
            at, scale * middle, yerr=scale * np.maximum(bars, 0.0), color=style.color,
            linestyle=style.linestyle, linewidth=1.6, elinewidth=1.2, marker=style.marker, markersize=5.5,
            markeredgecolor="white", markeredgewidth=0.6,
        )  # fmt: skip


def _middle(rows: pd.DataFrame, y: str, spread: Spread) -> tuple[float, float, float]:
    """What a line goes through, and the ends of its bar; NaN: no bar."""
    if spread == "range":
        return median_and_range(rows[y].astype(float))
    if spread == "interval":
        accuracy = accuracy_of(rows.assign(test_accuracy=rows[y]))
        return accuracy.mean, accuracy.low, accuracy.high
    return float(rows[y].astype(float).mean()), math.nan, math.nan
