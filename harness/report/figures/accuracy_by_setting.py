"""Test accuracy by sequence length, hidden size, learning rate or batch size."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from harness.report.axes import (
    SETTING_WORDS,
    accuracy_label,
    per_cent_axis,
    reference_handle,
    reference_line,
    setting_label,
)
from harness.report.by_setting import DOTS_CAPTION, panel_remarks, panels_by_setting, plot_by_setting
from harness.report.figure_spec import FigureSpec, ReportData
from harness.report.layout import Panel, make_pages, page_columns


def accuracy_pages(data: ReportData, caption: str, x: str, at_least: int = 1) -> list[Figure]:
    """Test accuracy by `x`; a panel for each task, condition and whatever of T and H is not `x`.

    Args:
        data: of a results folder.
        caption: what the marks mean.
        x: a key of `SETTING_WORDS`.
        at_least: panels with fewer values of `x` are left out.
    """
    panels = panels_by_setting(data.runs, x, "test_accuracy", at_least)

    def draw(ax: Axes, panel: Panel) -> list[str]:
        plot_by_setting(panel.runs, x, "test_accuracy", ax, data.styles, scale=100, limits=(0, 100))
        reference_line(ax, panel.runs, x, "chance_accuracy", 100)
        per_cent_axis(ax)
        ax.set_ylabel(accuracy_label(panel.runs))
        return panel_remarks(panel.runs, x)

    return make_pages(
        panels, draw, title=f"Test accuracy by {SETTING_WORDS[x]}", caption=caption, styles=data.styles,
        columns=page_columns(panels), handles=[reference_handle("chance")],
        page_style=data.page_style,
    )  # fmt: skip


def _spec(x: str, name: str, question: str, at_least: int) -> FigureSpec:
    return FigureSpec(
        name=name,
        question=question,
        caption=f"{DOTS_CAPTION} No bar where the interval would leave 0 to 100 %.",
        alt=(
            "Line chart. Vertical: test accuracy from 0 to 100 %. Horizontal, logarithmic: "
            f"{setting_label(x)}. One line per cell with a dot for each seed; dashed: chance. One panel per "
            "task and further setting."
        ),
        applies=lambda data: bool(panels_by_setting(data.runs, x, "test_accuracy", at_least)),
        draw=lambda data, caption: accuracy_pages(data, caption, x, at_least),
    )


BY_LENGTH = _spec(
    "seq_len", "accuracy_vs_length", "Up to which sequence length does each cell solve the task?", 1
)
BY_HIDDEN_SIZE = _spec(
    "hidden_size", "accuracy_vs_hidden_size", "How much does a larger hidden size help each cell?", 3
)
BY_LEARNING_RATE = _spec("lr", "accuracy_vs_lr", "Which learning rate suits each cell?", 2)
BY_BATCH_SIZE = _spec(
    "batch_size", "accuracy_vs_batch_size", "How does the batch size change what each cell reaches?", 2
)
