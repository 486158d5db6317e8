"""Test accuracy at other lengths than the one trained at."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from harness.report.accuracy_axis import accuracy_axis, accuracy_caption, accuracy_floors, chance_handles
from harness.report.by_setting import ACCURACY_CAPTION, panel_remarks, plot_by_setting
from harness.report.direct_labels import label_lines, unlabelled
from harness.report.figure_spec import FigureSpec, ReportData
from harness.report.layout import Panel, make_pages, page_columns, split
from harness.report.other_lengths import tested_lengths
from harness.report.style import INK, CellStyle

X = "tested_len"


def plot_other_lengths(
    runs: pd.DataFrame, ax: Axes | None = None, styles: dict[str, CellStyle] | None = None
) -> Axes:
    """Draws test accuracy (%) by the length of the tested sequences, one line per cell.

    Args:
        runs: rows of one task, condition, size and length trained at, with a test at another length; a
            `label` column as `labelled` adds it (else `cell`) is the cell.
        ax: where to draw; a new figure if None.
        styles: of the cells; made from the runs if None.
    """
    rows = runs if X in runs else tested_lengths(runs)
    ax = plot_by_setting(rows, X, "test_accuracy", ax, styles, scale=100)
    ax.axvline(float(rows["seq_len"].iloc[0]), zorder=1.5, **_TRAINED)
    return ax


def _panels(data: ReportData) -> list[Panel]:
    rows = tested_lengths(data.runs[data.runs["status"] == "ok"])
    return split(rows, ["size", "seq_len"], X) if len(rows) else []


def other_lengths_pages(data: ReportData, caption: str) -> list[Figure]:
    """Test accuracy by tested length; a panel for each task, condition, size and length trained at."""
    panels = _panels(data)

    def plot(ax: Axes, panel: Panel) -> None:
        plot_other_lengths(panel.runs, ax, data.styles)

    floors = accuracy_floors(panels, plot)

    def draw(ax: Axes, panel: Panel) -> list[str]:
        plot(ax, panel)
        remark = accuracy_axis(ax, panel, X, floors)
        label_lines(ax, data.styles)
        return [*panel_remarks(panel.runs, X), remark]

    return make_pages(
        panels, draw, title="Test accuracy at other lengths", caption=caption + accuracy_caption(floors),
        styles=unlabelled(data.styles), columns=page_columns(panels), page_style=data.page_style,
        handles=[Line2D([], [], label="trained at this length", **_TRAINED), *chance_handles(floors)],
    )  # fmt: skip


_TRAINED: dict[str, Any] = {"color": INK, "linestyle": ":", "linewidth": 1.2}

ACCURACY_AT_OTHER_LENGTHS = FigureSpec(
    name="accuracy_at_other_lengths",
    question="How accurate is a cell at lengths that it was not trained at?",
    caption=f"{ACCURACY_CAPTION} All tests of a run are of the same weights. T: the length trained at.",
    alt=(
        "Line chart. Vertical: test accuracy in per cent. Horizontal: length of the tested sequences in "
        "steps. One line per cell with a dot for each seed; dotted, vertical: the length trained at; dashed: "
        "chance. One panel per task, size, length trained at and further setting."
    ),
    applies=lambda data: bool(_panels(data)),
    draw=other_lengths_pages,
)
