"""Gates along the sequence, before training beside the best step."""

from __future__ import annotations

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from harness.report.figure_spec import FigureSpec, ReportData
from harness.report.inside_rows import cell_panels, mark_steps, rows_of, steps_that_matter, top_rows
from harness.report.layout import Panel, drawing_axes, make_pages, not_ok_text, seeds_text
from harness.report.style import GREY, OKABE_ITO, CellStyle

GATE_STYLES = {
    "f": CellStyle(OKABE_ITO["blue"], "o", "-"),
    "i": CellStyle(OKABE_ITO["vermillion"], "s", "-"),
    "o": CellStyle(OKABE_ITO["green"], "^", "-"),
    "z": CellStyle(OKABE_ITO["purple"], "D", "-"),
    "r": CellStyle(OKABE_ITO["orange"], "v", "-"),
}
"""Of gates by their letters: those of an LSTM, then those of a GRU."""

NAMES = {"f": "f, forget", "i": "i, input", "o": "o, output", "z": "z, update", "r": "r, reset"}


def plot_gates(rows: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draws the mean of each gate by t: the median over runs, and a band from the lowest to the highest.

    Args:
        rows: of `load_table(results, "gates")`, of one layer, one moment and one setting.
        ax: where to draw; a new figure if None.
    """
    ax = drawing_axes(ax)
    for place, (name, style) in enumerate(GATE_STYLES.items()):
        table = rows[rows["name"] == name].pivot(index="t", columns="run_id", values="mean")
        if table.empty:
            continue
        if table.shape[1] > 1:
            ax.fill_between(table.index, table.min(axis=1), table.max(axis=1), color=style.color, alpha=0.13,
                            linewidth=0)  # fmt: skip
        every = max(1, len(table) // 5)
        ax.plot(table.index, table.median(axis=1), color=style.color, linewidth=1.8, marker=style.marker,
                markersize=4.5, markevery=(place % every, every))  # fmt: skip
    ax.set_ylim(-0.02, 1.02)
    ax.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    ax.set_xlabel("time step t, from 0")
    ax.set_ylabel("mean of the gate")
    return ax


def gate_pages(data: ReportData, caption: str) -> list[Figure]:
    """The pages of one task and condition: a row of panels for each cell, size and length."""
    rows = _rows(data)

    def draw(ax: Axes, panel: Panel) -> list[str]:
        mark_steps(ax, panel.runs)
        plot_gates(rows_of(panel, rows), ax)
        return [seeds_text(panel.runs, ["label"]), not_ok_text(panel.runs)]

    panels = cell_panels(data, rows)
    band = Patch(color=OKABE_ITO["blue"], alpha=0.2, linewidth=0, label="lowest to highest seed, of any gate")
    handles: list[Artist] = [band]
    if any(steps_that_matter(panel.runs) is not None for panel in panels):
        handles.append(Patch(color=GREY, alpha=0.25, linewidth=0, label="where steps decide the label"))
    styles = {NAMES[name]: style for name, style in GATE_STYLES.items() if (rows["name"] == name).any()}
    return make_pages(
        panels, draw, title="Gates along the sequence, top layer", caption=caption, styles=styles, columns=2,
        panel_height=2.2, handles=handles, page_style=data.page_style,
    )  # fmt: skip


def _rows(data: ReportData) -> pd.DataFrame:
    rows = top_rows(data, "gates")
    return rows if rows.empty else rows[rows["name"].isin(list(GATE_STYLES))]


GATES = FigureSpec(
    name="gates",
    question="When do the gates open and shut, and what has training changed?",
    caption=(
        "Each gate: its mean over units and 64 validation sequences; line: median over the seeds that ended "
        "ok. 1 is open: f and z then keep the state, i writes, o and r let it pass."
    ),
    alt=(
        "Line chart. Vertical, 0 to 1: mean of a gate over units and sequences. Horizontal: time step t of "
        "the sequence, from 0. Lines: median over seeds; band: lowest to highest; colour: gate. Each row of "
        "panels is a cell, a hidden size and a sequence length T: at initialisation, and at the best step. "
        "Shaded: the time steps among which those lie that decide the label, where they are known."
    ),
    applies=lambda data: not _rows(data).empty,
    draw=gate_pages,
    per_task=True,
)
