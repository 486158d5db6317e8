"""Training loss by the training step, with the validation loss beside it."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from harness.report.axes import log_axis, loss_label, spans_more_than
from harness.report.curves import (
    CURVE_PANELS,
    curve_caption,
    curve_pages,
    curve_rows,
    mean_curve,
    plot_curves,
)
from harness.report.figure_spec import FigureSpec, ReportData
from harness.report.style import GREY

_VALIDATION: dict[str, Any] = {"linestyle": (0, (4, 1.5)), "linewidth": 1.3}


def training_loss_pages(data: ReportData, caption: str) -> list[Figure]:
    """Training loss as curves, and the mean validation loss of the same runs in dashes of the same colour."""
    rows_of_both = curve_rows(data, "train_loss")
    losses = pd.concat([rows_of_both["train_loss"], rows_of_both["val_loss"]])

    def draw(ax: Axes, rows: pd.DataFrame) -> None:
        plot_curves(rows, "train_loss", ax, data.styles)
        for label, cell_rows in rows[rows["status"] == "ok"].groupby("label"):
            mean = mean_curve(cell_rows, "val_loss")
            ax.plot(mean.index, mean, color=data.styles[str(label)].color, **_VALIDATION)
        if spans_more_than(losses, ratio=30):
            log_axis(ax, losses)
        ax.set_ylabel(loss_label(rows, "").lstrip())

    return curve_pages(
        data, "train_loss", draw, title="Training and validation loss", caption=caption,
        handles=[Line2D([], [], color=GREY, label="validation, mean", **_VALIDATION)],
    )  # fmt: skip


TRAINING_LOSS = FigureSpec(
    name="training_loss",
    question="Is a cell's loss on the samples that it is trained on below that on others?",
    caption=(
        "Lines: training loss, the mean over the steps since the last evaluation, with the weights and the "
        f"dropout of each step. Dashes of the same colour: mean validation loss. {curve_caption()}"
    ),
    alt=(
        "Line chart. Vertical: loss, in nats or squared error. Horizontal: training step. Lines: training, "
        f"dashes: validation. {CURVE_PANELS}"
    ),
    applies=lambda data: not curve_rows(data, "train_loss").empty,
    draw=training_loss_pages,
    per_task=True,
)
