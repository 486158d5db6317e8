"""How the gradient travels back along the sequence: the norm of ∂ℓ/∂h at each probed time step."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from harness.report.figures.seed_lines import draw_seeds
from harness.report.layout import (
    Panel,
    drawing_axes,
    length_columns,
    make_pages,
    not_ok_text,
    seeds_text,
    split,
)
from harness.report.style import GREY, CellStyle, cell_styles
from harness.results.repeats import labelled

CAPTION = (
    "Geometric mean over seeds (thin: one seed, last probe), where all of them are above 0; "
    "exact zeros are not drawn. All panels share an axis, cut where only the first probe goes further down."
)


def plot_gradient_flow(
    flow: pd.DataFrame, ax: Axes | None = None, styles: dict[str, CellStyle] | None = None
) -> Axes:
    """Draws ‖∂ℓ/∂h_t‖ against t on a log axis: last probe solid, first probe dashed, an LSTM's c dotted.

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
        draw_seeds(ax, h, "t", "norm", color=style.color, linewidth=0.6, alpha=0.45)
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
    """Fits the vertical axis to the last probe of all of `flow`, and to 8 decades of what the others have.

    An untrained RNN's gradient can fall to 1e-30; an axis down to there would press all else into one line.
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


def flow_pages(
    runs: pd.DataFrame, flow: pd.DataFrame, styles: dict[str, CellStyle]
) -> dict[str, list[Figure]]:
    """Gradient flow of one task and condition; rows H, columns T.

    Returns:
        The pages of the top layer under `""`, those of a layer k further down under `"-layerk"`.
    """
    labels = runs if "label" in runs else labelled(runs)
    ok = labels.loc[labels["status"] == "ok", ["run_id", "label"]]
    rows = flow.merge(ok, on="run_id")
    if rows.empty:
        return {}
    top = rows["layer"] == rows.groupby("run_id")["layer"].transform("max")
    layers = {"": rows[top]}
    layers |= {f"-layer{layer}": below for layer, below in rows[~top].groupby("layer")}
    return {suffix: _pages(labels, part, styles, suffix) for suffix, part in layers.items()}


def _pages(runs: pd.DataFrame, rows: pd.DataFrame, styles: dict[str, CellStyle], suffix: str) -> list[Figure]:
    def draw(ax: Axes, panel: Panel) -> list[str]:
        drawn = rows[rows["run_id"].isin(panel.runs["run_id"])]
        plot_gradient_flow(drawn, ax, styles)
        set_limits(ax, rows)
        zeros = sorted(drawn.loc[drawn["norm"] == 0, "label"].unique())
        note = f"exact zeros: {', '.join(zeros)}" if zeros else ""
        return [seeds_text(panel.runs, ["label"]), not_ok_text(panel.runs), note]

    layer = f"layer {suffix.removeprefix('-layer')}, counted from 0" if suffix else "top layer"
    shown = {cell: CellStyle(style.color, style.marker, "") for cell, style in styles.items()
             if (rows["label"] == cell).any()}  # fmt: skip
    lines: list[tuple[str, Any, float]] = [("h, last probe", "-", 1.9), ("h, first probe", "--", 1.3)]
    if (rows["state"] == "c").any():
        lines.append(("LSTM's c, last probe", ":", 1.6))
    handles = [Line2D([], [], color=GREY, linestyle=s, linewidth=w, label=name) for name, s, w in lines]
    return make_pages(
        split(runs, ["hidden_size", "seq_len"]), draw, title=f"Gradient flow along the sequence, {layer}",
        caption=CAPTION, styles=shown, columns=length_columns(runs), handles=handles,
    )  # fmt: skip


def _axes(ax: Axes) -> None:
    ax.set_yscale("log")
    ax.yaxis.set_major_locator(LogLocator(numticks=7))
    ax.yaxis.set_minor_formatter(NullFormatter())
    ax.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    ax.set_xlabel("time step t, from 0")
    ax.set_ylabel("‖∂ℓ/∂h$_t$‖, mean over batch")
