"""The first stage of a tuned grid: validation result by learning rate, and the one that was chosen."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from harness.report.axes import accuracy_label, log_axis, loss_label, per_cent_axis, spans_more_than
from harness.report.by_setting import (
    RING,
    panel_remarks,
    panels_by_setting,
    plot_by_setting,
    values_of_task,
)
from harness.report.figure_spec import FigureSpec, ReportData
from harness.report.layout import Panel, make_pages, page_columns
from harness.report.style import INK

X = "lr"


def _panels(data: ReportData) -> list[Panel]:
    return panels_by_setting(data.tuning, X, "val_loss", at_least=2)


def tuning_pages(data: ReportData, caption: str) -> list[Figure]:
    """Validation result of the tuning runs by learning rate; a panel for each task, condition, H and T."""
    panels = _panels(data)

    def draw(ax: Axes, panel: Panel) -> list[str]:
        by_loss = bool(panel.runs["tolerance"].notna().any())  # value targets are chosen by their loss
        y, scale = ("val_loss", 1.0) if by_loss else ("val_accuracy", 100.0)
        plot_by_setting(panel.runs, X, y, ax, data.styles, scale=scale, spread="none", ring="chosen")
        if not by_loss:
            per_cent_axis(ax)
            ax.set_ylabel(accuracy_label(panel.runs, "validation"))
        else:
            losses = values_of_task(panels, panel, y)
            if spans_more_than(losses, ratio=30):
                log_axis(ax, losses)
            ax.set_ylabel(loss_label(panel.runs, "validation"))
        return panel_remarks(panel.runs, X)

    ring = Line2D([], [], linestyle="none", color=INK, label="chosen", **RING)
    return make_pages(
        panels, draw, title="Stage one: validation result by learning rate", caption=caption,
        styles={cell: style for cell, style in data.styles.items() if (data.tuning["label"] == cell).any()},
        columns=page_columns(panels), handles=[ring], page_style=data.page_style,
    )  # fmt: skip


TUNING = FigureSpec(
    name="tuning",
    question="How much does each cell depend on the learning rate, and which one was chosen?",
    caption=(
        "Validation results of the runs that choose the learning rate, on seeds that are not compared later. "
        "Faint: each seed; line: mean. Ring: the value that was chosen for the cell and length; a diverged "
        "run counts as worse than any other. A choice at the end of the range may not be the best there is."
    ),
    alt=(
        "Line chart. Vertical: validation accuracy in per cent, or validation loss for value targets. "
        "Horizontal, logarithmic: learning rate. One line per cell with a dot for each seed; a ring marks "
        "the chosen learning rate. One panel per task, hidden size, sequence length and further setting."
    ),
    applies=lambda data: bool(_panels(data)),
    draw=tuning_pages,
    of_tuning=True,
)
