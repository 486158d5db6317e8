"""Gradient flow in the backward pass: ‖∂ℓ/∂h_t‖ by the time step, at initialisation beside the end."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from harness.report.figure_spec import FigureSpec, ReportData
from harness.report.flow_lines import MAX_DECADES, axis_limits, plot_gradient_flow, relative_norms
from harness.report.layout import PANELS_PER_PAGE, Panel, make_pages, not_ok_text, seeds_text, split
from harness.report.style import INK, CellStyle

MAX_LINES = 9
"""The most lines in a panel; further cells get pages of their own."""

INIT, END, SOLVED, NOT_SOLVED = (
    "at initialisation",
    "end",
    "end, seeds that solved it",
    "end, seeds that did not",
)
_NAMES_UP_TO = 3
"""Cells that a remark names; of more it gives the number."""


def flow_pages(data: ReportData, caption: str) -> list[Figure]:
    """Gradient flow in the top layer of one task and condition."""
    rows = _flow_rows(data)
    return _pages(data, caption, rows[_is_top(rows)], "top layer")


def lower_layer_pages(data: ReportData, caption: str) -> list[Figure]:
    """Gradient flow in each layer below the top one, from the lowest up."""
    rows = _flow_rows(data)
    below = rows[~_is_top(rows)]
    pages = []
    for layer, part in below.groupby("layer"):
        pages += _pages(data, caption, part, f"layer {layer}, counted from 0")
    return pages


def page_groups(panels: Sequence[Panel], most: int) -> list[list[Panel]]:
    """Panels in pages of at most `most`, so that those of one hidden size share a page where they can."""
    pages: list[list[Panel]] = []
    for _, of_size in itertools.groupby(panels, lambda panel: panel.runs["size"].iloc[0]):
        group = list(of_size)
        if pages and len(pages[-1]) + len(group) <= most:
            pages[-1] += group
        else:
            pages += [group[first : first + most] for first in range(0, len(group), most)]
    return pages


def _flow_rows(data: ReportData) -> pd.DataFrame:
    """The gradient flow of the runs that are `ok`, with the label of their cell and `solved_step`."""
    ok = data.runs.loc[data.runs["status"] == "ok", ["run_id", "label", "solved_step"]]
    return data.gradflow.merge(ok, on="run_id")


def _is_top(rows: pd.DataFrame) -> pd.Series:
    return rows["layer"] == rows.groupby("run_id")["layer"].transform("max")


def _pages(data: ReportData, caption: str, rows: pd.DataFrame, layer: str) -> list[Figure]:
    """The pages of each nine cells; on them a row of panels for each hidden size and length."""
    cells = [cell for cell in data.styles if (rows["label"] == cell).any()]
    title, pages = f"Gradient flow along the sequence, {layer}", []
    for first in range(0, len(cells), MAX_LINES):
        chunk = cells[first : first + MAX_LINES]
        some = f", cells {first + 1}–{first + len(chunk)} of {len(cells)}" if len(cells) > MAX_LINES else ""
        drawn, text = rows[rows["label"].isin(chunk)], caption
        with_c = drawn.loc[drawn["state"] == "c", "label"].nunique()
        if len(chunk) + with_c > MAX_LINES:
            drawn = drawn[drawn["state"] == "h"]
            text += " An LSTM's c is not drawn: the panels have lines enough." if with_c else ""
        styles = {cell: CellStyle(data.styles[cell].color, data.styles[cell].marker, "-") for cell in chunk}
        part = replace(data, runs=data.runs[data.runs["label"].isin(chunk)], gradflow=drawn, styles=styles)
        pages += _pages_of_cells(part, text, title + some)
    return pages


def _pages_of_cells(data: ReportData, caption: str, title: str) -> list[Figure]:
    """Pages whose panels share the vertical axis; `data` holds the runs and rows to be drawn."""
    moments = _moments(data.gradflow, has_threshold=bool(data.runs["solved_rule"].notna().any()))
    if SOLVED in moments:
        caption += " Solved: met the task's threshold on validation data."
    pages = []
    panels = split(data.runs, ["size", "seq_len"])
    for group in page_groups(panels, PANELS_PER_PAGE // len(moments)):
        ids = pd.concat([panel.runs["run_id"] for panel in group])
        relative = pd.concat([relative_norms(part[part["run_id"].isin(ids)]) for part in moments.values()])
        limits = axis_limits(relative["relative"])
        cut = bool(((relative["relative"] > 0) & (relative["relative"] < limits[0])).any())
        text = (
            f"{caption} The axis is cut at {MAX_DECADES} decades: lines leave it below." if cut else caption
        )

        def draw(ax: Axes, panel: Panel, limits: tuple[float, float] = limits) -> list[str]:
            return _draw(ax, panel, moments, data.styles, limits)

        with_moments = [
            Panel((*panel.parts, moment), panel.runs, moment) for panel in group for moment in moments
        ]
        pages += make_pages(
            with_moments, draw, title=title, caption=text, styles=data.styles, columns=len(moments),
            handles=_handles(data.gradflow), page_style=data.page_style,
        )  # fmt: skip
    return pages


def _moments(rows: pd.DataFrame, *, has_threshold: bool) -> dict[str, pd.DataFrame]:
    """The rows of the panels beside one another, by the words for them."""
    step = rows.groupby("run_id")["step"]
    end, init = rows[rows["step"] == step.transform("max")], rows[rows["step"] == 1]
    if not has_threshold:
        return {INIT: init, END: end}
    solved = end["solved_step"].notna()
    return {INIT: init, SOLVED: end[solved], NOT_SOLVED: end[~solved]}


def _draw(
    ax: Axes,
    panel: Panel,
    moments: dict[str, pd.DataFrame],
    styles: dict[str, CellStyle],
    limits: tuple[float, float],
) -> list[str]:
    """Draws a panel, whose `x` is its moment; returns its remarks."""
    rows = moments[panel.x][moments[panel.x]["run_id"].isin(panel.runs["run_id"])]
    plot_gradient_flow(rows, ax, styles)
    last = int(panel.runs["seq_len"].iloc[0]) - 1
    ax.set(xlim=(-0.04 * last - 0.1, 1.04 * last + 0.1), ylim=limits)
    everybody = panel.x in (INIT, END)
    counts = [seeds_text(panel.runs, ["label"])] if everybody else _shares(rows, panel.runs, list(styles))
    return [
        *counts,
        not_ok_text(panel.runs) if panel.x == INIT else "",
        _named("exact zeros", rows[rows["norm"] == 0]),
        _named("not drawn, as 0 or infinite at the last step",
               rows[~rows["run_id"].isin(relative_norms(rows)["run_id"])]),
    ]  # fmt: skip


def _shares(rows: pd.DataFrame, runs: pd.DataFrame, cells: list[str]) -> list[str]:
    """How many of the seeds a panel shows: `n = 2 of 3 seeds`; or by cell `n: rnn 0`, `gru 2 of 3 seeds`."""
    ok = runs[runs["status"] == "ok"]
    total = ok.groupby("label").size().reindex(cells).dropna().astype(int)
    if total.empty:
        return ["no run ended ok"]
    shown = ok[ok["run_id"].isin(rows["run_id"])].groupby("label").size().reindex(total.index, fill_value=0)
    of = f"of {total.iloc[0]} seeds" if total.nunique() == 1 else f"of {total.min()}–{total.max()} seeds"
    if shown.nunique() == 1:
        return [f"n = {shown.iloc[0]} {of}"]
    if len(shown) > _NAMES_UP_TO:
        return [f"n = {shown.min()}–{shown.max()} {of}"]
    *others, last = (f"{label} {count}" for label, count in shown.items())
    return [f"n: {others[0]}", *others[1:], f"{last} {of}"]


def _named(words: str, rows: pd.DataFrame) -> str:
    """The cells of `rows` after what is true of them; empty without rows."""
    cells = sorted(rows["label"].unique())
    if not cells:
        return ""
    return f"{words}: {', '.join(cells) if len(cells) <= _NAMES_UP_TO else f'{len(cells)} cells'}"


def _handles(rows: pd.DataFrame) -> list[Artist]:
    handles: list[Artist] = [Patch(color=INK, alpha=0.25, linewidth=0, label="lowest to highest seed")]
    if (rows["state"] == "c").any():
        handles.append(Line2D([], [], color=INK, linestyle=":", linewidth=1.6, label="c of an LSTM"))
    return handles


_CAPTION = (
    "Each seed's curve is divided by its norm at the last time step. Lines: median over the seeds that ended "
    "ok. An exact zero is a norm too small for a number and counts as the lowest: a line ends where its "
    "median is 0. All panels of a page share an axis."
)
_ALT = (
    "Line chart. Vertical, logarithmic: norm of the gradient of the loss with respect to the hidden state, "
    "mean over the batch, divided by its value at the last time step. Horizontal: time step t of the "
    "sequence, from 0. Lines: median over seeds; band: lowest to highest seed; dotted: cell state of an "
    "LSTM; colour: cell. Each row of panels is a hidden size H and a sequence length T: at initialisation, "
    "and at the end of training, where seeds that solved the task and seeds that did not have panels of "
    "their own if the task has a threshold"
)

GRADIENT_FLOW = FigureSpec(
    name="gradient_flow",
    question="How much of the gradient reaches the early time steps in the backward pass?",
    caption=_CAPTION,
    alt=f"{_ALT}.",
    applies=lambda data: not _flow_rows(data).empty,
    draw=flow_pages,
    per_task=True,
)
GRADIENT_FLOW_LOWER_LAYERS = FigureSpec(
    name="gradient_flow_lower_layers",
    question="How much of the gradient reaches the early time steps in the layers below the top one?",
    caption=_CAPTION,
    alt=f"{_ALT}; the layers follow one another, from the lowest up.",
    applies=lambda data: not _is_top(_flow_rows(data)).all(),
    draw=lower_layer_pages,
    per_task=True,
)
