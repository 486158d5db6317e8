"""The bench as one figure: ratios of time for a training step and for a whole grid."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from harness.report.style import cell_styles

from .rows import Row

CELLS = ("rnn", "lstm", "gru")
GRID_RATIO = "tutorial / harness"


def draw(rows: Sequence[Row], path: Path) -> bool:
    """Draws the ratios of steps (one panel per length) and of grids; returns whether there were any.

    Dots are medians of pairs, bars their quartiles; the line at 1 is plain torch.nn.
    """
    ratios = [row for row in rows if row.unit == "ratio"]
    steps = [row for row in ratios if row.part == "steps" and row.what.startswith("plain")]
    grids = [row for row in ratios if row.part == "grids" and row.what.endswith(GRID_RATIO)]
    lengths = sorted({row.T for row in steps if row.T is not None})
    count = len(lengths) + bool(grids)
    if count == 0:
        return False
    figure = Figure(figsize=(3.0 * count + 0.4, 4.0), layout="constrained")
    panels = figure.subplots(1, count, sharey=True, squeeze=False)[0]
    for panel, T in zip(panels, lengths, strict=False):
        _steps(panel, [row for row in steps if row.T == T])
        panel.set_title(f"a training step, {T} time steps", fontsize=9)
    if grids:
        _grids(panels[-1], grids)
        panels[-1].set_title("a whole grid of 12 runs, all included", fontsize=9)
    for panel in panels:
        panel.axhline(1, color="0.3", linewidth=1)
        panel.set_yscale("log", base=2)
        panel.yaxis.set_major_formatter(lambda value, _: f"{value:g}×")
        panel.grid(axis="y", color="0.9")
        panel.set_axisbelow(True)
    if steps:
        panels[0].set_ylabel("times faster than plain torch.nn,\none thread")
    if grids:
        panels[-1].set_ylabel("times faster than a tutorial script,\none process per run")
        panels[-1].tick_params(labelleft=True)
        panels[-1].yaxis.set_label_position("right")  # on the left the other panel is too close
    if steps:
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=3, fontsize=8, frameon=False)
    figure.suptitle(_about(rows, [*steps, *grids]), fontsize=8, color="0.35")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)
    return True


def _steps(panel: Axes, rows: Sequence[Row]) -> None:
    sizes, styles = sorted({row.H for row in rows if row.H is not None}), cell_styles(CELLS)
    for place, cell in enumerate(CELLS):
        color = styles[cell].color
        for kernel, name, marker, aside in (
            ("fused", "fused loops", "o", 0.05), ("torch", "torch kernel in the harness", "s", -0.05),
        ):  # fmt: skip
            chosen = [row for row in rows if (row.cell, row.what) == (cell, f"plain / {kernel}")]
            at = [sizes.index(row.H) + 0.22 * (place - 1) + aside for row in chosen if row.H is not None]
            fill = color if kernel == "fused" else "white"
            _dots(panel, at, chosen, marker, color, fill, f"{cell.upper()}, {name}")
    panel.set_xticks(range(len(sizes)), [str(size) for size in sizes])
    panel.set_xlabel("hidden size")


def _grids(panel: Axes, rows: Sequence[Row]) -> None:
    _dots(panel, list(range(len(rows))), rows, "D", "0.25", "0.25", "")
    for place, row in enumerate(rows):
        panel.annotate(f"{row.value:.1f}×", (place, row.value), xytext=(9, -3), textcoords="offset points")
    names = [row.what.partition(":")[0].replace(", ", "\n") for row in rows]
    panel.set_xticks(range(len(rows)), names, fontsize=8)
    panel.set_xlim(-0.6, len(rows) - 0.4)
    panel.set_xlabel("digits of MNIST read by")


def _dots(
    panel: Axes, at: Sequence[float], rows: Sequence[Row], marker: str, color: str, fill: str, label: str
) -> None:
    middle = [row.value for row in rows]
    low = [row.value - (row.value if row.low is None else row.low) for row in rows]
    high = [(row.value if row.high is None else row.high) - row.value for row in rows]
    panel.errorbar(
        at, middle, yerr=[low, high], fmt=marker, color=color, markersize=6, markerfacecolor=fill, capsize=2,
        linewidth=1, label=label,
    )  # fmt: skip


def _about(rows: Sequence[Row], drawn: Sequence[Row]) -> str:
    """Processor and commit of the drawn rows, and the smallest number of pairs of a dot."""
    parts, pairs = {row.part for row in drawn}, min(row.n for row in drawn)
    known = [row.what for row in rows if row.part in parts and row.unit == "threads"]
    machines = "; ".join(sorted({what.partition(", commit ")[0] for what in known}))
    commits = sorted({what.partition(", commit ")[2].partition(":")[0] for what in known})
    named = f"commit{'s' if len(commits) > 1 else ''} {', '.join(commits)}"
    return f"{machines}; {named}\nmedians of {pairs} alternating pairs, bars: quartiles"
