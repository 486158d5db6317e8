"""A measure by the training step: each seed a thin line, their mean a thick one."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from harness.report.axes import reference_handle
from harness.report.figure_spec import ReportData
from harness.report.layout import (
    Panel,
    drawing_axes,
    length_columns,
    make_pages,
    not_ok_text,
    seeds_text,
    split,
)
from harness.report.seed_lines import draw_seed_lines
from harness.report.style import CellStyle, cell_styles

_CAPTION = (
    "Thin: one seed, to the end of its training. Thick: {mean} over seeds, up to the last step that all "
    "have. Dotted, ending in ×: a diverged run, not in the mean."
)


CURVE_PANELS = "Thin lines: seeds; thick: their mean; colour: cell. One panel per size and sequence length T."
"""The alternative text that figures of curves share."""


def curve_caption(mean: str = "mean") -> str:
    """What the lines mean; `mean` is `mean` or `geometric mean`."""
    return _CAPTION.format(mean=mean)


def plot_curves(
    steps: pd.DataFrame,
    column: str,
    ax: Axes | None = None,
    styles: dict[str, CellStyle] | None = None,
    scale: float = 1.0,
    geometric: bool = False,
) -> Axes:
    """Draws `column` by the training step: each seed thin, and the mean where every seed has a value.

    Args:
        steps: rows of `load_steps` of one task, condition, length and hidden size, with `label` (cell) and
            `status` of the run.
        column: a column of `steps`.
        ax: where to draw; a new figure if None.
        styles: of the cells; made from the rows if None.
        scale: factor on the values, for example 100 for per cent.
        geometric: take the geometric mean, which suits a log axis.
    """
    ax = drawing_axes(ax)
    styles = styles or cell_styles(steps["label"])
    rows = steps[steps[column].notna()]
    for label, cell_rows in rows.groupby("label"):
        style = styles[str(label)]
        ok = cell_rows[cell_rows["status"] == "ok"]
        scaled = ok.assign(**{column: ok[column] * scale})
        draw_seed_lines(ax, scaled, "step", column, color=style.color, linewidth=0.7, alpha=0.5)
        for _, run in cell_rows[cell_rows["status"] == "diverged"].groupby("run_id"):
            ax.plot(run["step"], run[column] * scale, color=style.color, linestyle=":", linewidth=1.1,
                    marker="x", markevery=[-1])  # fmt: skip
        mean = mean_curve(ok, column, geometric) * scale
        ax.plot(mean.index, mean, color=style.color, linestyle=style.linestyle, linewidth=2)
    ax.set_xlabel("training step")
    ax.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    return ax


def mean_curve(rows: pd.DataFrame, column: str, geometric: bool = False) -> pd.Series:
    """Mean over runs at each step at which every run has a value: a run that stopped early ends it for all.

    Args:
        rows: `run_id`, `step` and `column` of runs of one setting.
        column: the values.
        geometric: the geometric mean instead; zeros then count as missing.
    """
    table = rows.pivot(index="step", columns="run_id", values=column)
    if geometric:
        return table.where(table > 0).dropna().map(math.log).mean(axis=1).map(math.exp)
    return table.dropna().mean(axis=1)


def curve_pages(
    data: ReportData,
    column: str,
    draw_rows: Callable[[Axes, pd.DataFrame], None],
    *,
    title: str,
    caption: str,
    reference: str = "",
    handles: Sequence[Line2D] = (),
) -> list[Figure]:
    """The pages of a figure over training steps for one task and condition; rows H, columns T.

    Args:
        data: of the task.
        column: a column of `steps`; rows without it are left out.
        draw_rows: draws the rows of a panel, with `label`, `status` and the run's reference values.
        title: of the page.
        caption: what the marks mean.
        reference: the legend entry of the reference line; empty: there is none.
        handles: further entries of the legend.
    """
    rows = curve_rows(data, column)

    def draw(ax: Axes, panel: Panel) -> list[str]:
        draw_rows(ax, rows[rows["run_id"].isin(panel.runs["run_id"])])
        return [seeds_text(panel.runs, ["label"]), not_ok_text(panel.runs)]

    shown = {cell: style for cell, style in data.styles.items() if (rows["label"] == cell).any()}
    return make_pages(
        split(data.runs, ["size", "seq_len"]), draw, title=title, caption=caption, styles=shown,
        columns=length_columns(data.runs), markers=False,
        handles=[*([reference_handle(reference)] if reference else []), *handles], page_style=data.page_style,
    )  # fmt: skip


def curve_rows(data: ReportData, column: str) -> pd.DataFrame:
    """The rows of `steps` that have `column`, with what a curve needs to know of its run."""
    about = ["run_id", "label", "status", "tolerance", "chance_accuracy", "memoryless_loss", "clip"]
    return data.steps[data.steps[column].notna()].merge(data.runs[about], on="run_id")
