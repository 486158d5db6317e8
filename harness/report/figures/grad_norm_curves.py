"""Gradient norm by the training step, for each task."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from harness.report.axes import level_lines, log_axis
from harness.report.curves import CURVE_PANELS, curve_caption, curve_pages, curve_rows, plot_curves
from harness.report.figure_spec import FigureSpec, ReportData


def grad_norm_curve_pages(data: ReportData, caption: str) -> list[Figure]:
    """Gradient norm before clipping by training step, with the clipping threshold."""
    norms = curve_rows(data, "grad_norm_mean")["grad_norm_mean"]

    def draw(ax: Axes, rows: pd.DataFrame) -> None:
        plot_curves(rows[rows["grad_norm_mean"] > 0], "grad_norm_mean", ax, data.styles, geometric=True)
        level_lines(ax, rows["clip"])
        log_axis(ax, pd.concat([norms, data.runs["clip"]]))
        ax.set_ylabel("gradient norm")

    return curve_pages(
        data, "grad_norm_mean", draw, caption=caption,
        title="Gradient norm before clipping, mean over the steps since the last evaluation",
        reference="clipping threshold" if data.runs["clip"].notna().any() else "",
    )  # fmt: skip


GRAD_NORM_CURVES = FigureSpec(
    name="grad_norm",
    question="How large are the gradients during training, and how often are they clipped?",
    caption=curve_caption("geometric mean"),
    alt=(
        "Line chart. Vertical, logarithmic: gradient norm before clipping. Horizontal: training step. "
        f"Dashed: the clipping threshold. {CURVE_PANELS}"
    ),
    applies=lambda data: not curve_rows(data, "grad_norm_mean").empty,
    draw=grad_norm_curve_pages,
    per_task=True,
)
