"""Test accuracy by a named choice, such as the initialisation: each seed a dot, cells side by side."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from harness.report.axes import accuracy_label, per_cent_axis, reference_handle, reference_line
from harness.report.by_setting import swept_over
from harness.report.figure_spec import FigureSpec, ReportData
from harness.report.layout import (
    Panel,
    drawing_axes,
    make_pages,
    not_ok_text,
    page_columns,
    seeds_text,
    split,
)
from harness.report.style import CellStyle, cell_styles
from harness.results.repeats import labelled

USUAL = {"init": "torch", "readout": "last"}
"""The choices that can be drawn, by column, and the value of each that stands first."""


def plot_accuracy_by_choice(
    runs: pd.DataFrame, x: str, ax: Axes | None = None, styles: dict[str, CellStyle] | None = None
) -> Axes:
    """Draws the test accuracy (%) of each `ok` run above its choice, and the mean as a bar.

    Args:
        runs: rows of one task, condition, T and H; `label` as `labelled` adds it (else `cell`).
        x: a key of `USUAL`.
        ax: where to draw; a new figure if None.
        styles: of the cells; made from the runs if None.
    """
    ax = drawing_axes(ax)
    label = "label" if "label" in runs else "cell"
    styles = styles or cell_styles(runs[label])
    names = sorted(runs[x].unique(), key=lambda name: (name != USUAL[x], name))
    cells = [cell for cell in styles if (runs[label] == cell).any()]
    width = 0.84 / max(1, len(cells))  # of the column of a cell
    offsets = width * (np.arange(len(cells)) - (len(cells) - 1) / 2)
    ok = runs[(runs["status"] == "ok") & runs["test_accuracy"].notna()]
    for offset, cell in zip(offsets, cells, strict=True):
        rows, style = ok[ok[label] == cell], styles[cell]
        xs = rows[x].map(names.index).astype(float) + offset
        values = 100 * rows["test_accuracy"].astype(float)
        ax.plot(xs + 0.45 * width * _places(rows["seed"]), values, linestyle="none", marker=style.marker,
                color=style.color, markersize=5, alpha=0.55, markeredgewidth=0)  # fmt: skip
        means = values.groupby(xs).mean()
        ax.hlines(means, means.index - 0.4 * width, means.index + 0.4 * width, color=style.color, linewidth=2)
    ax.set_xlim(-0.6, len(names) - 0.4)
    ax.set_xticks(range(len(names)), names, rotation=25, ha="right", rotation_mode="anchor")
    ax.grid(visible=False, axis="x")
    for edge in range(1, len(names)):
        ax.axvline(edge - 0.5, color="#d0d0d0", linewidth=0.8, zorder=0.5)
    return ax


def _places(seeds: pd.Series) -> pd.Series:
    """From −0.8 to 0.8, a place for each seed, so that equal results stand side by side."""
    ranks = seeds.rank(method="dense") - 1
    return 0.8 * (2 * ranks / max(1.0, float(ranks.max())) - 1) if ranks.max() > 0 else 0.0 * ranks


def _panels(data: ReportData, x: str) -> list[Panel]:
    """A panel for each task, condition, size and length that has at least two values of `x`."""
    runs = swept_over(data.runs, x)
    if runs.empty:
        return []
    panels = split(labelled(runs, ignore=[x]), ["size", "seq_len"])
    panels = [panel for panel in panels if panel.runs[x].nunique() > 1]
    measured = any((p.runs["status"].eq("ok") & p.runs["test_accuracy"].notna()).any() for p in panels)
    return panels if measured else []


def accuracy_pages(data: ReportData, caption: str, x: str, word: str) -> list[Figure]:
    """Test accuracy by the choice `x`, which `word` names."""
    panels = _panels(data, x)

    def draw(ax: Axes, panel: Panel) -> list[str]:
        plot_accuracy_by_choice(panel.runs, x, ax, data.styles)
        reference_line(ax, panel.runs, "seq_len", "chance_accuracy", 100)
        per_cent_axis(ax)
        ax.set_ylabel(accuracy_label(panel.runs))
        return [seeds_text(panel.runs, ["label", x]), not_ok_text(panel.runs)]

    shown = {cell: CellStyle(style.color, style.marker, "") for cell, style in data.styles.items()}
    return make_pages(
        panels, draw, title=f"Test accuracy by {word}", caption=caption, styles=shown,
        columns=min(2, page_columns(panels)), handles=[reference_handle("chance")],
        page_style=data.page_style,
    )  # fmt: skip


def _spec(x: str, word: str, question: str, remark: str) -> FigureSpec:
    return FigureSpec(
        name=f"accuracy_vs_{x}",
        question=question,
        caption=f"Each mark is a seed, each bar the mean of a cell. {remark}",
        alt=(
            f"Dot chart. Vertical: test accuracy from 0 to 100 %. Horizontal: {word}, {USUAL[x]} first. One "
            "column of dots per cell with a bar at their mean; dashed: chance. One panel per task, size, "
            "sequence length and further setting."
        ),
        applies=lambda data: bool(_panels(data, x)),
        draw=lambda data, caption: accuracy_pages(data, caption, x, word),
    )


BY_INIT = _spec(
    "init",
    "initialisation",
    "How much does the initialisation decide what each cell reaches?",
    "A missing group: the pair means nothing, such as chrono with an RNN, or was not run.",
)
BY_READOUT = _spec(
    "readout",
    "readout",
    "How much of what each cell reaches depends on the states that the head reads?",
    "last: the head reads the last state; mean, max: over all states; all: every state.",
)
