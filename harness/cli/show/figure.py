"""Samples as a picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from harness.cli.show.samples import Sample, about, label_text, pick
from harness.tasks import Task, TaskSpec

BLUE, ASKED, ARROW, PADDING, GRID = "#0072B2", "#FBEBD0", "#E69F00", "#E6E6E6", "#E4E4E4"
DPI = 150


def show_figure(task: Task, path: Path, count: int = 4) -> Path:
    """Draws some validation samples, a panel each, and writes them to `path` as a picture.

    Several features are a heat map; where steps and features are about as many, time runs down, as the rows
    of an image do. One feature is a line, tokens are markers.

    Args:
        task: its validation samples are made, nothing else.
        path: of the picture; its ending says the format. Missing folders are made.
        count: panels, at least 1, evenly spread over the split; fewer where there are fewer samples.

    Returns:
        `path`.

    Raises:
        ValueError: `count` is below 1, or the ending is no picture format.
    """
    spec, samples = task.spec, pick(task, count)
    image, heat = _is_image(spec), (spec.input_size or 1) > 1
    columns = min(len(samples), 4 if image else 1 if spec.seq_len > 150 else 2)
    rows = math.ceil(len(samples) / columns)
    wide = min(max(10, 1.2 * spec.seq_len / DPI), 60)  # a step is at least a pixel: no marker gets lost
    size = (3 * columns + 1, 2.8 * rows + 0.8) if image else (wide, 2.3 * rows + 0.8)
    figure = Figure(figsize=size, dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    limits = float(min(one.x.min() for one in samples)), float(max(one.x.max() for one in samples))
    panels = []
    for place, sample in enumerate(samples):
        ax = figure.add_subplot(rows, columns, place + 1)
        panels.append(ax)
        (_draw_heat(ax, spec, sample, limits) if heat else _draw_line(ax, spec, sample, limits))
        _mark(ax, spec, sample)
        label = label_text(spec, sample, most=2)
        ax.set_title(f"validation sample {sample.number}: {label}", fontsize=9, pad=9)
        _name_axes(ax, spec, left=place % columns == 0, bottom=place + columns >= len(samples))
    if heat:
        bar = figure.colorbar(panels[0].images[0], ax=panels, pad=0.02)
        bar.set_label("input value", fontsize=9)
        bar.ax.tick_params(labelsize=8)
    figure.suptitle(_heading(spec, samples), fontsize=10)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)
    return path


def _is_image(spec: TaskSpec) -> bool:
    """Whether a heat map has about the shape of an image."""
    features = spec.input_size or 1
    return features > 8 and spec.seq_len / 2 <= features <= 2 * spec.seq_len


def _draw_heat(ax: Axes, spec: TaskSpec, sample: Sample, limits: tuple[float, float]) -> None:
    image = _is_image(spec)
    ax.imshow(sample.x if image else sample.x.T, cmap="cividis", vmin=limits[0], vmax=limits[1],
              aspect="equal" if image else "auto", interpolation="nearest")  # fmt: skip
    if image:
        ax.set_ylim(spec.seq_len - 0.5, -0.5)
    else:
        ax.set_xlim(-0.5, spec.seq_len - 0.5)


def _draw_line(ax: Axes, spec: TaskSpec, sample: Sample, limits: tuple[float, float]) -> None:
    """Tokens, or the one feature there is."""
    if spec.vocab_size is not None:
        size = 4 if spec.seq_len <= 60 else 2.5
        ax.plot(sample.x, "o", color=BLUE, markersize=size, clip_on=False, zorder=3)
        ax.set_ylim(-0.7, spec.vocab_size - 0.3)
    else:
        ax.plot(sample.x[:, 0], color=BLUE, linewidth=1.2)
        margin = 0.05 * (limits[1] - limits[0]) or 0.5
        ax.set_ylim(limits[0] - margin, limits[1] + margin)
    ax.set_xlim(-0.5, spec.seq_len - 0.5)
    ax.grid(axis="y", which="both", color=GRID, linewidth=0.6)
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)


def _mark(ax: Axes, spec: TaskSpec, sample: Sample) -> None:
    """Shades padding and the steps that are asked; beside a heat map, which hides the shade, arrows point."""
    image = _is_image(spec)
    span = ax.axhspan if image else ax.axvspan
    if len(sample.x) < spec.seq_len:
        span(len(sample.x) - 0.5, spec.seq_len - 0.5, color=PADDING, linewidth=0, zorder=-1)
    for t in sample.asked:
        span(t - 0.5, t + 0.5, color=ASKED, linewidth=0, zorder=-1)
    if len(sample.asked) and ax.images:
        edge = [1.02] * len(sample.asked)
        across, down, arrow = (edge, sample.asked, "<") if image else (sample.asked, edge, "v")
        along = ax.get_yaxis_transform() if image else ax.get_xaxis_transform()
        ax.plot(across, down, arrow, color=ARROW, markersize=4, clip_on=False, transform=along)


def _name_axes(ax: Axes, spec: TaskSpec, *, left: bool, bottom: bool) -> None:
    """Whole numbers at steps, features and tokens; names at the edge of the page only."""
    time, other = "time step t, from 0", "feature, from 0"
    if spec.vocab_size is not None:
        other = "token id"
    elif spec.input_size == 1:
        other = "input value"
    across, down = (other, time) if _is_image(spec) else (time, other)
    ax.xaxis.set_major_locator(MaxNLocator(6, integer=True, steps=[1, 2, 5, 10]))
    if spec.vocab_size is not None and spec.vocab_size <= 20:
        ax.set_yticks(range(0, spec.vocab_size, 1 if spec.vocab_size <= 10 else 2))
        ax.set_yticks(range(spec.vocab_size), minor=True)
        ax.tick_params(axis="y", which="minor", length=0)
    elif spec.input_size != 1:
        ax.yaxis.set_major_locator(MaxNLocator(8, integer=True, steps=[1, 2, 5, 10]))
    ax.tick_params(labelsize=8)
    if bottom:
        ax.set_xlabel(across, fontsize=9)
    if left:
        ax.set_ylabel(down, fontsize=9)


def _heading(spec: TaskSpec, samples: Sequence[Sample]) -> str:
    notes = ["orange: steps that are asked"] if spec.target == "steps" else []
    notes += ["grey: padding"] if any(len(one.x) < spec.seq_len for one in samples) else []
    return about(spec).replace("->", "→") + (f"\n{', '.join(notes)}" if notes else "")
