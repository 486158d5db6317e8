"""The share of seeds that solved a task, by cell and sequence length, and the longest length solved."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle

from harness.report.figure_spec import FigureSpec, ReportData
from harness.report.layout import Panel, drawing_axes, make_pages, not_ok_text, split
from harness.report.page_style import SCREEN, points
from harness.report.style import FRAME, INK, CellStyle, cell_styles
from harness.results.outcomes import solved_of

_BAR = 0.56  # width of a bar, of a column; its frame is as high, of a row
_ROWS_OF_CONDITIONS = 16  # up to so many rows, other settings than the cell are rows of the same panel


def solved_shares(runs: pd.DataFrame, row: str = "label") -> pd.DataFrame:
    """How many seeds solved the task, for each row of the figure and each length.

    Args:
        runs: rows of `load_runs`, or those that `labelled` returns.
        row: the column that makes a row of the figure.

    Returns:
        `row`, `seq_len`, `solved`, `n` (runs that are `ok` or `diverged`), and `low` and `high`, the ends of
        the Wilson interval of their share, NaN for n = 0.
    """
    rows = []
    for (name, T), group in runs.groupby([row, "seq_len"], sort=False):
        share = solved_of(group)
        rows.append((name, T, share.met, share.n, share.low, share.high))
    return pd.DataFrame(rows, columns=[row, "seq_len", "solved", "n", "low", "high"])


def longest_solved(shares: pd.DataFrame, *, everybody: bool) -> str:
    """The longest length that all seeds, or over half of them, solved: `≥ 80` where no longer one was run.

    Args:
        shares: rows of `solved_shares` of one cell and condition.
        everybody: all seeds, or more than half.

    >>> shares = pd.DataFrame({"seq_len": [10, 20, 40], "solved": [3, 2, 0], "n": 3})
    >>> longest_solved(shares, everybody=True), longest_solved(shares, everybody=False)
    ('10', '20')
    """
    run = shares[shares["n"] > 0]
    enough = run["solved"] == run["n"] if everybody else 2 * run["solved"] > run["n"]
    if not enough.any():
        return "none" if len(run) else "–"
    longest = int(run.loc[enough, "seq_len"].max())
    return f"≥ {longest}" if longest == int(run["seq_len"].max()) else str(longest)


def plot_solved_by_length(
    runs: pd.DataFrame, ax: Axes | None = None, styles: dict[str, CellStyle] | None = None
) -> Axes:
    """Draws a bar for each cell and length, filled up to the share of seeds that solved the task.

    Args:
        runs: rows of one task with a threshold; `label` as `labelled` adds it (else `cell`) is the cell, and
            `row`, where there is such a column, the name of the row.
        ax: where to draw; a new figure if None.
        styles: of the cells; made from the runs if None.
    """
    ax = drawing_axes(ax)
    label = "label" if "label" in runs else "cell"
    styles = styles or cell_styles(runs[label])
    row = "row" if "row" in runs else label
    places = {cell: i for i, cell in enumerate(styles)}
    order = runs.assign(place=runs[label].map(places)).sort_values(["place", row], kind="stable")
    cells = dict(zip(order[row], order[label], strict=True))
    lengths = sorted(int(T) for T in runs["seq_len"].unique())
    shares = solved_shares(runs, row)
    for i, (name, cell) in enumerate(cells.items()):
        mine = shares[shares[row] == name].set_index("seq_len")
        for j, T in enumerate(lengths):
            _bar(ax, i, j, mine.loc[T] if T in mine.index else None, styles[cell].color)
        for j, everybody in enumerate((True, False)):
            text = longest_solved(mine.reset_index(), everybody=everybody)
            ax.text(len(lengths) + 0.1 + j, i, text, ha="center", va="center", color=styles[cell].color,
                    fontweight="bold")  # fmt: skip
    _label_axes(ax, [str(name) for name in cells], lengths)
    return ax


def _bar(ax: Axes, i: int, j: int, share: Any, color: str) -> None:
    """The bar of row `i` and column `j`: a frame, its filled part, the interval and the counts."""
    small = 0.8 * points("font.size")
    if share is None or not share["n"] > 0:
        text = "not run" if share is None else "no result"
        ax.text(j, i, text.replace(" ", "\n"), ha="center", va="center", fontsize=small, style="italic")
        return
    bottom = i + _BAR / 2  # the vertical axis points down
    part = share["solved"] / share["n"]
    ax.add_patch(Rectangle((j - 0.42, bottom), _BAR, -_BAR * part, color=color, linewidth=0))
    ax.add_patch(Rectangle((j - 0.42, bottom), _BAR, -_BAR, fill=False, edgecolor=FRAME, linewidth=0.8))
    ends = [bottom - _BAR * share[end] for end in ("low", "high")]
    ax.plot([j - 0.42 + _BAR + 0.05] * 2, ends, color=INK, linewidth=1.1, solid_capstyle="butt", marker="_",
            markersize=3)  # fmt: skip
    ax.text(j + 0.24, i, f"{share['solved']:.0f}/{share['n']:.0f}", va="center", fontsize=small)


def _label_axes(ax: Axes, rows: Sequence[str], lengths: Sequence[int]) -> None:
    columns = [*map(str, lengths), "all\nseeds", "over\nhalf"]
    at = [*range(len(lengths)), len(lengths) + 0.1, len(lengths) + 1.1]
    ax.set(xlim=(-0.6, len(lengths) + 1.6), ylim=(len(rows) - 0.5, -0.5))
    ax.set_xticks(at, columns)
    ax.set_yticks(range(len(rows)), rows)
    ax.grid(False)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.axvline(len(lengths) - 0.4, color=FRAME, linewidth=0.8)
    below = 3.3 * points("xtick.labelsize")  # two lines of numbers
    for text, x, side in (
        ("sequence length T (steps)", (len(lengths) - 1) / 2, "center"),
        ("longest T solved", len(lengths) + 1.6, "right"),
    ):
        ax.annotate(text, (x, 0), (0, -below), ("data", "axes fraction"), "offset points", ha=side, va="top",
                    fontsize=points("axes.labelsize"))  # fmt: skip


def solved_panels(runs: pd.DataFrame) -> list[Panel]:
    """A panel for each task with a threshold and each size; other settings are rows where these are few.

    Panels with one length are left out.
    """
    known = runs[runs["solved_rule"].notna() & runs["status"].isin(["ok", "diverged"])]
    panels = []
    for panel in split(known.assign(condition=""), ["size"]):
        mine = runs.loc[panel.runs.index]
        alone = mine["condition"].nunique() == 1
        names = mine["label"].where(mine["condition"] == "", mine["label"] + ", " + mine["condition"])
        if alone or names.nunique() <= _ROWS_OF_CONDITIONS:
            of_all = str(mine["condition"].iloc[0]) if alone else ""
            parts = (panel.parts[0], of_all, *panel.parts[2:])
            panels.append(Panel(parts, mine.assign(row=mine["label"] if alone else names), "seq_len"))
        else:
            panels += [
                Panel(part.parts, part.runs.assign(row=part.runs["label"]), "seq_len")
                for part in split(mine, ["size"])
            ]
    return [panel for panel in panels if panel.runs["seq_len"].nunique() > 1]


def solved_pages(data: ReportData, caption: str) -> list[Figure]:
    """Share of seeds that solved each task, by cell and length."""
    panels = solved_panels(data.runs)
    rows = max(panel.runs["row"].nunique() for panel in panels)
    longest = max(len(name) for panel in panels for name in panel.runs["row"])
    lengths = max(panel.runs["seq_len"].nunique() for panel in panels)

    def draw(ax: Axes, panel: Panel) -> list[str]:
        plot_solved_by_length(panel.runs, ax, data.styles)
        nobody = not (panel.runs["solved_step"].notna() & (panel.runs["status"] == "ok")).any()
        return [
            f"solved: {panel.runs['solved_rule'].iloc[0].replace('>=', '≥').replace('<=', '≤')}",
            "no cell solved it at any length" if nobody else "",
            not_ok_text(panel.runs),
        ]

    handles = [
        Patch(facecolor="white", edgecolor=FRAME, label="all seeds"),
        Patch(color=INK, label="filled: share that solved it"),
        Line2D([], [], color=INK, linewidth=1.1, marker="|", markersize=4, label="95 % Wilson interval"),
    ]
    wide = longest > 12 or lengths > 4
    return make_pages(
        panels, draw, title="Which length each cell solves", caption=caption, styles={},
        columns=1 if wide else 2, panel_height=0.6 + 0.44 * rows, handles=handles,
        margin=0.3 + longest / SCREEN.letters_per_inch, page_style=data.page_style,
    )  # fmt: skip


SOLVED_BY_LENGTH = FigureSpec(
    name="solved_vs_length",
    question="Up to which sequence length does each cell solve the task, and in how many seeds?",
    caption=(
        "Solved: the validation samples met the threshold in the title within the budget. Numbers: seeds "
        "that solved it, of those that ended; a diverged run did not solve it. ≥: no longer sequence was run."
    ),
    alt=(
        "Table of small bars, one row per cell, one column per sequence length T; each is filled from the "
        "bottom up to the share of seeds that solved the task, with the counts and a 95 % Wilson interval "
        "beside it. Two columns at the right: the longest length that all seeds, and that more than half of "
        "them, solved. One panel per task, size and further setting."
    ),
    applies=lambda data: bool(solved_panels(data.runs)),
    draw=solved_pages,
)
