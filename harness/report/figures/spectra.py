"""Singular values of the Jacobians ∂h_t/∂h_{t−k}, before training beside the best step."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from harness.report.axes import powers_of_ten
from harness.report.figure_spec import FigureSpec, ReportData
from harness.report.inside_rows import cell_panels, rows_of, top_rows
from harness.report.layout import Panel, drawing_axes, make_pages, not_ok_text, seeds_text
from harness.report.style import GREY, INK, CellStyle

MAX_DECADES = 9
"""The most decades on the vertical axis."""

MARKERS = ("o", "s", "^", "D", "v")


def k_styles(ks: list[int]) -> dict[str, CellStyle]:
    """A colour for each k, darker with k, by its entry in the legend."""
    shades = mpl.colormaps["viridis_r"](np.linspace(0.22, 1.0, len(ks)))
    return {
        f"k = {k}": CellStyle(mpl.colors.to_hex(shade), MARKERS[i % len(MARKERS)], "-")
        for i, (k, shade) in enumerate(zip(ks, shades, strict=True))
    }


def plot_spectra(
    rows: pd.DataFrame, ax: Axes | None = None, styles: dict[str, CellStyle] | None = None
) -> Axes:
    """Draws the singular values of ∂h_t/∂h_{t−k} by rank on a log axis, a line for each k: median over runs.

    Dotted: those of ∂c_t/∂c_{t−k} of an LSTM. A value of 0 is not drawn.

    Args:
        rows: of `load_table(results, "jacobian")`, of one layer, one moment and one setting.
        ax: where to draw; a new figure if None.
        styles: by `k = …`; made from the rows if None.
    """
    ax = drawing_axes(ax)
    rows = rows[rows["matrix"].isin(["h", "c"])]
    styles = styles or k_styles(sorted(int(k) for k in rows["k"].unique()))
    for (matrix, name), part in rows.groupby(["matrix", "k = " + rows["k"].astype(int).astype(str)]):
        curve, style = part.groupby("rank")["value"].median(), styles[str(name)]
        every = max(1, len(curve) // 4)
        ax.plot(curve.index + 1, curve.where(curve > 0), color=style.color,
                linestyle="-" if matrix == "h" else ":", linewidth=1.7,
                marker=style.marker if matrix == "h" else "", markersize=4, markevery=every)  # fmt: skip
    ax.axhline(1, color=GREY, linestyle="--", linewidth=1.0, zorder=1)
    ax.set_yscale("log")
    powers_of_ten(ax)
    ax.set_xlabel("rank of the singular value")
    ax.set_ylabel("singular value of ∂h$_t$/∂h$_{t-k}$", parse_math=True)
    return ax


def spectra_pages(data: ReportData, caption: str) -> list[Figure]:
    """The pages of one task and condition: a row of panels for each cell, size and length."""
    rows = top_rows(data, "jacobian")
    spectra = rows[rows["matrix"].isin(["h", "c"])]
    styles = k_styles(sorted(int(k) for k in spectra["k"].unique()))
    values = spectra.loc[spectra["value"] > 0, "value"].tolist() or [1.0]  # all 0: no state reaches the end
    top = 2 * max(*values, 1.0)
    limits = (max(min(values) / 2, top * 10.0**-MAX_DECADES), top)

    def draw(ax: Axes, panel: Panel) -> list[str]:
        own = rows_of(panel, rows)
        plot_spectra(own, ax, styles)
        ax.set_ylim(*limits)
        exponent = own.loc[own["matrix"] == "lyapunov", "value"].median()
        counts = [seeds_text(panel.runs, ["label"]), not_ok_text(panel.runs)]
        return [f"Lyapunov exponent {exponent:.3f}".replace("-", "−"), *counts]

    kept = Line2D([], [], color=GREY, linestyle="--", linewidth=1.0, label="1: kept as it is")
    handles: list[Artist] = [kept]
    if (spectra["matrix"] == "c").any():
        handles.append(Line2D([], [], color=INK, linestyle=":", linewidth=1.7, label="c of an LSTM"))
    return make_pages(
        cell_panels(data, spectra), draw, title="Spectra of the Jacobians, top layer", caption=caption,
        styles=styles, columns=2, panel_height=2.4, handles=handles, page_style=data.page_style,
    )  # fmt: skip


SPECTRA = FigureSpec(
    name="spectra",
    question="How many directions of the state survive k steps?",
    caption=(
        "Singular values of the Jacobian of h at the last step with respect to h k steps before: geometric "
        "mean over 8 validation sequences, then median over the seeds that ended ok. Titles: the largest "
        "Lyapunov exponent, nats a step, median over these seeds; below 0, differences of the state shrink."
    ),
    alt=(
        "Line chart. Vertical, logarithmic: singular value of the Jacobian of the hidden state at the last "
        "step with respect to the hidden state k steps before. Horizontal: rank, from the largest. Lines: "
        "median over seeds; colour: k, darker for more steps; dotted: the cell state of an LSTM. Each row of "
        "panels is a cell, a hidden size and a sequence length T: at initialisation, and at the best step."
    ),
    applies=lambda data: not top_rows(data, "jacobian").empty,
    draw=spectra_pages,
    per_task=True,
)
