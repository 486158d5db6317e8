"""Test accuracy by cell, for tasks in which neither length nor another setting gives an axis."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from harness.report.accuracy_axis import accuracy_axis, accuracy_caption, accuracy_floors, chance_handles
from harness.report.by_choice import plot_by_choice
from harness.report.by_setting import panel_remarks
from harness.report.figure_spec import FigureSpec, ReportData
from harness.report.layout import Panel, make_pages, page_columns, split
from harness.report.published_marks import mark_published, marks_on, published_caption, published_handles
from harness.results.repeats import IDENTITY


def one_length_panels(data: ReportData, y: str) -> list[Panel]:
    """A panel for each size and condition of the tasks with one length, where a run that is `ok` has `y`."""
    runs = data.runs
    if runs.empty:
        return []
    place = [runs[name] for name in IDENTITY]
    alone = runs["seq_len"].groupby(place).transform("nunique") == 1
    panels = split(runs[alone], ["size", "seq_len"], "label")
    return panels if any((p.runs["status"].eq("ok") & p.runs[y].notna()).any() for p in panels) else []


def _panels(data: ReportData) -> list[Panel]:
    """Those of tasks in which no other setting was swept: that has a figure of its own."""
    known = data.runs["condition"].groupby([data.runs[name] for name in IDENTITY]).transform("nunique")
    return [
        panel for panel in one_length_panels(data, "test_accuracy") if known[panel.runs.index].eq(1).all()
    ]


def accuracy_by_cell_pages(data: ReportData, caption: str) -> list[Figure]:
    """Test accuracy, a column for each cell."""
    panels = _panels(data)
    published = marks_on(data, panels, "test_accuracy")

    def plot(ax: Axes, panel: Panel) -> None:
        plot_by_choice(panel.runs, "label", "test_accuracy", ax, data.styles, scale=100)
        cells = [cell for cell in data.styles if (panel.runs["label"] == cell).any()]
        mark_published(ax, panel.runs, published, data.styles, lambda row: cells.index(row["label"]), 100)

    floors = accuracy_floors(panels, plot)

    def draw(ax: Axes, panel: Panel) -> list[str]:
        plot(ax, panel)
        return [*panel_remarks(panel.runs, "label"), accuracy_axis(ax, panel, "seq_len", floors)]

    return make_pages(
        panels, draw, title="Test accuracy by cell", styles={},
        caption=caption + accuracy_caption(floors) + published_caption(published),
        columns=page_columns(panels), handles=[*chance_handles(floors), *published_handles(published)],
        page_style=data.page_style,
    )  # fmt: skip


ACCURACY_BY_CELL = FigureSpec(
    name="accuracy_by_cell",
    question="How accurate is each cell at the one length that was run?",
    caption="Each mark is a seed, each bar the mean of a cell.",
    alt=(
        "Dot chart. Vertical: test accuracy in per cent. Horizontal: cells by name, each a column of dots, "
        "one for each seed, with a bar at their mean; dashed: chance. One panel per task and size."
    ),
    applies=lambda data: bool(_panels(data)),
    draw=accuracy_by_cell_pages,
)
