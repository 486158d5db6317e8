"""Published results as open marks on figures of the runs that they can be compared with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from harness.report.figure_spec import ReportData
from harness.report.layout import Panel
from harness.report.style import INK, CellStyle
from harness.results.published import load_published
from harness.results.published_match import PublishedMatch, match_published

OPEN: dict[str, Any] = {"linestyle": "none", "markersize": 7.5, "markerfacecolor": "white",
                        "markeredgewidth": 1.4}  # fmt: skip
"""How a published number is drawn: never filled, as measured ones are."""

_MARKS = {"=": "D", "<": "v", ">=": "^"}
_SENTENCE = " Open: published for the cell, in a setting of its own that the figure `published` spells out."


def all_matches(data: ReportData) -> list[PublishedMatch]:
    """Published results of the cells, tasks and lengths of these runs; see `match_published`."""
    return match_published(data.runs, load_published())[0] if len(data.runs) else []


def marks_on(data: ReportData, panels: Sequence[Panel], metric: str) -> list[PublishedMatch]:
    """The published results that belong on a figure.

    Args:
        data: of a results folder.
        panels: of the figure.
        metric: the column of the runs on its vertical axis.
    """
    shown = {run for panel in panels for run in panel.runs["run_id"]}
    return [
        m for m in all_matches(data) if m.result.metric == metric and shown.intersection(m.runs["run_id"])
    ]


def mark_published(
    ax: Axes,
    runs: pd.DataFrame,
    matches: Sequence[PublishedMatch],
    styles: dict[str, CellStyle],
    x_of: Callable[[pd.Series], float],
    scale: float = 1.0,
) -> None:
    """Draws the published results whose matching runs lie in a panel.

    Args:
        ax: with the metric on its vertical axis.
        runs: of the panel.
        matches: as `marks_on` gives them.
        styles: of the cells, by `label`.
        x_of: where on the horizontal axis a row of `runs` stands.
        scale: factor on the metric.
    """
    for match in matches:
        rows = runs[runs["run_id"].isin(match.runs["run_id"])]
        if len(rows):
            color = styles[str(rows["label"].iloc[0])].color
            mark = _MARKS[match.result.relation]
            ax.plot(x_of(rows.iloc[0]), scale * match.result.value, mark, color=color, zorder=4, **OPEN)


def published_caption(matches: Sequence[PublishedMatch]) -> str:
    """A sentence for the caption; empty without marks."""
    return _SENTENCE if matches else ""


def published_handles(matches: Sequence[PublishedMatch]) -> list[Artist]:
    """The entries of the legend; none without marks."""
    words = {"=": "published", "<": "published: below this", ">=": "published: not below this"}
    relations = {match.result.relation for match in matches}
    return [
        Line2D([], [], marker=_MARKS[relation], color=INK, label=word, **OPEN)
        for relation, word in words.items()
        if relation in relations
    ]
