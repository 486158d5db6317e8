"""Validation loss by the training step, for each task whose loss without memory is known."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from harness.report.axes import level_lines, log_axis, loss_label, spans_more_than
from harness.report.curves import CURVE_PANELS, curve_caption, curve_pages, curve_rows, plot_curves
from harness.report.figure_spec import FigureSpec, ReportData


def loss_curve_pages(data: ReportData, caption: str) -> list[Figure]:
    """Validation loss by training step, with the loss of a model without memory."""
    losses = curve_rows(data, "val_loss")["val_loss"]

    def draw(ax: Axes, rows: pd.DataFrame) -> None:
        plot_curves(rows, "val_loss", ax, data.styles)
        level_lines(ax, rows["memoryless_loss"])
        ax.margins(y=0.08)  # so that a level at the edge is seen
        if spans_more_than(losses, ratio=30):
            log_axis(ax, pd.concat([losses, data.runs["memoryless_loss"]]))
        ax.set_ylabel(loss_label(rows, "validation"))

    return curve_pages(
        data, "val_loss", draw, title="Validation loss", caption=caption,
        reference="lowest loss without memory",
    )  # fmt: skip


LOSS_CURVES = FigureSpec(
    name="loss_curves",
    question="After how many steps is the loss of a cell below that of any model without memory?",
    caption=curve_caption(),
    alt=(
        "Line chart. Vertical: validation loss, in nats or squared error. Horizontal: training step. "
        f"Dashed: the lowest loss without memory. {CURVE_PANELS}"
    ),
    applies=lambda data: bool(curve_rows(data, "val_loss")["memoryless_loss"].notna().any()),
    draw=loss_curve_pages,
    per_task=True,
)
