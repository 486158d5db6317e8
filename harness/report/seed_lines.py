"""One thin line per run, all drawn as one artist, which is fast for ten thousand of them."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection

FAINT_FROM = 10
"""Above this number of lines all are drawn fainter, so that they do not merge into a block."""


def draw_seed_lines(
    ax: Axes, rows: pd.DataFrame, x: str, y: str, *, color: str, linewidth: float, alpha: float
) -> None:
    """Draws column `y` by column `x`, one line per run in the order of its rows, below those of `Axes.plot`.

    Args:
        ax: where to draw; its limits grow with the lines.
        rows: `run_id`, `x` and `y`, without missing values.
        x: the column of the horizontal axis.
        y: the column of the vertical axis.
        color: of all lines.
        linewidth: in points.
        alpha: opacity of up to `FAINT_FROM` lines, 0 to 1; more lines are fainter, since opacity adds up.
    """
    if rows.empty:
        return
    runs = rows["run_id"].factorize()[0]
    by_run = np.argsort(runs, kind="stable")
    points = rows[[x, y]].to_numpy(dtype=float)[by_run]
    lines = np.split(points, np.flatnonzero(np.diff(runs[by_run])) + 1)
    alpha *= math.sqrt(min(1.0, FAINT_FROM / len(lines)))
    ax.add_collection(
        LineCollection(
            lines, colors=color, linewidths=linewidth, alpha=alpha, zorder=1.9,
            capstyle="projecting", joinstyle="round",  # as `Axes.plot` has them
        )
    )  # fmt: skip
    ax.autoscale_view()
