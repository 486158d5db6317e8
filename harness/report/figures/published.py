"""Published results beside the runs of the same task, length and cell, each with its setting."""

from __future__ import annotations

import itertools
import textwrap
from collections.abc import Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from harness.report.axes import accuracy_label, loss_label, plain_log_numbers, spans_more_than
from harness.report.figure_spec import FigureSpec, ReportData
from harness.report.layout import Panel, drawing_axes, make_pages, not_ok_text
from harness.report.page_style import points
from harness.report.published_marks import OPEN, all_matches
from harness.report.published_words import measured_setting, published_setting
from harness.report.style import INK, CellStyle, cell_styles
from harness.results.published_match import PublishedMatch

_MARKS = {"=": "D", "<": "<", ">=": ">"}
_LETTERS = 50  # of a line of text beside a row
_ROW = 0.62  # inches: the name and up to three lines of setting


def plot_published(
    matches: Sequence[PublishedMatch], ax: Axes | None = None, styles: dict[str, CellStyle] | None = None
) -> Axes:
    """Draws a row for each published result and, below those of a cell, one for its runs.

    Args:
        matches: of one task, variant, length and metric, as `match_published` gives them.
        ax: where to draw; a new figure if None.
        styles: of the cells, by `label` of the runs (else `cell`); made from the runs if None.
    """
    ax = drawing_axes(ax)
    label = "label" if "label" in matches[0].runs else "cell"
    styles = styles or cell_styles(str(match.runs[label].iloc[0]) for match in matches)
    metric = matches[0].result.metric
    texts: list[str] = []
    shown: list[float] = []
    scale = 100.0 if metric == "test_accuracy" else 1.0
    for cell, group in itertools.groupby(
        sorted(matches, key=lambda match: match.result.cell), key=lambda match: match.result.cell
    ):
        of_cell = sorted(group, key=lambda match: match.result.value)
        runs = of_cell[0].runs
        style = styles[str(runs[label].iloc[0])]
        for result in (match.result for match in of_cell):
            ax.plot(scale * result.value, len(texts), _MARKS[result.relation], color=style.color,
                    **OPEN)  # fmt: skip
            name = result.source.split(" (")[0].split(",")[0]
            texts.append(_row_text(f"{cell}, {name}", published_setting(result, remarks=False)))
            shown.append(scale * result.value)
        ok = runs.loc[runs["status"] == "ok", metric].astype("float64")
        values = scale * ok.dropna()
        ax.plot(values, [len(texts)] * len(values), linestyle="none", marker=style.marker, color=style.color,
                markersize=5.5, alpha=0.6, markeredgewidth=0)  # fmt: skip
        if metric != "solved_step" and len(values):
            middle = values.mean() if metric == "test_accuracy" else values.median()
            ax.vlines(middle, len(texts) - 0.28, len(texts) + 0.28, color=style.color, linewidth=2)
        unsolved = f"; {ok.isna().sum()} did not solve it" if ok.isna().any() else ""
        texts.append(_row_text(f"{cell}, measured here", measured_setting(of_cell[0]) + unsolved))
        shown += list(values)
    _axes_of_rows(ax, texts)
    if metric != "test_accuracy" and spans_more_than(pd.Series(shown), 10):
        ax.set_xscale("log")
        plain_log_numbers(ax, "x")
    return ax


def published_pages(data: ReportData, caption: str) -> list[Figure]:
    """A page for each task, variant, length and metric with a published result of a cell that was run."""
    pages = []
    for place, group in itertools.groupby(sorted(all_matches(data), key=_place), key=_place):
        matches = list(group)
        task, variant, length, metric = place
        runs = pd.concat([match.runs for match in matches]).drop_duplicates("run_id")
        rows = len(matches) + len({match.result.cell for match in matches})

        def draw(ax: Axes, panel: Panel, matches: list[PublishedMatch] = matches) -> list[str]:
            plot_published(matches, ax, data.styles)
            ax.set_xlabel(_label(panel.runs, matches[0].result.metric))
            return [not_ok_text(panel.runs)]

        title = f"Published and measured: {task} ({variant}), T = {length}, {metric.replace('_', ' ')}"
        pages += make_pages(
            [Panel((), runs)], draw, title=title, caption=caption, styles={}, columns=1,
            panel_height=_ROW * rows + 0.3, page_style=data.page_style,
            handles=_handles(metric, {m.result.relation for m in matches}),
        )  # fmt: skip
    return pages


def _place(match: PublishedMatch) -> tuple[str, str, int, str]:
    result = match.result
    return result.task, str(match.runs["variant"].iloc[0]), result.seq_len, result.metric


def _axes_of_rows(ax: Axes, texts: Sequence[str]) -> None:
    ax.set_yticks(range(len(texts)), texts, fontsize=0.8 * points("font.size"), linespacing=1.1)
    ax.set_ylim(len(texts) - 0.4, -0.6)
    ax.tick_params(axis="y", length=0)
    ax.margins(x=0.1)
    ax.grid(visible=False, axis="y")
    for edge in range(1, len(texts)):
        ax.axhline(edge - 0.5, color="#e4e4e4", linewidth=0.8, zorder=0.5)


def _row_text(name: str, setting: str) -> str:
    return f"{name}\n{textwrap.fill(setting, _LETTERS)}"


def _label(runs: pd.DataFrame, metric: str) -> str:
    if metric == "solved_step":
        return "training steps until the task was solved"
    return accuracy_label(runs) if metric == "test_accuracy" else loss_label(runs, "test")


def _handles(metric: str, relations: set[str]) -> list[Line2D]:
    words = {"=": "published", "<": "published: below this", ">=": "published: not below this"}
    look: dict[str, Any] = {"linestyle": "none", "color": INK}
    handles = [
        Line2D([], [], marker=_MARKS[relation], markerfacecolor="white", label=words[relation], **look)
        for relation in words
        if relation in relations
    ]
    handles.append(Line2D([], [], marker="o", label="measured, each seed", **look))
    if metric != "solved_step":
        middle = "mean" if metric == "test_accuracy" else "median"
        handles.append(Line2D([], [], marker="|", markersize=12, markeredgewidth=2, label=middle, **look))
    return handles


PUBLISHED = FigureSpec(
    name="published",
    question="How do these runs compare with published results, and in which settings do they differ?",
    caption=(
        "Task, variant, length, data and cell are the same; size, budget, optimizer and seeds are those "
        "beside each row, as far as the source states them. A difference is due to cell or code only where "
        "these agree. Of several settings of a cell, the one with the best median on validation data."
    ),
    alt=(
        "Dot chart. Horizontal: test accuracy in per cent, test loss, or steps until the task was solved. "
        "One row per published result, an empty mark, and one per cell for the runs, a dot for each seed; "
        "the text beside each row gives its source and setting. One picture per task, length and metric."
    ),
    applies=lambda data: bool(all_matches(data)),
    draw=published_pages,
)
