"""The bench as one figure: how many times faster a step is, by cell, hidden size and sequence length."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from harness.report.style import cell_styles

from .rows import Row

CELLS = ("rnn", "lstm", "gru")


def draw(rows: Sequence[Row], path: Path, machine: str) -> None:
    """A panel a length; dots are medians of pairs, bars their quartiles; the line at 1 is plain torch.nn."""
    steps = [
        row for row in rows if row.part == "step" and row.unit == "ratio" and row.what.startswith("plain")
    ]
    lengths = sorted({row.T for row in steps if row.T is not None})
    figure = Figure(figsize=(3.2 * len(lengths) + 0.4, 3.8), layout="constrained")
    panels = figure.subplots(1, len(lengths), sharey=True, squeeze=False)[0]
    styles = cell_styles(CELLS)
    sizes = sorted({row.H for row in steps if row.H is not None})
    for panel, T in zip(panels, lengths, strict=True):
        for place, cell in enumerate(CELLS):
            for kernel, filled in (("fused", True), ("torch", False)):
                chosen = {
                    row.H: row for row in steps
                    if (row.T, row.cell, row.what) == (T, cell, f"plain / {kernel}")
                }  # fmt: skip
                at = [sizes.index(H) + 0.22 * (place - 1) + (0.05 if filled else -0.05) for H in sizes]
                middle = [chosen[H].value for H in sizes]
                low = [chosen[H].value - (chosen[H].low or 0) for H in sizes]
                high = [(chosen[H].high or 0) - chosen[H].value for H in sizes]
                color = styles[cell].color
                panel.errorbar(
                    at, middle, yerr=[low, high], fmt="o" if filled else "s", color=color, markersize=6,
                    markerfacecolor=color if filled else "white", capsize=2, linewidth=1,
                    label=f"{cell.upper()}, {'fused loops' if filled else 'torch kernel in the harness'}",
                )  # fmt: skip
        panel.axhline(1, color="0.3", linewidth=1)
        panel.set_yscale("log", base=2)
        panel.set_xticks(range(len(sizes)), [str(H) for H in sizes])
        panel.yaxis.set_major_formatter(lambda value, _: f"{value:g}×")
        panel.set_title(f"{T} steps", fontsize=10)
        panel.set_xlabel("hidden size")
        panel.grid(axis="y", color="0.9")
        panel.set_axisbelow(True)
    panels[0].set_ylabel("times faster than torch.nn,\none training step")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, fontsize=8, frameon=False)
    figure.suptitle(machine, fontsize=8, color="0.35")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)
