"""A measure by a setting that was swept: each seed a dot, the mean a line, its t interval a bar."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from harness.report.axes import dodge_factors, setting_axis
from harness.report.layout import Panel, drawing_axes, not_ok_text, seeds_text, split
from harness.report.style import CellStyle, cell_styles
from harness.results.repeats import labelled
from harness.results.statistics import t_interval

DOTS_CAPTION = (
    "Faint, to the left: each seed. Line: mean over seeds. Bar: 95 % t interval (none for n = 1; cut at the "
    "axis). Cells are offset horizontally so that none hides another."
)


def plot_by_setting(
    runs: pd.DataFrame,
    x: str,
    y: str,
    ax: Axes | None = None,
    styles: dict[str, CellStyle] | None = None,
    scale: float = 1.0,
) -> Axes:
    """Draws column `y` of the `ok` runs by column `x`, one line per cell.

    Args:
        runs: rows of one task and condition, with a `label` column as `labelled` adds it (else `cell`).
        x: a positive column, drawn on a log axis whose ticks are the values that occur.
        y: the measure.
        ax: where to draw; a new figure if None.
        styles: of the cells; made from the runs if None.
        scale: factor on `y`, for example 100 for per cent.
    """
    ax = drawing_axes(ax)
    label = "label" if "label" in runs else "cell"
    styles = styles or cell_styles(runs[label])
    ok = runs[(runs["status"] == "ok") & runs[y].notna()]
    cells = [cell for cell in styles if (runs[label] == cell).any()]
    ticks = sorted(runs[x].dropna().astype(float).unique())
    setting_axis(ax, x, ticks)
    factors = dodge_factors(2 * len(cells), ticks)
    for i, cell in enumerate(cells):
        _draw_cell(ax, ok[ok[label] == cell], x, y, styles[cell], factors[2 * i : 2 * i + 2], scale)
    return ax


def panels_by_setting(runs: pd.DataFrame, x: str, y: str, at_least: int = 1) -> list[Panel]:
    """The panels of a figure over `x`: one for each value of everything else.

    Args:
        runs: the rows of `load_runs`.
        x: the column of the horizontal axis.
        y: the measure; without a run that is `ok` and has it there are no panels.
        at_least: panels with fewer values of `x` are left out.
    """
    if runs.empty:
        return []
    if x == "hidden_size":
        runs = runs[runs["match_params"].isna()]  # of a matched run the size says nothing but its cell
    by = {"hidden_size": ["seq_len"], "seq_len": ["size"]}.get(x, ["size", "seq_len"])
    panels = split(labelled(runs, ignore=[x]), by, x)
    panels = [panel for panel in panels if panel.runs[x].nunique() >= at_least]
    measured = any((p.runs["status"].eq("ok") & p.runs[y].notna()).any() for p in panels)
    return panels if measured else []


def values_of_task(panels: Sequence[Panel], panel: Panel, column: str) -> pd.Series:
    """A column of the `ok` runs of all panels of the same task, so that these can share an axis."""
    runs = pd.concat([other.runs for other in panels if other.parts[0] == panel.parts[0]])
    return runs.loc[runs["status"] == "ok", column]


def panel_remarks(runs: pd.DataFrame, x: str) -> list[str]:
    """The number of seeds behind each mean of a panel, and the runs that are not ok."""
    return [seeds_text(runs, ["label", x]), not_ok_text(runs)]


def _draw_cell(
    ax: Axes, runs: pd.DataFrame, x: str, y: str, style: CellStyle, factors: np.ndarray, scale: float
) -> None:
    xs = runs[x].astype(float)
    values = runs[y].astype(float) * scale
    ax.plot(xs * factors[0], values, linestyle="none", marker=style.marker, color=style.color,
            markersize=3.8, alpha=0.6, markeredgewidth=0)  # fmt: skip
    points = [(at, *t_interval(group)) for at, group in values.groupby(xs)]
    if points:
        at, mean, half = np.array(points, dtype=float).T
        ax.errorbar(
            at * factors[1], mean, yerr=np.nan_to_num(half), color=style.color, linestyle=style.linestyle,
            linewidth=1.6, elinewidth=1.2, marker=style.marker, markersize=5.5, markeredgecolor="white",
            markeredgewidth=0.6,
        )  # fmt: skip
