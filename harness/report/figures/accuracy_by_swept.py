"""Test accuracy by every other setting that was swept: numbers on an axis, names side by side."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from harness.report.accuracy_axis import accuracy_axis, accuracy_caption, accuracy_floors, chance_handles
from harness.report.by_choice import plot_by_choice
from harness.report.by_setting import panel_remarks, panels_by_setting
from harness.report.figure_spec import FigureSpec, ReportData
from harness.report.figures.accuracy_by_setting import accuracy_spec
from harness.report.layout import Panel, make_pages, page_columns
from harness.report.setting_axis import setting_words
from harness.report.style import CellStyle
from harness.report.swept_settings import SweptSetting, swept_settings, with_setting

_QUESTIONS = {
    "lr": "Which learning rate suits each cell?",
    "init": "How much does the initialisation decide what each cell reaches?",
    "readout": "How much of what each cell reaches depends on the states that the head reads?",
}
_REMARKS = {
    "init": "A missing group: the pair means nothing, such as chrono with an RNN, or was not run.",
    "readout": "last: the head reads the last state; mean, max: over all states; all: every state.",
}


def specs_of_swept(data: ReportData) -> list[FigureSpec]:
    """A figure for each setting that has several values within a task, named `accuracy_vs_NAME`."""
    return [_spec(setting) for setting in swept_settings(data.runs)]


def _spec(setting: SweptSetting) -> FigureSpec:
    words = setting_words(setting.key)
    question = _QUESTIONS.get(setting.key, f"How does the {words} change what each cell reaches?")
    name = f"accuracy_vs_{setting.name}"
    if setting.numeric:
        return accuracy_spec(setting.key, name, question, 2, lambda runs: with_setting(runs, setting))
    return FigureSpec(
        name=name,
        question=question,
        caption=f"Each mark is a seed, each bar the mean of a cell. {_REMARKS.get(setting.key, '')}".strip(),
        alt=(
            f"Dot chart. Vertical: test accuracy in per cent. Horizontal: {words}, by name. One column of "
            "dots per cell with a bar at their mean; dashed: chance. One panel per task, size, sequence "
            "length and further setting."
        ),
        applies=lambda data: bool(_panels(data, setting)),
        draw=lambda data, caption: choice_pages(data, caption, setting),
    )


def _panels(data: ReportData, setting: SweptSetting) -> list[Panel]:
    return panels_by_setting(with_setting(data.runs, setting), setting.key, "test_accuracy", at_least=2)


def choice_pages(data: ReportData, caption: str, setting: SweptSetting) -> list[Figure]:
    """Test accuracy by a setting whose values are names."""
    panels, x = _panels(data, setting), setting.key

    def plot(ax: Axes, panel: Panel) -> None:
        plot_by_choice(panel.runs, x, "test_accuracy", ax, data.styles, scale=100)

    floors = accuracy_floors(panels, plot)

    def draw(ax: Axes, panel: Panel) -> list[str]:
        plot(ax, panel)
        return [*panel_remarks(panel.runs, x), accuracy_axis(ax, panel, "seq_len", floors)]

    shown = {cell: CellStyle(style.color, style.marker, "") for cell, style in data.styles.items()}
    return make_pages(
        panels, draw, title=f"Test accuracy by {setting_words(x)}", styles=shown,
        caption=caption + accuracy_caption(floors), columns=min(2, page_columns(panels)),
        handles=chance_handles(floors), page_style=data.page_style,
    )  # fmt: skip
