"""Training and validation loss by the training step, for each task whose loss without memory is known."""

from __future__ import annotations

import functools

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from harness.report.axes import level_lines, log_axis, loss_label, spans_more_than
from harness.report.curves import CURVE_PANELS, curve_caption, curve_pages, curve_rows, plot_curves
from harness.report.figure_spec import FigureSpec, ReportData


def loss_curve_pages(part: str, data: ReportData, caption: str) -> list[Figure]:
    """Loss by training step, with the loss of a model without memory; log axes of both parts are the same.

    Args:
        part: `training` or `validation`.
        data: of one task and condition.
        caption: what the marks mean.
    """
    column = {"training": "train_loss", "validation": "val_loss"}[part]
    rows_of_both = curve_rows(data, column)
    both = pd.concat([rows_of_both["train_loss"], rows_of_both["val_loss"]])

    def draw(ax: Axes, rows: pd.DataFrame) -> None:
        plot_curves(rows, column, ax, data.styles)
        level_lines(ax, rows["memoryless_loss"])
        if spans_more_than(both, ratio=30):
            log_axis(ax, pd.concat([both, data.runs["memoryless_loss"]]))
        ax.set_ylabel(loss_label(rows, part))

    return curve_pages(
        data, column, draw, title=f"{part.capitalize()} loss", caption=caption,
        reference="lowest loss without memory",
    )  # fmt: skip


def _known_without_memory(data: ReportData) -> bool:
    return bool(curve_rows(data, "val_loss")["memoryless_loss"].notna().any())


LOSS_CURVES = FigureSpec(
    name="loss_curves",
    question="After how many steps is the loss of a cell below that of any model without memory?",
    caption=curve_caption(),
    alt=(
        "Line chart. Vertical: validation loss, in nats or squared error. Horizontal: training step. "
        f"Dashed: the lowest loss without memory. {CURVE_PANELS}"
    ),
    applies=_known_without_memory,
    draw=functools.partial(loss_curve_pages, "validation"),
    per_task=True,
)

TRAINING_LOSS = FigureSpec(
    name="training_loss",
    question="Is a cell's loss on the samples that it is trained on below that on others?",
    caption=(
        "Training loss is the mean over the steps since the last evaluation, with the weights and the "
        f"dropout of each step. {curve_caption()}"
    ),
    alt=(
        "Line chart. Vertical: training loss, in nats or squared error. Horizontal: training step. "
        f"Dashed: the lowest loss without memory. {CURVE_PANELS}"
    ),
    applies=_known_without_memory,
    draw=functools.partial(loss_curve_pages, "training"),
    per_task=True,
)
