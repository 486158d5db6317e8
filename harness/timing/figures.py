"""The isolated timing pass: time and share of torch.mm's rate against hidden size and length."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from harness.report.figures.swept import (
    WORDS,
    log_axis,
    page_columns,
    shifts_apart,
    swept_axis,
)
from harness.report.layout import (
    Panel,
    drawing_axes,
    is_ours,
    make_pages,
    reference_handle,
    save_pages,
)
from harness.report.style import GREY, CellStyle, cell_styles
from harness.results.repeats import labelled
from harness.timing.table import FILES, load_timing

log = logging.getLogger("harness.report")

MEASURES = {
    "time": ("median_ms", "q25_ms", "q75_ms"),
    "share": ("share", "share_q25", "share_q75"),
}
"""What can be drawn: the columns of the median and the quartiles."""

PHASE_WORDS = {"step": "whole step", "forward": "forward", "backward": "backward"}
OTHER = {"hidden_size": ("seq_len", "T"), "seq_len": ("hidden_size", "H")}


def plot_speed(
    table: pd.DataFrame,
    x: str,
    measure: str = "time",
    ax: Axes | None = None,
    styles: dict[str, CellStyle] | None = None,
) -> Axes:
    """Draws medians as points and interquartile ranges as bars, cell by cell, on logarithmic axes.

    Args:
        table: rows of `load_timing` of one phase, one task and one value of what is not `x`.
        x: `hidden_size` or `seq_len`.
        measure: `time` in milliseconds, or `share` of the matrix product's rate in per cent.
        ax: where to draw; a new figure if None.
        styles: of the cells; made from the table if None.
    """
    ax = drawing_axes(ax)
    label = "label" if "label" in table else "cell"
    styles = styles or cell_styles(table[label])
    median, q25, q75 = MEASURES[measure]
    scale = 100.0 if measure == "share" else 1.0
    cells = [cell for cell in styles if (table[label] == cell).any()]
    ticks = sorted(table[x].astype(float).unique())
    swept_axis(ax, x, ticks)
    for cell, shift in zip(cells, shifts_apart(len(cells), ticks), strict=True):
        rows, style = table[table[label] == cell].sort_values(x), styles[cell]
        middle = scale * rows[median].to_numpy(float)
        bars = np.abs(scale * rows[[q25, q75]].to_numpy(float).T - middle)
        ax.errorbar(
            rows[x].to_numpy(float) * shift, middle, yerr=bars, color=style.color, linestyle=style.linestyle,
            linewidth=1.4, elinewidth=1.4, capsize=2.5, marker=style.marker, markersize=5,
            markeredgecolor="white", markeredgewidth=0.6,
        )  # fmt: skip
    ax.set_ylabel("share of torch.mm's rate (%)" if measure == "share" else "time (ms)")
    return ax


def speed_pages(table: pd.DataFrame, x: str, measure: str) -> list[Figure]:
    """A panel for each phase, and each value of length or hidden size that is not `x`.

    Args:
        table: the rows of `load_timing`.
        x: `hidden_size` or `seq_len`; with fewer than two values of it there is no page.
        measure: `time` or `share`; the latter is of whole steps only.
    """
    column = MEASURES[measure][0]
    known = labelled(table[table[column].notna()], ignore=[x])
    panels = [panel for panel in _panels(known, x, measure) if panel.runs[x].nunique() > 1]
    if not panels:
        return []
    styles = cell_styles(known["label"])

    def draw(ax: Axes, panel: Panel) -> list[str]:
        plot_speed(panel.runs, x, measure, ax, styles)
        if measure == "share":
            ax.set_ylim(0, 1.1 * max(100.0, 100 * known["share_q75"].max()))
            ax.axhline(100, color=GREY, linestyle="--", linewidth=1.2, zorder=1.5)
        else:
            phase = panel.runs["phase"].iloc[0]
            alike = known.loc[known["phase"] == phase, list(MEASURES[measure])]
            log_axis(ax, alike.stack())  # the same axis for each phase, so that its panels can be compared
        return [noisy_text(panel.runs)] if measure == "time" else []

    title = "Share of torch.mm's rate" if measure == "share" else "Time of a training step and its parts"
    return make_pages(
        panels, draw, title=f"{title} by {WORDS[x]}", caption=caption(table, measure), styles=styles,
        columns=page_columns(panels),
        handles=[reference_handle("torch.mm alone")] if measure == "share" else [],
    )  # fmt: skip


def write_speed_figures(results_dir: str | Path) -> list[Path]:
    """Writes the figures of each timing table in `results_dir` into its `figures/`; removes earlier ones.

    Returns:
        Their paths; empty where there is no table.
    """
    folder = Path(results_dir) / "figures"
    paths: list[Path] = []
    for like_for_like, name in FILES.items():
        if not (Path(results_dir) / name).exists():
            continue
        folder.mkdir(parents=True, exist_ok=True)
        try:
            table = load_timing(Path(results_dir) / name)
        except ValueError as error:
            log.warning("no figures of speed: %s", error)
            continue
        for figure, pages in _figures(table, "speed-like_for_like" if like_for_like else "speed"):
            paths += save_pages(pages, folder, figure)
    for other in set(folder.glob("speed-*.png")) - set(paths):
        if is_ours(other):  # of an earlier pass: it would be taken for a figure of this one
            other.unlink()
    return paths


def caption(table: pd.DataFrame, measure: str) -> str:
    """What the marks mean, and under which conditions they were measured."""
    kernels = ", ".join(sorted(table["kernel"].unique()))
    rounds, threads = int(table["rounds"].max()), int(table["threads"].max())
    what = (
        "100 % is the rate of torch.mm alone for (B × H)·(H × gates·H) in the same rounds. "
        if measure == "share"
        else ""
    )
    return (
        f"Point: median of {rounds} interleaved rounds. Bar: interquartile range. {what}"
        f"Kernel: {kernels}; {threads} thread{'s' if threads > 1 else ''}; {table['cpu'].iloc[0]}."
    )


def noisy_text(rows: pd.DataFrame) -> str:
    """How many points have an interquartile range above 10 % of the median, or empty."""
    count = int(rows["noisy"].sum())
    return f"{count} of {len(rows)} noisy" if count else ""


def _figures(table: pd.DataFrame, stem: str) -> Iterator[tuple[str, list[Figure]]]:
    for measure in MEASURES:
        for x, words in (("hidden_size", "hidden_size"), ("seq_len", "length")):
            yield f"{stem}-{measure}_vs_{words}", speed_pages(table, x, measure)


def _panels(table: pd.DataFrame, x: str, measure: str) -> list[Panel]:
    other, letter = OTHER[x]
    panels = []
    for phase, word in PHASE_WORDS.items():
        if measure == "share" and phase != "step":
            continue
        rows = table[table["phase"] == phase]
        keys = ["task", "variant", "data_source", "condition"]
        for place, group in rows.groupby([*keys, other], dropna=False):
            task, variant, source, condition, value = place
            parts = (f"{task} ({variant}), {source}", str(condition), word, f"{letter} = {value}")
            panels.append(Panel(parts, group, x))
    return panels
