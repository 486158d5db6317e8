"""Share of runs that reach each score, over all tasks and settings that every cell was run in."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from harness.report.figure_spec import FigureSpec, ReportData
from harness.report.layout import Panel, drawing_axes, make_pages
from harness.report.markdown import interval
from harness.report.pooled_scores import pooled_by_cell, pooled_scores
from harness.report.style import CellStyle, cell_styles
from harness.results.pooled import FEWEST_POOLED, performance_profile


def plot_performance_profile(
    runs: pd.DataFrame, ax: Axes | None = None, styles: dict[str, CellStyle] | None = None
) -> Axes:
    """Draws for each cell the share of its runs (%) whose score is at least that of the horizontal axis.

    Args:
        runs: the rows of `load_runs`, or those that `labelled` returns; `pooled_scores` says which count.
        ax: where to draw; a new figure if None.
        styles: of the cells, by `label`; made from the runs if None.

    Raises:
        ValueError: the runs cannot be pooled.
    """
    scores = pooled_scores(runs)
    if scores.empty:
        raise ValueError(
            "pooled are runs of two cells or more that share two tasks or settings, at least "
            f"{FEWEST_POOLED} of each cell, not these"
        )
    ax = drawing_axes(ax)
    styles = styles or cell_styles(scores["label"])
    for cell, group in scores.groupby("label"):
        style = styles[str(cell)]
        # a share falls behind each score that occurs
        ends = np.unique(np.clip([0.0, *group["score"], 1.0], 0.0, 1.0))
        shares = 100 * performance_profile(group["score"].tolist(), ends.tolist())
        shares[0] = 100.0  # runs below chance stand at 0
        ax.step(ends, shares, where="pre", color=style.color, linestyle=style.linestyle, linewidth=1.6,
                marker=style.marker, markersize=5, markeredgecolor="white", markeredgewidth=0.5)  # fmt: skip
    ax.set(xlim=(-0.01, 1.01), xlabel="score: 0 chance, 1 all right", ylabel="runs that reach it (%)")
    ax.set_ylim(-4, 104)
    return ax


def performance_profile_pages(data: ReportData, caption: str) -> list[Figure]:
    """One panel over all tasks and settings that the cells share."""
    scores = pooled_scores(data.runs)
    handles = [
        Line2D([], [], color=data.styles[cell].color, linestyle=data.styles[cell].linestyle, linewidth=1.6,
               marker=data.styles[cell].marker, markersize=5,
               label=f"{cell}: {interval(pooled.mean, pooled.low, pooled.high, '.2f')}")
        for cell, pooled in pooled_by_cell(scores).items()
    ]  # fmt: skip

    def draw(ax: Axes, _: Panel) -> list[str]:
        plot_performance_profile(data.runs, ax, data.styles)
        runs = scores["label"].value_counts()
        counts = f"{runs.min()}" if runs.min() == runs.max() else f"{runs.min()}–{runs.max()}"
        return [f"{scores['place'].nunique()} tasks and settings", f"{counts} runs of each cell"]

    return make_pages(
        [Panel((), data.runs)], draw, title="Runs that reach a score, over all tasks and settings",
        caption=caption, styles={}, handles=handles, columns=1, page_style=data.page_style,
    )  # fmt: skip


PERFORMANCE_PROFILE = FigureSpec(
    name="performance_profile",
    question="How good and how reliable is each cell over all tasks and settings that every cell was run in?",
    caption=(
        "Score: test accuracy from 0 at chance to 1; a run that diverged counts 0, one that ended because it "
        "had solved its task 1. In the legend: the interquartile mean and its 95 % interval, that of the "
        "seeds. Other tasks would give other lines."
    ),
    alt=(
        "Step chart. Vertical: share of a cell's runs in per cent. Horizontal: score, from 0 at chance to 1 "
        "where all answers are right. One falling line per cell; higher and further right is better."
    ),
    applies=lambda data: not pooled_scores(data.runs).empty,
    draw=performance_profile_pages,
)
