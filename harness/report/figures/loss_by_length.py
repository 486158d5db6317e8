"""Test loss by sequence length, beside the loss of a model without memory."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from harness.report.axes import log_axis, loss_label, reference_handle, reference_line, spans_more_than
from harness.report.by_setting import (
    RANGE_CAPTION,
    panel_remarks,
    panels_by_setting,
    plot_by_setting,
    values_of_task,
)
from harness.report.direct_labels import label_lines, unlabelled
from harness.report.figure_spec import FigureSpec, ReportData
from harness.report.layout import Panel, make_pages, page_columns
from harness.report.published_marks import mark_published, marks_on, published_caption, published_handles


def _panels(data: ReportData) -> list[Panel]:
    known = data.runs[data.runs["memoryless_loss"].notna()]
    return panels_by_setting(known, "seq_len", "test_loss", at_least=2)


def loss_by_length_pages(data: ReportData, caption: str) -> list[Figure]:
    """Test loss by length, for tasks for which the loss without memory is known."""
    panels = _panels(data)
    published = marks_on(data, panels, "test_loss")

    def draw(ax: Axes, panel: Panel) -> list[str]:
        plot_by_setting(panel.runs, "seq_len", "test_loss", ax, data.styles, spread="range")
        mark_published(ax, panel.runs, published, data.styles, lambda row: row["seq_len"])
        reference_line(ax, panel.runs, "seq_len", "memoryless_loss")
        losses = values_of_task(panels, panel, "test_loss")
        if spans_more_than(losses, ratio=30):
            marked = pd.Series([m.result.value for m in published], dtype="float64")
            log_axis(ax, pd.concat([losses, values_of_task(panels, panel, "memoryless_loss"), marked]))
        ax.set_ylabel(loss_label(panel.runs, "test"))
        label_lines(ax, data.styles)
        return panel_remarks(panel.runs, "seq_len")

    return make_pages(
        panels, draw, title="Test loss by sequence length", caption=caption + published_caption(published),
        styles=unlabelled(data.styles), columns=page_columns(panels), page_style=data.page_style,
        handles=[reference_handle("lowest loss without memory"), *published_handles(published)],
    )  # fmt: skip


LOSS_BY_LENGTH = FigureSpec(
    name="loss_vs_length",
    question="At which sequence lengths does a cell do better than any model without memory?",
    caption=RANGE_CAPTION,
    alt=(
        "Line chart. Vertical: test loss, in nats or squared error. Horizontal: sequence length "
        "T in steps. One line per cell with a dot for each seed; dashed: the lowest loss without memory. One "
        "panel per task, hidden size and further setting."
    ),
    applies=lambda data: bool(_panels(data)),
    draw=loss_by_length_pages,
)
