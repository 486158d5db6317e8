"""The figures of the timing pass: time and share of torch.mm's rate against hidden size and length."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from harness.report.axes import (
    level_lines,
    log_axis,
    reference_handle,
)
from harness.report.figure_files import DEFAULT_FORMATS, remove_stale, save_pages
from harness.report.layout import Panel, drawing_axes, make_pages, page_columns
from harness.report.page_style import SCREEN, PageStyle
from harness.report.setting_axis import is_log, setting_axis, setting_words, side_by_side
from harness.report.style import CellStyle, cell_styles
from harness.results.repeats import labelled
from harness.timing.table import TIMING_FILES, load_timing

log = logging.getLogger("harness.report")

MEASURES = {
    "time": ("median_ms", "q25_ms", "q75_ms"),
    "share": ("share", "share_q25", "share_q75"),
}
"""The measures that can be drawn: columns of the median and the quartiles."""

ALT = (
    "Line chart of the isolated timing pass. Vertical: milliseconds, or the share of the rate of torch.mm in "
    "per cent. Horizontal, logarithmic: hidden size H or sequence length T. One line per cell with a bar for "
    "the interquartile range. One panel per phase of a training step and per value of the other size."
)

PHASE_WORDS = {"step": "whole step", "forward": "forward", "backward": "backward"}


def plot_speed(
    table: pd.DataFrame,
    x: str,
    measure: str = "time",
    ax: Axes | None = None,
    styles: dict[str, CellStyle] | None = None,
) -> Axes:
    """Draws medians as points and interquartile ranges as bars, one line per cell, on logarithmic axes.

    Args:
        table: rows of `load_timing` of one phase, one task and one value of the other of the two axes.
        x: `hidden_size` or `seq_len`.
        measure: `time` in milliseconds, or `share` of the matrix product's rate in per cent.
        ax: a new figure if None.
        styles: of the cells; made from the table if None.
    """
    ax = drawing_axes(ax)
    label = "label" if "label" in table else "cell"
    styles = styles or cell_styles(table[label])
    median, q25, q75 = MEASURES[measure]
    scale = 100.0 if measure == "share" else 1.0
    cells = [cell for cell in styles if (table[label] == cell).any()]
    ticks = sorted(table[x].astype(float).unique())
    log = is_log(ticks)
    setting_axis(ax, x, ticks, log)
    for slot, cell in enumerate(cells):
        rows, style = table[table[label] == cell].sort_values(x), styles[cell]
        middle = scale * rows[median].to_numpy(float)
        bars = np.abs(scale * rows[[q25, q75]].to_numpy(float).T - middle)
        at = side_by_side(rows[x].astype(float), slot, len(cells), ticks, log)
        ax.errorbar(
            at, middle, yerr=bars, color=style.color, linestyle=style.linestyle, linewidth=1.4,
            elinewidth=1.4, capsize=2.5, marker=style.marker, markersize=5, markeredgecolor="white",
            markeredgewidth=0.6,
        )  # fmt: skip
    ax.set_ylabel("share of torch.mm's rate (%)" if measure == "share" else "time (ms)")
    return ax


def speed_pages(table: pd.DataFrame, x: str, measure: str, page_style: PageStyle = SCREEN) -> list[Figure]:
    """One panel per phase and per value of the other axis (length or hidden size).

    Args:
        table: the rows of `load_timing`.
        x: `hidden_size` or `seq_len`; there is no page for fewer than two values.
        measure: `time` or `share`; the latter for whole steps only.
        page_style: sizes of page and type.
    """
    column = MEASURES[measure][0]
    kept = table[table[column].notna()]
    known = labelled(kept[kept["match_params"].isna()] if x == "hidden_size" else kept, ignore=[x])
    panels = [panel for panel in _panels(known, x, measure) if panel.runs[x].nunique() > 1]
    if not panels:
        return []
    styles = cell_styles(known["label"])

    def draw(ax: Axes, panel: Panel) -> list[str]:
        plot_speed(panel.runs, x, measure, ax, styles)
        if measure == "share":
            ax.set_ylim(0, 1.1 * max(100.0, 100 * known["share_q75"].max()))
            level_lines(ax, [100])
        else:
            phase = panel.runs["phase"].iloc[0]
            of_phase = known.loc[known["phase"] == phase, list(MEASURES[measure])]
            log_axis(ax, of_phase.stack())  # one axis per phase, so that its panels can be compared
        return [noisy_text(panel.runs)] if measure == "time" else []

    title = "Share of torch.mm's rate" if measure == "share" else "Time of a training step and its parts"
    return make_pages(
        panels, draw, title=f"{title} by {setting_words(x)}", caption=caption(table, measure), styles=styles,
        columns=page_columns(panels),
        handles=[reference_handle("torch.mm alone")] if measure == "share" else [], page_style=page_style,
    )  # fmt: skip


def write_speed_figures(
    results_dir: str | Path, formats: Sequence[str] = DEFAULT_FORMATS, page_style: PageStyle = SCREEN
) -> list[Path]:
    """Writes the figures of each timing table in `results_dir` into its `figures/`; removes old ones.

    Args:
        results_dir: a results folder.
        formats: keys of `FORMATS`; a file each.
        page_style: sizes of pages and type.

    Returns:
        Their paths; empty without a table.
    """
    folder = Path(results_dir) / "figures"
    paths: list[Path] = []
    for like_for_like, name in TIMING_FILES.items():
        if not (Path(results_dir) / name).exists():
            continue
        folder.mkdir(parents=True, exist_ok=True)
        try:
            table = load_timing(Path(results_dir) / name)
        except ValueError as error:
            log.warning("no speed figures: %s", error)
            continue
        for figure, pages in _figures(table, "speed-like_for_like" if like_for_like else "speed", page_style):
            paths += save_pages(pages, folder, figure, ALT, formats, page_style)
    remove_stale(folder, "speed-*", paths)
    return paths


def caption(table: pd.DataFrame, measure: str) -> str:
    """The meaning of points and bars, and the conditions of the measurement."""
    kernels = ", ".join(sorted(table["kernel"].unique()))
    rounds, threads = int(table["rounds"].max()), int(table["threads"].max())
    reference = (
        "100 % is the rate of torch.mm alone for (B × H)·(H × gates·H) in the same rounds. "
        if measure == "share"
        else ""
    )
    return (
        f"Point: median of {rounds} interleaved rounds. Bar: interquartile range. {reference}"
        f"Kernel: {kernels}; {threads} thread{'s' if threads > 1 else ''}; {table['cpu'].iloc[0]}."
    )


def noisy_text(rows: pd.DataFrame) -> str:
    """The number of noisy points, such as `2 of 12 noisy`; empty if there are none."""
    count = int(rows["noisy"].sum())
    return f"{count} of {len(rows)} noisy" if count else ""


def _figures(table: pd.DataFrame, stem: str, page_style: PageStyle) -> Iterator[tuple[str, list[Figure]]]:
    for measure in MEASURES:
        for x, words in (("hidden_size", "hidden_size"), ("seq_len", "length")):
            yield f"{stem}-{measure}_vs_{words}", speed_pages(table, x, measure, page_style)


def _panels(table: pd.DataFrame, x: str, measure: str) -> list[Panel]:
    other = "seq_len" if x == "hidden_size" else "size"
    panels = []
    for phase, word in PHASE_WORDS.items():
        if measure == "share" and phase != "step":
            continue
        rows = table[table["phase"] == phase]
        keys = ["task", "variant", "data_source", "condition"]
        for place, group in rows.groupby([*keys, other], dropna=False, observed=True):
            task, variant, source, condition, value = place
            parts = (
                f"{task} ({variant}), {source}",
                str(condition),
                word,
                f"T = {value}" if other == "seq_len" else str(value),
            )
            panels.append(Panel(parts, group, x))
    return panels
