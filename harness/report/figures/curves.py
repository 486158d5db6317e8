"""What happens during training: accuracy, loss and gradient norm against the training step, seed by seed."""

from __future__ import annotations

import math
from collections.abc import Callable

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from harness.report.figures.seed_lines import draw_seeds
from harness.report.figures.swept import accuracy_label, is_wide, log_axis, loss_label, per_cent_axis
from harness.report.layout import (
    Panel,
    drawing_axes,
    length_columns,
    make_pages,
    not_ok_text,
    reference_handle,
    seeds_text,
    split,
)
from harness.report.style import GREY, CellStyle, cell_styles
from harness.results.repeats import labelled

CAPTION = (
    "Thin: one seed, to where its training stopped. Thick: {mean} over seeds, as far as all of them go. "
    "Dotted, ending in ×: a diverged run, in no mean."
)


def plot_curves(
    steps: pd.DataFrame,
    column: str,
    ax: Axes | None = None,
    styles: dict[str, CellStyle] | None = None,
    scale: float = 1.0,
    geometric: bool = False,
) -> Axes:
    """Draws `column` against the training step: each seed thin, and the mean where every seed has a value.

    Args:
        steps: rows of `load_steps` of one task, condition, length and hidden size, with `label` (cell) and
            `status` of the run.
        column: one of `STEP_COLUMNS`.
        ax: where to draw; a new figure if None.
        styles: of the cells; made from the rows if None.
        scale: factor on the values, for example 100 for per cent.
        geometric: take the geometric mean, which is the one that looks right on a log axis.
    """
    ax = drawing_axes(ax)
    styles = styles or cell_styles(steps["label"])
    rows = steps[steps[column].notna()]
    for label, cell_rows in rows.groupby("label"):
        style = styles[str(label)]
        ok = cell_rows[cell_rows["status"] == "ok"]
        scaled = ok.assign(**{column: ok[column] * scale})
        draw_seeds(ax, scaled, "step", column, color=style.color, linewidth=0.7, alpha=0.5)
        for _, run in cell_rows[cell_rows["status"] == "diverged"].groupby("run_id"):
            ax.plot(run["step"], run[column] * scale, color=style.color, linestyle=":", linewidth=1.1,
                    marker="x", markevery=[-1])  # fmt: skip
        mean = mean_curve(ok, column, geometric) * scale
        ax.plot(mean.index, mean, color=style.color, linestyle=style.linestyle, linewidth=2)
    ax.set_xlabel("training step")
    ax.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    return ax


def mean_curve(rows: pd.DataFrame, column: str, geometric: bool = False) -> pd.Series:
    """Mean over runs at each step at which every run has a value: a run that stopped early ends it for all.

    Args:
        rows: `run_id`, `step` and `column` of runs of one setting.
        column: the values.
        geometric: the geometric mean instead; zeros then count as missing.
    """
    table = rows.pivot(index="step", columns="run_id", values=column)
    if geometric:
        return table.where(table > 0).dropna().map(math.log).mean(axis=1).map(math.exp)
    return table.dropna().mean(axis=1)


def learning_pages(runs: pd.DataFrame, steps: pd.DataFrame, styles: dict[str, CellStyle]) -> list[Figure]:
    """Validation accuracy against training step for one task and condition; rows H, columns T."""

    def draw(ax: Axes, rows: pd.DataFrame) -> None:
        plot_curves(rows, "val_accuracy", ax, styles, scale=100)
        _level(ax, rows["chance_accuracy"] * 100)
        per_cent_axis(ax)
        ax.set_ylabel(accuracy_label(rows, "validation"))

    return _pages(runs, steps, "val_accuracy", draw, "Learning curves", "mean", styles, "chance")


def loss_pages(runs: pd.DataFrame, steps: pd.DataFrame, styles: dict[str, CellStyle]) -> list[Figure]:
    """Validation loss with the loss of a model without memory, for one task for which that is known."""
    if not runs["memoryless_loss"].notna().any():
        return []
    losses = steps.loc[steps["run_id"].isin(runs["run_id"]), "val_loss"]

    def draw(ax: Axes, rows: pd.DataFrame) -> None:
        plot_curves(rows, "val_loss", ax, styles)
        _level(ax, rows["memoryless_loss"])
        if is_wide(losses, ratio=30):
            log_axis(ax, pd.concat([losses, runs["memoryless_loss"]]))
        ax.set_ylabel(loss_label(rows, "validation"))

    return _pages(
        runs, steps, "val_loss", draw, "Validation loss", "mean", styles, "lowest loss without memory"
    )


def grad_norm_pages(runs: pd.DataFrame, steps: pd.DataFrame, styles: dict[str, CellStyle]) -> list[Figure]:
    """Gradient norm before clipping against training step, with the threshold of the clipping."""

    norms = steps.loc[steps["run_id"].isin(runs["run_id"]), "grad_norm_mean"]

    def draw(ax: Axes, rows: pd.DataFrame) -> None:
        plot_curves(rows[rows["grad_norm_mean"] > 0], "grad_norm_mean", ax, styles, geometric=True)
        _level(ax, rows["clip"])
        log_axis(ax, pd.concat([norms, runs["clip"]]))
        ax.set_ylabel("gradient norm")

    threshold = "clipping threshold" if runs["clip"].notna().any() else ""
    title = "Gradient norm before clipping, mean over the steps since the last evaluation"
    return _pages(runs, steps, "grad_norm_mean", draw, title, "geometric mean", styles, threshold)


def _pages(
    runs: pd.DataFrame,
    steps: pd.DataFrame,
    column: str,
    draw_rows: Callable[[Axes, pd.DataFrame], None],
    title: str,
    mean: str,
    styles: dict[str, CellStyle],
    level: str,
) -> list[Figure]:
    about = ["run_id", "label", "status", "tolerance", "chance_accuracy", "memoryless_loss", "clip"]
    labels = runs if "label" in runs else labelled(runs)
    rows = steps[steps[column].notna()].merge(labels[about], on="run_id")
    if rows.empty:
        return []

    def draw(ax: Axes, panel: Panel) -> list[str]:
        draw_rows(ax, rows[rows["run_id"].isin(panel.runs["run_id"])])
        return [seeds_text(panel.runs, ["label"]), not_ok_text(panel.runs)]

    shown = {cell: style for cell, style in styles.items() if (rows["label"] == cell).any()}
    return make_pages(
        split(labels, ["hidden_size", "seq_len"]), draw, title=title, caption=CAPTION.format(mean=mean),
        styles=shown, columns=length_columns(runs), markers=False,
        handles=[reference_handle(level)] if level else [],
    )  # fmt: skip


def _level(ax: Axes, values: pd.Series) -> None:
    for value in values.dropna().unique():
        ax.axhline(value, color=GREY, linestyle="--", linewidth=1.2, zorder=1.5)
