"""Panels and pages: which runs go into one panel, and how panels, titles and one legend share a page."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import matplotlib as mpl
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from harness.report.page_style import SCREEN, PageStyle
from harness.report.style import CellStyle
from harness.results.contention import contention_of
from harness.results.repeats import IDENTITY

PANELS_PER_PAGE = 12


@dataclass(frozen=True)
class Panel:
    """The runs of one panel and the parts of its title; what all panels share goes to the page's title."""

    parts: tuple[str, ...]
    runs: pd.DataFrame
    x: str = ""


def drawing_axes(ax: Axes | None, width: float = 5.0, height: float = 3.6) -> Axes:
    """`ax`, or the axes of a new figure of `width` × `height` inches that needs no screen."""
    if ax is not None:
        return ax
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure.add_subplot()


def split(runs: pd.DataFrame, by: Sequence[str], x: str = "") -> list[Panel]:
    """One panel for each task, variant, source and condition, and each value of `by`.

    Args:
        runs: as `labelled` returns them.
        by: `size`, `seq_len` or both; the first varies slowest.
        x: the column of the horizontal axis, for the panels to carry.
    """
    panels = []
    for key, group in runs.groupby([*IDENTITY, "condition", *by], dropna=False, observed=True):
        task, variant, source, condition = key[:4]
        sizes = [
            str(value) if name == "size" else f"T = {value}" for name, value in zip(by, key[4:], strict=True)
        ]
        panels.append(Panel((f"{task} ({variant}), {source}", str(condition), *sizes), group, x))
    return panels


def length_columns(runs: pd.DataFrame) -> int:
    """One column per length where there are up to four, else three that are filled in turn."""
    lengths = int(runs["seq_len"].nunique())
    return lengths if lengths <= 4 else 3


def page_columns(panels: Sequence[Panel]) -> int:
    """Columns that fill their rows: one for each of the sizes that vary fastest, where these are 2 to 4."""
    sizes = len({panel.parts[-1] for panel in panels})
    if 2 <= sizes <= 4:
        return sizes
    return 2 if len(panels) == 4 else 3


def seeds_text(runs: pd.DataFrame, by: Sequence[str]) -> str:
    """Number of seeds behind each mean of a panel: `n = 3 seeds`, `n = 2–3 seeds`."""
    counts = runs[runs["status"] == "ok"].groupby(list(by)).size()
    if counts.empty:
        return "no run ended ok"
    low, high = int(counts.min()), int(counts.max())
    return f"n = {high} seed{'s' if high > 1 else ''}" if low == high else f"n = {low}–{high} seeds"


def not_ok_text(runs: pd.DataFrame) -> str:
    """`1 diverged, 2 failed`, or empty where every run is ok."""
    counts = runs.loc[runs["status"] != "ok", "status"].value_counts()
    return ", ".join(f"{count} {status}" for status, count in counts.items())


def contention_sentence(runs: pd.DataFrame) -> str:
    """What processor seconds show about the times of a figure, as a sentence of its caption."""
    text = contention_of(runs)
    return f"{text[0].upper()}{text[1:]}."


Draw = Callable[[Axes, Panel], Sequence[str]]
"""Draws one panel and returns remarks for its title; empty ones are left out."""


def make_pages(
    panels: Sequence[Panel],
    draw: Draw,
    *,
    title: str,
    caption: str,
    styles: dict[str, CellStyle],
    columns: int = 3,
    panel_height: float = 2.7,
    handles: Sequence[Artist] = (),
    markers: bool = True,
    margin: float = 0.85,
    page_style: PageStyle = SCREEN,
) -> list[Figure]:
    """Lays panels out on as many pages as they need, at most `PANELS_PER_PAGE` each.

    Args:
        panels: in reading order.
        draw: draws a panel and returns remarks for its title.
        title: of every page.
        caption: what the marks mean; below the panels, above the legend.
        styles: of the cells in the legend.
        columns: panels beside one another, 1 to 4.
        panel_height: inches on a screen; other styles scale it, as the margin.
        handles: further entries of the legend, after the cells.
        markers: whether the cells' legend entries show their markers.
        margin: inches that the labels of the vertical axis take from a panel's width.
        page_style: sizes of page and type.
    """
    columns = max(1, min(columns, len(panels), 4))
    a_page = max(1, PANELS_PER_PAGE // columns) * columns
    entries = [_entry(cell, style, markers) for cell, style in styles.items()] + list(handles)
    pages = []
    margin = page_style.scale * margin
    with mpl.rc_context(page_style.settings()):
        for first in range(0, len(panels), a_page):
            chunk = panels[first : first + a_page]
            figure, axes = _grid(len(chunk), columns, panel_height, entries, caption, page_style)
            texts = [[*p.parts, *draw(ax, p)] for ax, p in zip(axes, chunk, strict=True)]
            _write_titles(figure, axes, texts, title, columns, margin, page_style)
            pages.append(figure)
    return pages


def _grid(
    count: int, columns: int, panel_height: float, entries: Sequence[Artist], caption: str, style: PageStyle
) -> tuple[Figure, list[Axes]]:
    """An empty page: axes for `count` panels above one legend, whose title is the caption."""
    rows, width = math.ceil(count / columns), style.widths[columns - 1]
    legend_columns = _legend_columns(entries, width / style.scale)
    legend_lines = math.ceil(len(entries) / legend_columns)
    caption = textwrap.fill(caption, int(width * style.letters_per_inch))
    below = 0.2 * (legend_lines + caption.count("\n") + 1)
    height = style.scale * (rows * (panel_height + 0.45) + below + 0.5)
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    pad = 0.07 * style.scale
    figure.get_layout_engine().set(h_pad=pad, w_pad=pad)  # type: ignore[union-attr, call-arg]
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for ax in axes[count:]:
        ax.set_axis_off()
    figure.legend(
        handles=list(entries), loc="outside lower center", ncols=legend_columns, frameon=False,
        title=caption, title_fontsize=style.type_points, handlelength=2.6,
    )  # fmt: skip
    return figure, list(axes[:count])


def _write_titles(
    figure: Figure,
    axes: Sequence[Axes],
    texts: Sequence[Sequence[str]],
    title: str,
    columns: int,
    margin: float,
    style: PageStyle,
) -> None:
    """Writes what all panels share above the page, and the rest above each panel."""
    several = len(texts) > 1
    shared = [text for text in texts[0] if text and all(text in other for other in texts)] if several else []
    heading = [f"{title}:" if shared else title, *shared]
    width = figure.get_figwidth()
    figure.suptitle(_wrap(heading, int(width * style.letters_per_inch / 1.2)))
    letters = max(12, int((width / columns - margin) * style.letters_per_inch))
    for ax, parts in zip(axes, texts, strict=True):
        own = [part for part in parts if part and part not in shared]
        ax.set_title(_wrap(own, letters), loc="left")


def _wrap(parts: Sequence[str], letters: int) -> str:
    """Joins parts with commas into lines; a part breaks only where it alone is longer than a line."""
    # a no-break space keeps textwrap from separating "n =" from "3 seeds"
    kept = [part.replace(" ", "\u00a0") if len(part) < letters else part for part in parts]
    text = ", ".join(kept).replace(":, ", ": ")
    return "\n".join(textwrap.wrap(text, letters, break_on_hyphens=False))


def _legend_columns(entries: Sequence[Artist], width: float) -> int:
    """As many columns as fit into `width` inches of a screen, the entries spread evenly over the lines."""
    inches = [0.8 + len(str(entry.get_label())) / SCREEN.letters_per_inch for entry in entries]
    if sum(inches) < width:
        return max(1, len(entries))
    fit = max(1, int(width / max(inches)))
    return math.ceil(len(entries) / math.ceil(len(entries) / fit))


def _entry(cell: str, style: CellStyle, markers: bool) -> Line2D:
    marker = style.marker if markers else ""
    return Line2D([], [], color=style.color, linestyle=style.linestyle, marker=marker, label=cell)
