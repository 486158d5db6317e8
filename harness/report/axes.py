"""Units, limits and ticks of vertical axes that several figures share, and their reference lines."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from harness.report.style import GREY

_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")

_REFERENCE: dict[str, Any] = {"color": GREY, "linestyle": "--", "linewidth": 1.2}


def per_cent_axis(ax: Axes) -> None:
    """The same vertical axis in every panel, 0 to 100 with room for the marks."""
    ax.set_ylim(-4, 104)
    ax.set_yticks(range(0, 101, 20))


def log_axis(ax: Axes, values: pd.Series) -> None:
    """Makes the vertical axis logarithmic and just wide enough for the positive, finite `values`."""
    positive = _drawable(values)
    ax.set_yscale("log", nonpositive="clip")  # an interval that reaches below 0 is cut, not left out
    if len(positive):
        ax.set_ylim(positive.min() / 1.5, positive.max() * 1.5)
    plain_log_numbers(ax)


def plain_log_numbers(ax: Axes, axis: str = "y") -> None:
    """Numbers at 1, 2 and 5 times powers of ten where an axis spans few decades, else at some powers."""
    one = ax.xaxis if axis == "x" else ax.yaxis
    low, high = ax.get_xlim() if axis == "x" else ax.get_ylim()
    few = high / low < 300
    one.set_major_locator(LogLocator(subs=(1, 2, 5) if few else (1,), numticks=8))
    one.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}" if few else power_of_ten(value)))
    one.set_minor_formatter(NullFormatter())


def powers_of_ten(ax: Axes) -> None:
    """At most seven powers of ten as numbers of a logarithmic vertical axis."""
    ax.yaxis.set_major_locator(LogLocator(numticks=7))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: power_of_ten(value)))
    ax.yaxis.set_minor_formatter(NullFormatter())


def power_of_ten(value: float) -> str:
    """A power of ten without a formula of Matplotlib, which a name with two dollar signs would be too.

    >>> power_of_ten(1e-12), power_of_ten(100.0)
    ('10⁻¹²', '10²')
    """
    return "10" + str(round(np.log10(value))).translate(_SUPERSCRIPTS) if 0 < value < np.inf else ""


def spans_more_than(values: pd.Series, ratio: float) -> bool:
    """Whether the largest of the positive, finite values is above `ratio` times the smallest."""
    positive = _drawable(values)
    return len(positive) > 0 and bool(positive.max() > ratio * positive.min())


def level_lines(ax: Axes, levels: Iterable[float]) -> None:
    """Draws a grey, dashed line across the panel at each distinct level that is not NaN."""
    for level in pd.Series(list(levels), dtype="float64").dropna().unique():
        ax.axhline(level, zorder=1.5, **_REFERENCE)


def reference_line(ax: Axes, runs: pd.DataFrame, x: str, column: str, scale: float = 1.0) -> None:
    """Draws the mean of `column` as a grey line: level where it is the same for every `x`."""
    values = runs.dropna(subset=[column]).groupby(x)[column].mean() * scale
    if values.empty or np.allclose(values, values.iloc[0]):
        level_lines(ax, values.iloc[:1])
    else:
        ax.plot(values.index.to_numpy(float), values, zorder=1.5, **_REFERENCE)


def reference_handle(label: str) -> Line2D:
    """The legend entry of a reference line."""
    return Line2D([], [], label=label, **_REFERENCE)


def accuracy_label(runs: pd.DataFrame, part: str = "test") -> str:
    """The label of an accuracy axis; for value targets accuracy is the share of small enough errors."""
    tolerances = runs["tolerance"].dropna().unique()
    return f"{part} share with |error| < {tolerances[0]:g} (%)" if len(tolerances) else f"{part} accuracy (%)"


def loss_label(runs: pd.DataFrame, part: str) -> str:
    """The label of a loss axis with its unit: squared error for value targets, else nats."""
    return f"{part} loss ({'squared error' if runs['tolerance'].notna().any() else 'nats'})"


def _drawable(values: pd.Series) -> pd.Series:
    """The values that a log axis can show; a diverged run may hold infinite ones."""
    return values[(values > 0) & np.isfinite(values.astype(float))]
