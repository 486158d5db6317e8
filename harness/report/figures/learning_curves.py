"""Validation accuracy by the training step, for each task."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from harness.report.axes import accuracy_label, level_lines, per_cent_axis
from harness.report.curves import CURVE_PANELS, curve_caption, curve_pages, curve_rows, plot_curves
from harness.report.figure_spec import FigureSpec, ReportData


def accuracy_curve_pages(data: ReportData, caption: str) -> list[Figure]:
    """Validation accuracy by training step."""

    def draw(ax: Axes, rows: pd.DataFrame) -> None:
        plot_curves(rows, "val_accuracy", ax, data.styles, scale=100)
        level_lines(ax, rows["chance_accuracy"] * 100)
        per_cent_axis(ax)
        ax.set_ylabel(accuracy_label(rows, "validation"))

    return curve_pages(
        data, "val_accuracy", draw, title="Learning curves", caption=caption, reference="chance"
    )


LEARNING_CURVES = FigureSpec(
    name="learning_curves",
    question="How fast and how steadily does each cell learn the task?",
    caption=curve_caption(),
    alt=(
        "Line chart. Vertical: validation accuracy from 0 to 100 %. Horizontal: training step. "
        f"Dashed: chance. {CURVE_PANELS}"
    ),
    applies=lambda data: not curve_rows(data, "val_accuracy").empty,
    draw=accuracy_curve_pages,
    per_task=True,
)
