"""A measure against a setting that was swept: every seed a dot, the mean a line, its t interval a bar."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullFormatter, NullLocator

from harness.report.layout import (
    Panel,
    drawing_axes,
    make_pages,
    not_ok_text,
    reference_handle,
    seeds_text,
    split,
)
from harness.report.style import GREY, CellStyle, cell_styles
from harness.results.repeats import labelled
from harness.results.statistics import t_interval

X_LABELS = {
    "seq_len": "sequence length T (steps)",
    "hidden_size": "hidden size H (units)",
    "lr": "learning rate",
    "batch_size": "batch size (sequences)",
}
WORDS = {
    "seq_len": "sequence length",
    "hidden_size": "hidden size",
    "lr": "learning rate",
    "batch_size": "batch size",
}
DOTS_CAPTION = (
    "Faint, to the left: each seed. Line: mean over seeds. Bar: 95 % t interval (none for n = 1; cut at the "
    "axis). Cells stand side by side so that none hides another."
)


def plot_against(
    runs: pd.DataFrame,
    x: str,
    y: str,
    ax: Axes | None = None,
    styles: dict[str, CellStyle] | None = None,
    scale: float = 1.0,
) -> Axes:
    """Draws column `y` of the `ok` runs against column `x`, cell by cell.

    Args:
        runs: rows of one task and condition, with a `label` column as `labelled` adds it (else `cell`).
        x: a positive column, drawn on a log axis whose ticks are the values that occur.
        y: the measure.
        ax: where to draw; a new figure if None.
        styles: of the cells; made from the runs if None.
        scale: factor on `y`, for example 100 for per cent.
    """
    ax = drawing_axes(ax)
    label = "label" if "label" in runs else "cell"
    styles = styles or cell_styles(runs[label])
    ok = runs[(runs["status"] == "ok") & runs[y].notna()]
    cells = [cell for cell in styles if (runs[label] == cell).any()]
    ticks = sorted(runs[x].dropna().astype(float).unique())
    swept_axis(ax, x, ticks)
    shifts = shifts_apart(2 * len(cells), ticks)
    for i, cell in enumerate(cells):
        _draw_cell(ax, ok[ok[label] == cell], x, y, styles[cell], shifts[2 * i : 2 * i + 2], scale)
    return ax


def accuracy_page(
    runs: pd.DataFrame, x: str, styles: dict[str, CellStyle], at_least: int = 1
) -> list[Figure]:
    """Test accuracy against `x`; a panel for each task, condition and whatever else of T and H is not `x`.

    Args:
        runs: the rows of `load_runs`.
        x: `seq_len`, `hidden_size`, `lr` or `batch_size`.
        styles: of the cells.
        at_least: panels with fewer values of `x` are left out.
    """
    panels = swept_panels(runs, x, at_least, "test_accuracy")
    if not panels:
        return []

    def draw(ax: Axes, panel: Panel) -> list[str]:
        plot_against(panel.runs, x, "test_accuracy", ax, styles, scale=100)
        reference(ax, panel.runs, x, "chance_accuracy", 100)
        per_cent_axis(ax)
        ax.set_ylabel(accuracy_label(panel.runs))
        return remarks(panel.runs, x)

    return make_pages(
        panels, draw, title=f"Test accuracy by {WORDS[x]}", caption=DOTS_CAPTION, styles=styles,
        columns=page_columns(panels), handles=[reference_handle("chance")],
    )  # fmt: skip


def task_values(panels: Sequence[Panel], panel: Panel, column: str) -> pd.Series:
    """A column of the `ok` runs of all panels of the same task, so that these can share an axis."""
    runs = pd.concat([other.runs for other in panels if other.parts[0] == panel.parts[0]])
    return runs.loc[runs["status"] == "ok", column]


def loss_page(runs: pd.DataFrame, styles: dict[str, CellStyle]) -> list[Figure]:
    """Test loss against length with the loss of a model without memory, for tasks where that is known."""
    panels = swept_panels(runs[runs["memoryless_loss"].notna()], "seq_len", 1, "test_loss")
    if not panels:
        return []

    def draw(ax: Axes, panel: Panel) -> list[str]:
        plot_against(panel.runs, "seq_len", "test_loss", ax, styles)
        reference(ax, panel.runs, "seq_len", "memoryless_loss")
        losses = task_values(panels, panel, "test_loss")
        if is_wide(losses, ratio=30):
            log_axis(ax, pd.concat([losses, task_values(panels, panel, "memoryless_loss")]))
        ax.set_ylabel(loss_label(panel.runs, "test"))
        return remarks(panel.runs, "seq_len")

    return make_pages(
        panels, draw, title="Test loss by sequence length", caption=DOTS_CAPTION, styles=styles,
        columns=page_columns(panels), handles=[reference_handle("lowest loss without memory")],
    )  # fmt: skip


def swept_panels(runs: pd.DataFrame, x: str, at_least: int, y: str) -> list[Panel]:
    """The panels of a figure over `x`: split by all else, those with too few values of `x` left out."""
    if runs.empty:
        return []
    others = [name for name in ("hidden_size", "seq_len") if name != x]
    panels = split(labelled(runs, ignore=[x]), others, x)
    panels = [panel for panel in panels if panel.runs[x].nunique() >= at_least]
    measured = any((p.runs["status"].eq("ok") & p.runs[y].notna()).any() for p in panels)
    return panels if measured else []


def page_columns(panels: Sequence[Panel]) -> int:
    """Columns that fill their rows: one for each of the sizes that vary fastest, where these are 2 to 4."""
    sizes = len({panel.parts[-1] for panel in panels})
    if 2 <= sizes <= 4:
        return sizes
    return 2 if len(panels) == 4 else 3


def remarks(runs: pd.DataFrame, x: str) -> list[str]:
    """The number of seeds behind each mean of a panel, and the runs that are not ok."""
    return [seeds_text(runs, ["label", x]), not_ok_text(runs)]


def per_cent_axis(ax: Axes) -> None:
    """The same axis in every panel, 0 to 100 with room for the marks, so that panels can be compared."""
    ax.set_ylim(-4, 104)
    ax.set_yticks(range(0, 101, 20))


def reference(ax: Axes, runs: pd.DataFrame, x: str, column: str, scale: float = 1.0) -> None:
    """Draws a grey line at `column`: level where it is the same for every `x`, else from value to value."""
    values = runs.dropna(subset=[column]).groupby(x)[column].mean() * scale
    if values.empty:
        return
    if np.allclose(values, values.iloc[0]):
        ax.axhline(values.iloc[0], color=GREY, linestyle="--", linewidth=1.2, zorder=1.5)
    else:
        ax.plot(values.index.to_numpy(float), values, color=GREY, linestyle="--", linewidth=1.2, zorder=1.5)


def accuracy_label(runs: pd.DataFrame, part: str = "test") -> str:
    """The vertical axis' label; for value targets accuracy is the share of small enough errors."""
    tolerances = runs["tolerance"].dropna().unique()
    return f"{part} share with |error| < {tolerances[0]:g} (%)" if len(tolerances) else f"{part} accuracy (%)"


def loss_label(runs: pd.DataFrame, part: str) -> str:
    """The vertical axis' label with its unit: squared error for value targets, else nats."""
    return f"{part} loss ({'squared error' if runs['tolerance'].notna().any() else 'nats'})"


def is_wide(values: pd.Series, ratio: float) -> bool:
    """Whether the positive values span more than `ratio`, so that a log axis shows them better."""
    positive = _drawable(values)
    return len(positive) > 0 and bool(positive.max() > ratio * positive.min())


def _drawable(values: pd.Series) -> pd.Series:
    """What a log axis has room for: a diverged run may hold infinite numbers."""
    return values[(values > 0) & np.isfinite(values.astype(float))]


def log_axis(ax: Axes, values: pd.Series) -> None:
    """Makes the vertical axis logarithmic and just wide enough for the positive, finite `values`."""
    positive = _drawable(values)
    ax.set_yscale("log", nonpositive="clip")  # an interval that reaches below 0 is cut, not left out
    if len(positive):
        ax.set_ylim(positive.min() / 1.5, positive.max() * 1.5)
    plain_log(ax)


def plain_log(ax: Axes, axis: str = "y") -> None:
    """Numbers at 1, 2 and 5 times powers of ten where an axis spans few decades, at some powers elsewhere."""
    one = ax.xaxis if axis == "x" else ax.yaxis
    low, high = ax.get_xlim() if axis == "x" else ax.get_ylim()
    few = high / low < 300
    one.set_major_locator(LogLocator(subs=(1, 2, 5) if few else (1,), numticks=8))
    if few:
        one.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    one.set_minor_formatter(NullFormatter())


def _draw_cell(
    ax: Axes, runs: pd.DataFrame, x: str, y: str, style: CellStyle, shifts: np.ndarray, scale: float
) -> None:
    xs = runs[x].astype(float)
    values = runs[y].astype(float) * scale
    ax.plot(xs * shifts[0], values, linestyle="none", marker=style.marker, color=style.color,
            markersize=3.8, alpha=0.6, markeredgewidth=0)  # fmt: skip
    points = [(at, *t_interval(group)) for at, group in values.groupby(xs)]
    if points:
        at, mean, half = np.array(points, dtype=float).T
        ax.errorbar(
            at * shifts[1], mean, yerr=np.nan_to_num(half), color=style.color, linestyle=style.linestyle,
            linewidth=1.6, elinewidth=1.2, marker=style.marker, markersize=5.5, markeredgecolor="white",
            markeredgewidth=0.6,
        )  # fmt: skip


def shifts_apart(n: int, ticks: Sequence[float]) -> np.ndarray:
    """Factors that set marks apart on a log axis: by 2 % of its width, within half a gap between ticks."""
    gap = min((b / a for a, b in itertools.pairwise(ticks)), default=1.5)
    width = ticks[-1] / ticks[0] if len(ticks) > 1 else 2.0
    spread = min(0.02 * (n - 1) * np.log(width), 0.5 * np.log(gap))
    return np.asarray(np.exp(spread * np.linspace(-0.5, 0.5, n)))


def swept_axis(ax: Axes, x: str, ticks: Sequence[float]) -> None:
    """Makes the horizontal axis logarithmic, with the values that occur as its ticks."""
    ax.set_xscale("log")
    if ticks:
        margin = 1.35 if len(ticks) == 1 else (ticks[-1] / ticks[0]) ** 0.1
        ax.set_xlim(ticks[0] / margin, ticks[-1] * margin)
    ax.xaxis.set_major_locator(FixedLocator(list(ticks)))
    ax.xaxis.set_minor_locator(NullLocator())
    shown = _spaced(ticks)
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}" if value in shown else ""))
    ax.set_xlabel(X_LABELS.get(x, x))


def _spaced(ticks: Sequence[float], share: float = 0.11) -> set[float]:
    """The ticks that can carry a number without touching the last one that does; the others stay bare."""
    if not ticks:
        return set()
    span = np.log(ticks[-1] / ticks[0]) or 1.0
    shown = [ticks[0]]
    for tick in ticks[1:]:
        if np.log(tick / shown[-1]) / span >= share:
            shown.append(tick)
    return set(shown)
