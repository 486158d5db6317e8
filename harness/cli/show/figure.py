"""Samples as a picture."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.ticker import MaxNLocator

from harness.cli.show.samples import Sample, describe_task, label_text, spread_samples, visible
from harness.tasks import Task, TaskSpec

BLUE, LABELLED, ARROW, PADDING, GRID = "#0072B2", "#FBEBD0", "#E69F00", "#E6E6E6", "#E4E4E4"
DPI = 150

MOST_WRITTEN = 60
"""Steps of a sequence whose symbols are written; those of a longer one would overlap."""

MOST_TICKS = 14
"""Symbols named at the axis of a large alphabet."""


@mpl.rc_context({"text.parse_math": False})  # a dollar sign in a name is no formula
def draw_samples(task: Task, path: Path, count: int = 4) -> Path:
    """Draws some validation samples, one per panel, and writes the figure to `path`.

    Several features are drawn as a heat map; where there are about as many steps as features, time runs
    downwards, as the rows of an image. One feature is drawn as a line, tokens as markers.

    Args:
        task: only its validation samples are made.
        path: of the figure; its extension sets the format. Missing folders are made.
        count: panels, at least 1, at equal distances in the split; fewer where the split has fewer samples.

    Returns:
        `path`.

    Raises:
        ValueError: `count` is below 1, or the extension is not an image format.
    """
    spec, samples = task.spec, spread_samples(task, count)
    image, heat = _is_image(spec), (spec.input_size or 1) > 1
    columns = min(len(samples), 4 if image else 1 if spec.seq_len > 150 else 2)
    rows = math.ceil(len(samples) / columns)
    wide = min(
        max(10, 1.2 * spec.seq_len / DPI), 60
    )  # at least one pixel per step, so that every marker is visible
    size = (3 * columns + 1, 2.8 * rows + 0.8) if image else (wide, 2.3 * rows + 0.8)
    figure = Figure(figsize=size, dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    limits = float(min(one.x.min() for one in samples)), float(max(one.x.max() for one in samples))
    panels = []
    for place, sample in enumerate(samples):
        ax = figure.add_subplot(rows, columns, place + 1)
        panels.append(ax)
        (_draw_heat(ax, spec, sample, limits) if heat else _draw_line(ax, spec, sample, limits))
        _highlight(ax, spec, sample)
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


def drawable(symbol: str) -> str:
    """A symbol as the figure's font can draw it: `U+4E2D` where it has no such character."""
    text, known = visible(symbol), _characters()
    return (
        text
        if all(ord(character) in known for character in text)
        else " ".join(f"U+{ord(character):04X}" for character in symbol)
    )


@functools.cache
def _characters() -> frozenset[int]:
    return frozenset(get_font(findfont(FontProperties(weight="bold"))).get_charmap())


def _is_image(spec: TaskSpec) -> bool:
    """Whether the heat map has about the proportions of an image."""
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
    """Tokens as markers, or in short sequences as their symbols; or the single feature as a line."""
    if spec.vocab_size is not None:
        if spec.symbols is not None and spec.seq_len <= MOST_WRITTEN:
            for t, token in enumerate(sample.x):
                ax.text(t, token, drawable(spec.symbols[token]), color=BLUE, fontsize=8, ha="center",
                        va="center", weight="bold", zorder=3)  # fmt: skip
        else:
            size = 4 if spec.seq_len <= MOST_WRITTEN else 2.5
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


def _highlight(ax: Axes, spec: TaskSpec, sample: Sample) -> None:
    """Shades padding and labelled steps; a heat map would hide the shade of a step, so arrows point at it."""
    image = _is_image(spec)
    span = ax.axhspan if image else ax.axvspan
    if len(sample.x) < spec.seq_len:
        span(len(sample.x) - 0.5, spec.seq_len - 0.5, color=PADDING, linewidth=0, zorder=-1)
    for t in sample.labelled_steps:
        span(t - 0.5, t + 0.5, color=LABELLED, linewidth=0, zorder=-1)
    if len(sample.labelled_steps) and ax.images:
        edge = [1.02] * len(sample.labelled_steps)
        across, down, arrow = (
            (edge, sample.labelled_steps, "<") if image else (sample.labelled_steps, edge, "v")
        )
        along = ax.get_yaxis_transform() if image else ax.get_xaxis_transform()
        ax.plot(across, down, arrow, color=ARROW, markersize=4, clip_on=False, transform=along)


def _name_axes(ax: Axes, spec: TaskSpec, *, left: bool, bottom: bool) -> None:
    """Integer ticks for steps, features and tokens; axis labels at the edges of the figure only."""
    time, other = "time step t, from 0", "feature, from 0"
    if spec.vocab_size is not None:
        other = "token id" if spec.symbols is None else "symbol"
    elif spec.input_size == 1:
        other = "input value"
    across, down = (other, time) if _is_image(spec) else (time, other)
    ax.xaxis.set_major_locator(MaxNLocator(6, integer=True, steps=[1, 2, 5, 10]))
    if spec.vocab_size is not None and spec.vocab_size <= 20:
        ax.set_yticks(range(0, spec.vocab_size, 1 if spec.vocab_size <= 10 else 2))
        ax.set_yticks(range(spec.vocab_size), minor=True)
        ax.tick_params(axis="y", which="minor", length=0)
        if spec.symbols is not None:
            ax.set_yticks(range(spec.vocab_size), map(drawable, spec.symbols))
    elif spec.symbols is not None and spec.vocab_size is not None:
        shown = range(0, spec.vocab_size, math.ceil(spec.vocab_size / MOST_TICKS))
        ax.set_yticks(shown, [drawable(spec.symbols[token]) for token in shown])
    elif spec.input_size != 1:
        ax.yaxis.set_major_locator(MaxNLocator(8, integer=True, steps=[1, 2, 5, 10]))
    ax.tick_params(labelsize=8)
    if bottom:
        ax.set_xlabel(across, fontsize=9)
    if left:
        ax.set_ylabel(down, fontsize=9)


def _heading(spec: TaskSpec, samples: Sequence[Sample]) -> str:
    notes = ["orange: labelled steps"] if spec.target == "steps" else []
    notes += ["grey: padding"] if any(len(one.x) < spec.seq_len for one in samples) else []
    return describe_task(spec).replace("->", "→") + (f"\n{', '.join(notes)}" if notes else "")
