"""What a figure is: the question that it answers, its words, when it is drawn, and how."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pandas as pd
from matplotlib.figure import Figure

from harness.report.page_style import SCREEN, PageStyle
from harness.report.side_tables import SideTables
from harness.report.style import CellStyle


@dataclass(frozen=True, eq=False)
class ReportData:
    """What figures are drawn from: a results folder, or the runs of one task and condition."""

    runs: pd.DataFrame
    """Rows of `load_runs` with `label` and `condition`, as `labelled` adds them."""
    steps: pd.DataFrame
    """Rows of `load_steps`; it may hold those of other runs too."""
    gradflow: pd.DataFrame
    """Rows of `load_gradflow`; likewise."""
    styles: dict[str, CellStyle]
    """Of the cells among the runs, by label."""
    tuning: pd.DataFrame = field(default_factory=pd.DataFrame)
    """Like `runs`, those of the stage `tune`, with the column `chosen`: whether their values were."""
    tables: SideTables = field(default_factory=SideTables)
    """The tables of probes other than the gradient flow."""
    page_style: PageStyle = SCREEN
    """Sizes of pages and type."""


@dataclass(frozen=True)
class FigureSpec:
    """One figure of the report."""

    name: str
    """Name of its file without ending; for a figure of each task, the task's name follows."""
    question: str
    """What it answers, in one sentence."""
    caption: str
    """What the marks mean; `draw` may add what is known from the runs only."""
    alt: str
    """What a reader who cannot see it needs: kind of chart, axes with units, panels and lines."""
    applies: Callable[[ReportData], bool]
    """Whether the data have something to show; `draw` then returns at least one page."""
    draw: Callable[[ReportData, str], list[Figure]]
    """Draws its pages from the data and the caption."""
    of_tuning: bool = False
    """Whether it shows the runs that choose values, instead of those that are compared."""
    per_task: bool = False
    """Whether it is drawn for each task and condition, instead of once for the folder."""
