"""The time scales of gates beside the lag of the task."""

from __future__ import annotations

import dataclasses

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from harness.report.axes import plain_log_numbers
from harness.report.by_setting import RANGE_CAPTION, panel_remarks, panels_by_setting, plot_by_setting
from harness.report.figure_spec import FigureSpec, ReportData
from harness.report.inside_rows import MOMENTS
from harness.report.layout import Panel, make_pages
from harness.report.style import GREY

COLUMN = "gates_time_scale_p90"


def draw_lag(ax: Axes, runs: pd.DataFrame) -> None:
    """Shades from the fewest to the most steps back to the answer, at each length, on a log axis."""
    lags = runs.dropna(subset=["lag_min", "lag_max"]).groupby("seq_len")[["lag_min", "lag_max"]].first()
    low, high = (lags[name].astype(float).clip(lower=1) for name in ("lag_min", "lag_max"))
    if len(lags) == 1:
        ax.axhspan(low.iloc[0], high.iloc[0], color=GREY, alpha=0.18, linewidth=0, zorder=0)
        ax.axhline(high.iloc[0], color=GREY, linestyle="--", linewidth=1.2, zorder=1)
    elif len(lags):
        ax.fill_between(lags.index.astype(float), low, high, color=GREY, alpha=0.18, linewidth=0, zorder=0)
        ax.plot(lags.index.astype(float), high, color=GREY, linestyle="--", linewidth=1.2, zorder=1)


def time_scale_pages(data: ReportData, caption: str) -> list[Figure]:
    """A row of panels for each task and size: at initialisation, and at the best step."""
    panels = _panels(data)
    with_moments = [
        dataclasses.replace(panel, parts=(*panel.parts, words), x=moment)
        for panel in panels
        for moment, words in MOMENTS.items()
    ]
    limits = _limits(pd.concat([panel.runs for panel in panels]))

    def draw(ax: Axes, panel: Panel) -> list[str]:
        runs = panel.runs[panel.runs[f"{COLUMN}_best"].notna() | (panel.runs["status"] != "ok")]
        draw_lag(ax, runs)
        plot_by_setting(runs, "seq_len", f"{COLUMN}_{panel.x}", ax, data.styles, spread="range")
        ax.set_yscale("log")
        ax.set_ylim(*limits)
        plain_log_numbers(ax)
        ax.set_ylabel("1/(1 − f), slow units (steps)")
        return panel_remarks(runs, "seq_len")

    shown = pd.concat([panel.runs for panel in panels])
    gated = set(shown.loc[shown[f"{COLUMN}_best"].notna(), "label"])
    handles: list[Artist] = []
    if shown["lag_max"].notna().any():
        handles.append(Patch(color=GREY, alpha=0.3, linewidth=0, label="how far back the answer lies"))
    return make_pages(
        with_moments, draw, title="Time scales of the gates that keep the state", caption=caption, columns=2,
        styles={cell: style for cell, style in data.styles.items() if cell in gated}, handles=handles,
        page_style=data.page_style,
    )  # fmt: skip


def _panels(data: ReportData) -> list[Panel]:
    """Those with a cell whose gates were measured; of runs that diverged they were before training."""
    panels = panels_by_setting(data.runs, "seq_len", f"{COLUMN}_best")
    return [panel for panel in panels if panel.runs[f"{COLUMN}_init"].notna().any()]


def _limits(runs: pd.DataFrame) -> tuple[float, float]:
    """Of the vertical axis that all panels share; a time scale is at least 1."""
    names = [f"{COLUMN}_{moment}" for moment in MOMENTS] + ["lag_max"]
    values = pd.concat([runs[name].astype(float) for name in names])
    return 0.9, 1.6 * float(values[values < float("inf")].max())


TIME_SCALES = FigureSpec(
    name="time_scales",
    question="Do the gates keep the state for as long as the task asks?",
    caption=(
        "For each unit 1/(1 − f), f the mean over 64 validation sequences of the gate that keeps the state "
        "(f of an LSTM, z of a GRU), top layer; of the units the 90 % quantile, of 16 time steps the median. "
        f"{RANGE_CAPTION} Dashed: the most steps back to the answer. Below it a cell can still remember, "
        "where units pass the state on to one another."
    ),
    alt=(
        "Line chart. Vertical, logarithmic: time scale 1/(1 − f) in steps of the slow units of a cell. "
        "Horizontal: sequence length T. Dots: seeds; lines: medians over seeds; bars: lowest to highest; "
        "colour: cell. Shaded in grey: how many steps back the answer lies, from the fewest to the most. "
        "Left panels: at initialisation; right panels: at the best step."
    ),
    applies=lambda data: bool(_panels(data)),
    draw=time_scale_pages,
)
