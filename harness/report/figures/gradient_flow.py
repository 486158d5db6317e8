"""Gradient flow in the backward pass: the norm of ∂ℓ/∂h at each probed time step."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from harness.report.figure_spec import FigureSpec, ReportData
from harness.report.layout import (
    Panel,
    drawing_axes,
    length_columns,
    make_pages,
    not_ok_text,
    seeds_text,
    split,
)
from harness.report.seed_lines import draw_seed_lines
from harness.report.style import GREY, CellStyle, cell_styles


def plot_gradient_flow(
    flow: pd.DataFrame, ax: Axes | None = None, styles: dict[str, CellStyle] | None = None
) -> Axes:
    """Draws ‖∂ℓ/∂h_t‖ by t on a log axis: last probe solid, first probe dashed, an LSTM's c dotted.

    Args:
        flow: rows of `load_gradflow` of one task, condition, length, hidden size and layer, with `label`.
        ax: where to draw; a new figure if None.
        styles: of the cells; made from the rows if None.
    """
    ax = drawing_axes(ax)
    styles = styles or cell_styles(flow["label"])
    step = flow.groupby("run_id")["step"]
    is_last, is_first = flow["step"] == step.transform("max"), flow["step"] == step.transform("min")
    for place, (label, rows) in enumerate(flow.groupby("label")):
        style = styles[str(label)]
        last, first = rows[is_last.loc[rows.index]], rows[(is_first & ~is_last).loc[rows.index]]
        h = last[(last["state"] == "h") & (last["norm"] > 0)]
        draw_seed_lines(ax, h, "t", "norm", color=style.color, linewidth=0.6, alpha=0.45)
        for part, line, alpha, width in (
            (first[first["state"] == "h"], "--", 0.6, 1.3),
            (last[last["state"] == "c"], ":", 1.0, 1.6),
            (last[last["state"] == "h"], "-", 1.0, 1.9),
        ):
            mean = mean_norm(part)
            every = max(1, len(mean) // 5)
            ax.plot(mean.index, mean, color=style.color, linestyle=line, linewidth=width, alpha=alpha,
                    marker=style.marker, markersize=4.5, markevery=(place % every, every))  # fmt: skip
    _axes(ax)
    set_limits(ax, flow)
    return ax


def set_limits(ax: Axes, flow: pd.DataFrame) -> None:
    """Fits the vertical axis to the last probe of all of `flow`, and to at most 8 decades of the others.

    An untrained RNN's gradient can fall to 1e-30; an axis down to there would flatten all other curves.
    """
    positive = flow[(flow["norm"] > 0) & np.isfinite(flow["norm"])]
    last = positive[positive["step"] == positive.groupby("run_id")["step"].transform("max")]
    if len(positive):
        top = positive["norm"].max()
        floor = max(positive["norm"].min(), min(last["norm"].min(), 1e-8 * top))
        ax.set_ylim(floor / 3, top * 3)


def mean_norm(rows: pd.DataFrame) -> pd.Series:
    """Geometric mean of `norm` over runs for each t at which it is above zero in every run."""
    if rows.empty:
        return pd.Series(dtype=float)
    table = rows.pivot(index="t", columns="run_id", values="norm")
    return table.where(table > 0).dropna().map(math.log).mean(axis=1).map(math.exp)


def flow_pages(data: ReportData, caption: str) -> list[Figure]:
    """Gradient flow in the top layer of one task and condition; rows H, columns T."""
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


def _flow_rows(data: ReportData) -> pd.DataFrame:
    """The gradient flow of the runs that are `ok`, with the label of their cell."""
    ok = data.runs.loc[data.runs["status"] == "ok", ["run_id", "label"]]
    return data.gradflow.merge(ok, on="run_id")


def _is_top(rows: pd.DataFrame) -> pd.Series:
    return rows["layer"] == rows.groupby("run_id")["layer"].transform("max")


def _pages(data: ReportData, caption: str, rows: pd.DataFrame, layer: str) -> list[Figure]:
    def draw(ax: Axes, panel: Panel) -> list[str]:
        drawn = rows[rows["run_id"].isin(panel.runs["run_id"])]
        plot_gradient_flow(drawn, ax, data.styles)
        set_limits(ax, rows)
        zeros = sorted(drawn.loc[drawn["norm"] == 0, "label"].unique())
        note = f"exact zeros: {', '.join(zeros)}" if zeros else ""
        return [seeds_text(panel.runs, ["label"]), not_ok_text(panel.runs), note]

    shown = {cell: CellStyle(style.color, style.marker, "") for cell, style in data.styles.items()
             if (rows["label"] == cell).any()}  # fmt: skip
    lines: list[tuple[str, Any, float]] = [("h, last probe", "-", 1.9), ("h, first probe", "--", 1.3)]
    if (rows["state"] == "c").any():
        lines.append(("LSTM's c, last probe", ":", 1.6))
    handles = [Line2D([], [], color=GREY, linestyle=s, linewidth=w, label=name) for name, s, w in lines]
    return make_pages(
        split(data.runs, ["size", "seq_len"]), draw, caption=caption, styles=shown,
        title=f"Gradient flow along the sequence, {layer}", columns=length_columns(data.runs),
        handles=handles,
    )  # fmt: skip


def _axes(ax: Axes) -> None:
    ax.set_yscale("log")
    ax.yaxis.set_major_locator(LogLocator(numticks=7))
    ax.yaxis.set_minor_formatter(NullFormatter())
    ax.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    ax.set_xlabel("time step t, from 0")
    ax.set_ylabel("‖∂ℓ/∂h$_t$‖, mean over batch")


_CAPTION = (
    "Geometric mean over seeds (thin: one seed, last probe), where all of them are above 0; exact zeros are "
    "not drawn. All panels share an axis, cut where only the first probe falls below it. Compare slopes, not "
    "levels: where a task is solved its loss is small, and so is every gradient."
)
_ALT = (
    "Line chart. Vertical, logarithmic: norm of the gradient of the loss with respect to the hidden state, "
    "mean over the batch. Horizontal: time step t of the sequence, from 0. Solid: last probe; dashed: first "
    "probe; dotted: cell state of an LSTM; colour: cell. One panel per size and sequence length T"
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
