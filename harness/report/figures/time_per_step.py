"""Training time per step, by the clock inside the run."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from harness.report.axes import log_axis, spans_more_than
from harness.report.by_setting import (
    RANGE_CAPTION,
    panel_remarks,
    panels_by_setting,
    plot_by_setting,
    values_of_task,
)
from harness.report.direct_labels import label_lines, unlabelled
from harness.report.figure_spec import FigureSpec, ReportData
from harness.report.layout import Panel, contention_sentence, make_pages, page_columns
from harness.report.setting_axis import setting_label, setting_words

DECADE = 10.0
"""Up to this ratio of lengths or sizes both axes are linear: a cost proportional to T is a line through 0."""


def _panels(data: ReportData, x: str, at_least: int) -> list[Panel]:
    runs = data.runs
    step_ms = 1000 * runs["train_s"] / runs["steps"].astype(float).where(runs["steps"] > 0)
    return panels_by_setting(runs.assign(step_ms=step_ms), x, "step_ms", at_least)


def time_pages(data: ReportData, caption: str, x: str, at_least: int = 1) -> list[Figure]:
    """Milliseconds per training step by `x`.

    Args:
        data: of a results folder.
        caption: what the marks mean.
        x: `hidden_size` or `seq_len`.
        at_least: panels with fewer values of `x` are left out.
    """
    panels = _panels(data, x, at_least)
    # one kind of axes on all pages, so that equal slopes mean equal growth
    wide = any(spans_more_than(panel.runs[x], DECADE) for panel in panels)
    linear_up_to = 2.0 if wide else DECADE

    def draw(ax: Axes, panel: Panel) -> list[str]:
        plot_by_setting(panel.runs, x, "step_ms", ax, data.styles, spread="range", linear_up_to=linear_up_to)
        times = values_of_task(panels, panel, "step_ms")
        if wide:
            log_axis(ax, times)
        else:
            ax.set_xlim(left=0)
            if times.notna().any():  # none: every run was solved before its first step
                ax.set_ylim(0, 1.15 * times.max())
        ax.set_ylabel("time per training step (ms)")
        label_lines(ax, data.styles)
        return panel_remarks(panel.runs, x)

    return make_pages(
        panels, draw, title=f"Training time per step by {setting_words(x)}",
        caption=f"{caption} {contention_sentence(data.runs)}", styles=unlabelled(data.styles),
        columns=page_columns(panels), page_style=data.page_style,
    )  # fmt: skip


def _spec(x: str, name: str, question: str, at_least: int) -> FigureSpec:
    return FigureSpec(
        name=name,
        question=question,
        caption=f"{RANGE_CAPTION} Time: seconds of training steps inside the run.",
        alt=(
            f"Line chart. Vertical: milliseconds per training step. Horizontal: {setting_label(x)}; both "
            "axes linear up to a decade, else logarithmic. One line per cell with a dot for each seed. One "
            "panel per task and further setting."
        ),
        applies=lambda data: bool(_panels(data, x, at_least)),
        draw=lambda data, caption: time_pages(data, caption, x, at_least),
    )


BY_LENGTH = _spec(
    "seq_len", "time_per_step", "How does the time of a training step grow with the sequence length?", 2
)
BY_HIDDEN_SIZE = _spec(
    "hidden_size",
    "time_per_step_vs_hidden_size",
    "How does the time of a training step grow with the hidden size?",
    2,
)
