"""Accuracy of every cell at every length as a table of coloured numbers."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from harness.report.figure_spec import FigureSpec, ReportData
from harness.report.layout import (
    Panel,
    drawing_axes,
    make_pages,
    not_ok_text,
    page_columns,
    seeds_text,
    split,
)
from harness.report.page_style import SCREEN, points
from harness.report.style import cell_styles

EMPTY = "#ffffff"


def mean_accuracy(runs: pd.DataFrame) -> pd.DataFrame:
    """Mean test accuracy (0 to 1) of the `ok` runs: one row a cell, one column a length, NaN without one.

    Args:
        runs: rows of one task, condition and hidden size, with a `label` column as `labelled` adds it (else
            `cell` is used).
    """
    label = "label" if "label" in runs else "cell"
    measured = runs.assign(value=runs["test_accuracy"].where(runs["status"] == "ok"))
    table = measured.pivot_table(index=label, columns="seq_len", values="value", aggfunc="mean", dropna=False)
    return table.reindex(
        index=list(cell_styles(runs[label])), columns=sorted(int(T) for T in runs["seq_len"].unique())
    ).astype(float)


def plot_accuracy_heatmap(runs: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draws `mean_accuracy` with its numbers; the colours run from the task's chance to 1.

    Args:
        runs: as for `mean_accuracy`.
        ax: where to draw; a new figure if None.
    """
    ax = drawing_axes(ax)
    label = "label" if "label" in runs else "cell"
    table = mean_accuracy(runs)
    chance = runs["chance_accuracy"].astype(float).mean()
    low = 0.0 if np.isnan(chance) else min(float(chance), 0.99)
    colors = mpl.colormaps["cividis"].with_extremes(bad=EMPTY)
    ax.imshow(100 * table, cmap=colors, vmin=100 * low, vmax=100, aspect="auto")
    bad = runs[runs["status"] != "ok"].groupby([label, "seq_len"]).size()
    for (i, j), value in np.ndenumerate(table.to_numpy()):
        some = (table.index[i], table.columns[j]) in bad.index
        text = ("×" if some else "–") if np.isnan(value) else f"{100 * value:.0f}" + ("*" if some else "")
        dark = not np.isnan(value) and (value - low) / (1 - low) < 0.5
        ax.text(j, i, text, ha="center", va="center", color="white" if dark else "black",
                fontsize=(1.0 if table.shape[1] <= 6 else 0.7) * points("font.size"))  # fmt: skip
    ax.set_xticks(range(table.shape[1]), [str(T) for T in table.columns],
                  rotation=0 if table.shape[1] <= 6 else 90)  # fmt: skip
    ax.set_yticks(range(table.shape[0]), list(table.index))
    ax.grid(False)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.set_xlabel("T (steps)")
    return ax


def _panels(data: ReportData) -> list[Panel]:
    """Those with several lengths, where a run that is `ok` has an accuracy."""
    panels = [panel for panel in split(data.runs, ["size"]) if panel.runs["seq_len"].nunique() > 1]
    measured = any((p.runs["status"].eq("ok") & p.runs["test_accuracy"].notna()).any() for p in panels)
    return panels if measured else []


def heatmap_pages(data: ReportData, caption: str) -> list[Figure]:
    """Cell × length, a panel for each task, condition and size."""
    panels = _panels(data)
    cells = max(panel.runs["label"].nunique() for panel in panels)

    def draw(ax: Axes, panel: Panel) -> list[str]:
        plot_accuracy_heatmap(panel.runs, ax)
        chance = panel.runs["chance_accuracy"].mean()
        level = "" if np.isnan(chance) else f"chance {100 * chance:.0f} %"
        return [level, seeds_text(panel.runs, ["label", "seq_len"]), not_ok_text(panel.runs)]

    longest = max(len(label) for panel in panels for label in panel.runs["label"])
    margin = 0.3 + longest / SCREEN.letters_per_inch
    columns = 1 if longest > 28 else 2 if longest > 10 else min(3, page_columns(panels))
    return make_pages(
        panels, draw, title="Test accuracy (%) by cell and sequence length T", caption=caption,
        styles={}, columns=columns, panel_height=0.75 + 0.34 * cells, margin=margin,
        page_style=data.page_style,
    )  # fmt: skip


ACCURACY_HEATMAP = FigureSpec(
    name="accuracy_heatmap",
    question="Which cell reaches which accuracy at which length, as numbers?",
    caption=(
        "Numbers: mean over seeds, which can lie far apart: accuracy_vs_length shows each. Colour: from "
        "chance (dark blue) to 100 % (yellow). "
        "Asterisk: some seeds are not ok. ×: none is ok. –: not run."
    ),
    alt=(
        "Table of numbers on coloured squares: mean test accuracy in per cent, one row per cell, one column "
        "per sequence length T. One panel per task, hidden size and further setting."
    ),
    applies=lambda data: bool(_panels(data)),
    draw=heatmap_pages,
)
