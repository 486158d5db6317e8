"""Test accuracy by sequence length, hidden size, or any other setting whose values are numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from harness.report.accuracy_axis import accuracy_axis, accuracy_caption, accuracy_floors, chance_handles
from harness.report.by_setting import ACCURACY_CAPTION, panel_remarks, panels_by_setting, plot_by_setting
from harness.report.direct_labels import label_lines, unlabelled
from harness.report.figure_spec import FigureSpec, ReportData
from harness.report.layout import Panel, make_pages, page_columns
from harness.report.published_marks import mark_published, marks_on, published_caption, published_handles
from harness.report.setting_axis import setting_label, setting_words


def accuracy_pages(data: ReportData, caption: str, panels: Sequence[Panel], title: str) -> list[Figure]:
    """Test accuracy by a setting.

    Args:
        data: of a results folder.
        caption: what the marks mean.
        panels: whose `x` is a numeric column of their runs.
        title: of the pages.
    """
    published = marks_on(data, panels, "test_accuracy")

    def plot(ax: Axes, panel: Panel) -> None:
        plot_by_setting(panel.runs, panel.x, "test_accuracy", ax, data.styles, scale=100)
        mark_published(ax, panel.runs, published, data.styles, lambda row: row[panel.x], 100)

    floors = accuracy_floors(panels, plot)

    def draw(ax: Axes, panel: Panel) -> list[str]:
        plot(ax, panel)
        remark = accuracy_axis(ax, panel, panel.x, floors)
        label_lines(ax, data.styles)
        return [*panel_remarks(panel.runs, panel.x), remark]

    return make_pages(
        panels, draw, title=title, caption=caption + accuracy_caption(floors) + published_caption(published),
        styles=unlabelled(data.styles), columns=page_columns(panels),
        handles=[*chance_handles(floors), *published_handles(published)], page_style=data.page_style,
    )  # fmt: skip


def accuracy_spec(
    x: str,
    name: str,
    question: str,
    at_least: int,
    prepared: Callable[[pd.DataFrame], pd.DataFrame] = lambda runs: runs,
) -> FigureSpec:
    """The figure of test accuracy by column `x`.

    Args:
        x: a numeric column of the runs.
        name: of the figure.
        question: that it answers.
        at_least: panels with fewer values of `x` are left out.
        prepared: adds the column, where the runs have none.
    """

    def panels(data: ReportData) -> list[Panel]:
        return panels_by_setting(prepared(data.runs), x, "test_accuracy", at_least)

    return FigureSpec(
        name=name,
        question=question,
        caption=ACCURACY_CAPTION,
        alt=(
            f"Line chart. Vertical: test accuracy in per cent. Horizontal: {setting_label(x)}. One line per "
            "cell with a dot for each seed; dashed: chance. One panel per task and further setting."
        ),
        applies=lambda data: bool(panels(data)),
        draw=lambda data, caption: accuracy_pages(
            data, caption, panels(data), f"Test accuracy by {setting_words(x)}"
        ),
    )


BY_LENGTH = accuracy_spec(
    "seq_len", "accuracy_vs_length", "How accurate is each cell at each sequence length?", 2
)
BY_HIDDEN_SIZE = accuracy_spec(
    "hidden_size", "accuracy_vs_hidden_size", "How much does a larger hidden size help each cell?", 3
)
