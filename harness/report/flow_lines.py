"""Curves of the gradient flow relative to the last time step: the median over runs, and their range."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from harness.report.axes import powers_of_ten
from harness.report.layout import drawing_axes
from harness.report.style import CellStyle, cell_styles

MAX_DECADES = 12
"""The most decades on the vertical axis: an untrained RNN's curve can fall by 30, which flattens the rest."""

_BELOW_ANY_AXIS = 1e-300


def plot_gradient_flow(
    flow: pd.DataFrame, ax: Axes | None = None, styles: dict[str, CellStyle] | None = None
) -> Axes:
    """Draws ‖∂ℓ/∂h_t‖ by t on a log axis: the median over runs, and a band from the lowest to the highest.

    Each run's curve is divided by its last value. A norm of 0 counts as the lowest: the line ends where the
    median is 0. States other than `h` are dotted lines without a band.

    Args:
        flow: rows of `load_gradflow` of one layer and of one probed step a run, with `label` (cell).
        ax: where to draw; a new figure if None.
        styles: of the cells; made from the rows if None.
    """
    ax = drawing_axes(ax)
    styles = styles or cell_styles(flow["label"])
    rows = relative_norms(flow)
    for place, ((label, state), part) in enumerate(rows.groupby(["label", "state"])):
        style, curve, is_h = styles[str(label)], median_and_range(part), state == "h"
        if is_h and part["run_id"].nunique() > 1:
            low, high = curve["low"].clip(lower=_BELOW_ANY_AXIS), curve["high"].where(curve["high"] > 0)
            ax.fill_between(curve.index, low, high, color=style.color, alpha=0.15, linewidth=0)
        every = max(1, len(curve) // 5)
        ax.plot(curve.index, curve["median"].where(curve["median"] > 0), color=style.color,
                linestyle="-" if is_h else ":", linewidth=1.9 if is_h else 1.6,
                marker=style.marker, markersize=4.5, markevery=(place % every, every))  # fmt: skip
    ax.set_yscale("log")
    powers_of_ten(ax)
    ax.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    ax.set_xlabel("time step t, from 0")
    ax.set_ylabel("‖∂ℓ/∂h$_t$‖ / ‖∂ℓ/∂h$_{T-1}$‖", parse_math=True)
    ax.set_ylim(*axis_limits(rows["relative"]))
    return ax


def relative_norms(flow: pd.DataFrame) -> pd.DataFrame:
    """Adds `relative`: the norm over that at the last time step of the same run, step, layer and state.

    Curves without a finite last norm above 0 are left out, as are norms that are not finite.
    """
    keys = ["run_id", "step", "layer", "state"]
    ends = flow.sort_values("t").drop_duplicates(keys, keep="last")[[*keys, "norm"]]
    rows = flow.merge(ends.rename(columns={"norm": "last"}), on=keys)
    usable = (rows["last"] > 0) & np.isfinite(rows["last"]) & np.isfinite(rows["norm"])
    rows = rows[usable].drop(columns="last").assign(relative=rows["norm"] / rows["last"])
    return rows.sort_values("t", kind="stable")


def median_and_range(rows: pd.DataFrame) -> pd.DataFrame:
    """`median`, `low` and `high` of `relative` over runs at each t; of two middle values the geometric mean.

    A value of 0 is the lowest, and the median of it and another is 0.
    """
    table = rows.pivot(index="t", columns="run_id", values="relative")
    with np.errstate(divide="ignore"):
        log = pd.DataFrame(np.log10(table.to_numpy()), index=table.index)
    logs = pd.DataFrame({"median": log.median(axis=1), "low": log.min(axis=1), "high": log.max(axis=1)})
    return 10.0**logs


def axis_limits(relative: pd.Series) -> tuple[float, float]:
    """Lowest and highest value of a vertical axis for the positive values, at most `MAX_DECADES` apart."""
    positive = relative[relative > 0]
    top = float(positive.max()) if len(positive) else 1.0
    lowest = float(positive.min()) if len(positive) else 1.0
    return max(min(lowest, top / 10), top * 10.0**-MAX_DECADES) / 2, top * 2
