"""What a run costs: training time per step, and accuracy against training time."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from harness.report.figures.swept import (
    DOTS_CAPTION,
    WORDS,
    accuracy_label,
    is_wide,
    log_axis,
    page_columns,
    per_cent_axis,
    plain_log,
    plot_against,
    reference,
    remarks,
    swept_panels,
    task_values,
)
from harness.report.layout import (
    Panel,
    drawing_axes,
    make_pages,
    not_ok_text,
    reference_handle,
    split,
)
from harness.report.style import GREY, CellStyle, cell_styles
from harness.results.repeats import labelled

CLOCK = "Time is the clock inside the run (training steps only); runs side by side slow each other down."


def time_pages(runs: pd.DataFrame, x: str, styles: dict[str, CellStyle], at_least: int = 1) -> list[Figure]:
    """Milliseconds a training step against `x`, by the clock inside the run.

    Args:
        runs: the rows of `load_runs`.
        x: `hidden_size` or `seq_len`.
        styles: of the cells.
        at_least: panels with fewer values of `x` are left out.
    """
    timed = runs.assign(step_ms=1000 * runs["train_s"] / runs["steps"].astype(float).where(runs["steps"] > 0))
    panels = swept_panels(timed, x, at_least, "step_ms")
    if not panels:
        return []

    # one kind of axis on all pages, or slopes would look alike that are not
    wide = any(is_wide(task_values(panels, panel, "step_ms"), ratio=8) for panel in panels)

    def draw(ax: Axes, panel: Panel) -> list[str]:
        plot_against(panel.runs, x, "step_ms", ax, styles)
        times = task_values(panels, panel, "step_ms")
        if wide:
            log_axis(ax, times)
        elif times.notna().any():  # none: every run was solved before its first step
            ax.set_ylim(0, 1.15 * times.max())
        ax.set_ylabel("time per training step (ms)")
        return [*remarks(panel.runs, x), side_by_side(panel.runs)]

    return make_pages(
        panels, draw, title=f"Training time per step by {WORDS[x]}", caption=f"{DOTS_CAPTION} {CLOCK}",
        styles=styles, columns=page_columns(panels),
    )  # fmt: skip


def plot_accuracy_against_time(
    runs: pd.DataFrame,
    ax: Axes | None = None,
    styles: dict[str, CellStyle] | None = None,
    sizes: dict[int, float] | None = None,
) -> Axes:
    """Draws each `ok` run at its training time and test accuracy; the larger the mark, the larger H.

    Args:
        runs: rows of one task, condition and length; `label` as `labelled` adds it (else `cell`) is the cell.
        ax: where to draw; a new figure if None.
        styles: of the cells; made from the runs if None.
        sizes: marker size in points for each hidden size.
    """
    ax = drawing_axes(ax)
    label = "label" if "label" in runs else "cell"
    styles = styles or cell_styles(runs[label])
    sizes = sizes or marker_sizes(runs)
    ok = runs[(runs["status"] == "ok") & (runs["train_s"] > 0)]
    # large marks first, or they would cover the small ones
    for size, points in sorted(sizes.items(), reverse=True):
        for cell, group in ok[ok["hidden_size"] == size].groupby(label):
            style = styles[str(cell)]
            ax.plot(group["train_s"], 100 * group["test_accuracy"], linestyle="none", marker=style.marker,
                    color=style.color, markersize=points, alpha=0.7, markeredgecolor="white",
                    markeredgewidth=0.7)  # fmt: skip
    ax.set_xscale("log")
    if len(ok):
        middle = math.sqrt(ok["train_s"].min() * ok["train_s"].max())
        reach = max(1.4 * ok["train_s"].max() / middle, 3.0)  # wide enough for numbers on the axis
        ax.set_xlim(middle / reach, middle * reach)
    plain_log(ax, "x")
    ax.set_xlabel("training time (s)")
    return ax


def accuracy_time_pages(runs: pd.DataFrame, styles: dict[str, CellStyle]) -> list[Figure]:
    """Test accuracy against training time, a panel for each task, condition and length."""
    ok = runs[(runs["status"] == "ok") & (runs["train_s"] > 0) & runs["test_accuracy"].notna()]
    if ok.empty:
        return []
    sizes = marker_sizes(runs)

    def draw(ax: Axes, panel: Panel) -> list[str]:
        plot_accuracy_against_time(panel.runs, ax, styles, sizes)
        reference(ax, panel.runs, "seq_len", "chance_accuracy", 100)
        per_cent_axis(ax)
        ax.set_ylabel(accuracy_label(panel.runs))
        return [not_ok_text(panel.runs), side_by_side(panel.runs)]

    handles = [
        Line2D([], [], color=GREY, linestyle="none", marker="o", markersize=points, label=f"H = {size}")
        for size, points in _few(sizes)
    ]
    shown = {cell: CellStyle(style.color, style.marker, "") for cell, style in styles.items()}
    panels = split(labelled(runs), ["seq_len"])
    return make_pages(
        panels, draw, title="Test accuracy by training time", caption=f"Each mark is a run. {CLOCK}",
        styles=shown, columns=page_columns(panels), handles=[*handles, reference_handle("chance")],
    )  # fmt: skip


def marker_sizes(runs: pd.DataFrame) -> dict[int, float]:
    """A marker size in points for each hidden size, by rank."""
    sizes = sorted(int(size) for size in runs["hidden_size"].dropna().unique())
    return {size: 5.0 + 5.0 * rank / max(1, len(sizes) - 1) for rank, size in enumerate(sizes)}


def side_by_side(runs: pd.DataFrame) -> str:
    """`2 runs side by side`, `each run alone`, or that both kinds are mixed here."""
    counts = sorted(runs["concurrent"].dropna().astype(int).unique())
    if not counts:
        return "runs side by side: not recorded"
    if len(counts) > 1:
        return f"{counts[0]}–{counts[-1]} runs side by side (mixed)"
    return f"{counts[0]} runs side by side" if counts[0] > 1 else "each run alone"


def _few(sizes: dict[int, float], most: int = 4) -> Sequence[tuple[int, float]]:
    items = list(sizes.items())
    return items if len(items) <= most else [items[0], items[len(items) // 2], items[-1]]
