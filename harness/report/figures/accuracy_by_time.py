"""Test accuracy by training time: what each run reached for what it cost."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from harness.report.accuracy_axis import accuracy_axis, accuracy_caption, accuracy_floors, chance_handles
from harness.report.axes import plain_log_numbers, spans_more_than
from harness.report.figure_spec import FigureSpec, ReportData
from harness.report.layout import (
    Panel,
    contention_sentence,
    drawing_axes,
    make_pages,
    not_ok_text,
    page_columns,
    split,
)
from harness.report.style import INK, CellStyle, cell_styles


def plot_accuracy_by_time(
    runs: pd.DataFrame,
    ax: Axes | None = None,
    styles: dict[str, CellStyle] | None = None,
    sizes: dict[int, float] | None = None,
) -> Axes:
    """Draws each `ok` run at its training time and test accuracy; the larger the mark, the larger H.

    Args:
        runs: rows of one task, condition and length; `label` as `labelled` adds it (else `cell`) is the cell.
        ax: where to draw; a new figure if None.
        styles: of the cells; made from the runs if None.
        sizes: marker size in points for each hidden size.
    """
    ax = drawing_axes(ax)
    label = "label" if "label" in runs else "cell"
    styles = styles or cell_styles(runs[label])
    sizes = sizes or marker_sizes(runs)
    ok = _measured(runs)
    # large marks first, or they would cover the small ones
    for size, points in sorted(sizes.items(), reverse=True):
        for cell, group in ok[ok["hidden_size"] == size].groupby(label):
            style = styles[str(cell)]
            ax.plot(group["train_s"], 100 * group["test_accuracy"], linestyle="none", marker=style.marker,
                    color=style.color, markersize=points, alpha=0.7, markeredgecolor="white",
                    markeredgewidth=0.7)  # fmt: skip
    if spans_more_than(ok["train_s"], ratio=10):
        ax.set_xscale("log")
        ax.set_xlim(ok["train_s"].min() / 1.4, 1.4 * ok["train_s"].max())
        plain_log_numbers(ax, "x")
    elif len(ok):
        ax.set_xlim(0, 1.1 * ok["train_s"].max())
    ax.set_xlabel("training time (s)")
    return ax


def accuracy_by_time_pages(data: ReportData, caption: str) -> list[Figure]:
    """Test accuracy by training time, a panel for each task, condition and length."""
    sizes = marker_sizes(data.runs)
    panels = split(data.runs, ["seq_len"])

    def plot(ax: Axes, panel: Panel) -> None:
        plot_accuracy_by_time(panel.runs, ax, data.styles, sizes)

    floors = accuracy_floors(panels, plot)

    def draw(ax: Axes, panel: Panel) -> list[str]:
        plot(ax, panel)
        return [not_ok_text(panel.runs), accuracy_axis(ax, panel, "seq_len", floors)]

    handles = [
        Line2D([], [], color=INK, linestyle="none", marker="o", markerfacecolor="none", markersize=points,
               label=f"H = {size}")
        for size, points in (_few(sizes) if len(sizes) > 1 else ())
    ]  # fmt: skip
    shown = {cell: CellStyle(style.color, style.marker, "") for cell, style in data.styles.items()}
    return make_pages(
        panels, draw, title="Test accuracy by training time",
        caption=f"{caption}{accuracy_caption(floors)} {contention_sentence(data.runs)}", styles=shown,
        columns=page_columns(panels), handles=[*handles, *chance_handles(floors)], page_style=data.page_style,
    )  # fmt: skip


def marker_sizes(runs: pd.DataFrame) -> dict[int, float]:
    """A marker size in points for each hidden size, by rank."""
    sizes = sorted(int(size) for size in runs["hidden_size"].dropna().unique())
    return {size: 5.0 + 5.0 * rank / max(1, len(sizes) - 1) for rank, size in enumerate(sizes)}


def _measured(runs: pd.DataFrame) -> pd.DataFrame:
    return runs[(runs["status"] == "ok") & (runs["train_s"] > 0) & runs["test_accuracy"].notna()]


def _few(sizes: dict[int, float], most: int = 4) -> Sequence[tuple[int, float]]:
    items = list(sizes.items())
    return items if len(items) <= most else [items[0], items[len(items) // 2], items[-1]]


ACCURACY_BY_TIME = FigureSpec(
    name="accuracy_vs_time",
    question="Which cell reaches which accuracy in how much training time?",
    caption="Each mark is a run. Time: seconds of training steps inside the run.",
    alt=(
        "Scatter chart, one mark per run. Vertical: test accuracy in per cent. Horizontal, logarithmic where "
        "it spans a decade: training time in seconds. Colour and shape: cell; size: hidden size; dashed: "
        "chance. One panel per task, sequence length and further setting."
    ),
    applies=lambda data: not _measured(data.runs).empty,
    draw=accuracy_by_time_pages,
)
