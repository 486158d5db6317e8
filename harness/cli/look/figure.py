"""One sequence and what a trained model makes of it, aligned over time, as a picture."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from harness.cli.look.text import answer_text, correct_so_far, layer_of
from harness.cli.show.text import rare_steps
from harness.report.axes import plain_log_numbers
from harness.report.style import GREY, INK, OKABE_ITO
from harness.tasks import TaskSpec
from harness.tasks.task import NO_LABEL
from harness.training.inside import Inside, LayerInside

DPI = 150
CANDIDATES = ("g", "n")
"""Letters whose values lie in −1 to 1: they are no shares."""

_SHARE: dict[str, Any] = {"cmap": "cividis", "vmin": 0.0, "vmax": 1.0}
_LINE: dict[str, Any] = {"linewidth": 1.4}


@mpl.rc_context({"text.parse_math": False})  # a dollar sign in a name is no formula
def draw_inside(inside: Inside, spec: TaskSpec, layer: int, title: str, path: Path) -> Path:
    """Draws inputs, states, gates, gradients and answers below one another, over the same steps.

    Units are rows of heat maps, in the order of the step at which their gate or state is largest, the same
    for all of a layer. Grey lines: steps with a rare token or marker; in the last panel what is right.

    Args:
        inside: one sequence.
        spec: of its task.
        layer: a number of `inside.layers`.
        title: of the picture.
        path: of the file; its extension sets the format. Missing folders are made.

    Raises:
        ValueError: there is no such layer, or the extension is no image format.
    """
    shown = layer_of(inside, layer)
    panels = _panels(inside, spec, shown)
    T = len(inside.x)
    heights = [height for height, _ in panels]
    size = (min(max(8.0, 0.09 * T), 40.0), sum(heights) + 1.0)
    figure = Figure(figsize=size, dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(panels), 1, sharex=True, squeeze=False, height_ratios=heights)[:, 0]
    marked = [] if _is_heat(inside.x) else rare_steps(inside.x)
    for ax, (_, draw) in zip(axes, panels, strict=True):
        draw(ax)
        ax.tick_params(labelsize=8)
        for t in marked:
            ax.axvline(t, color=GREY, linewidth=0.7, linestyle=":", zorder=3)
    axes[-1].set_xlabel("time step t, from 0", fontsize=9)
    axes[-1].xaxis.set_major_locator(MaxNLocator(10, integer=True))
    axes[-1].set_xlim(-0.5, T - 0.5)
    figure.suptitle(f"{title}\n{answer_text(inside, spec)}", fontsize=10)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)
    return path


def _panels(inside: Inside, spec: TaskSpec, layer: LayerInside) -> list[tuple[float, Callable[[Axes], None]]]:
    """Height in inches and drawing of each panel."""
    order = np.argsort(np.abs(layer.states["h"]).argmax(axis=0), kind="stable")
    panels: list[tuple[float, Callable[[Axes], None]]] = [(1.1, lambda ax: _draw_input(ax, inside.x, spec))]
    for name, values in layer.gates.items():
        look = _signed(values) if name in CANDIDATES else _SHARE
        panels.append((0.95, _heat(values[:, order], f"{_kind(name)} {name}", look)))
    for name, values in layer.states.items():
        panels.append((0.95, _heat(values[:, order], f"state {name}", _signed(values))))
    if any(one.gradients for one in inside.layers):
        panels.append((1.2, lambda ax: _draw_gradients(ax, inside)))
    if correct_so_far(inside, spec) is not None:
        panels.append((1.1, lambda ax: _draw_answer(ax, inside, spec)))
    return panels


def _kind(name: str) -> str:
    return "candidate" if name in CANDIDATES else "gate"


def _signed(values: np.ndarray) -> dict[str, Any]:
    """Colours from −most to most, with white at 0."""
    most = float(np.abs(values).max()) or 1.0
    return {"cmap": "RdBu_r", "vmin": -most, "vmax": most}


def _heat(values_TH: np.ndarray, name: str, look: dict[str, Any]) -> Callable[[Axes], None]:
    def draw(ax: Axes) -> None:
        image = ax.imshow(values_TH.T, aspect="auto", interpolation="nearest", **look)
        bar = ax.figure.colorbar(image, ax=ax, pad=0.01, fraction=0.03)
        bar.ax.tick_params(labelsize=7)
        ax.set_ylabel(name, fontsize=9)
        ax.set_yticks([])

    return draw


def _is_heat(x: np.ndarray) -> bool:
    """Whether an input has too many features for lines."""
    return x.ndim == 2 and x.shape[1] > 2


def _draw_input(ax: Axes, x: np.ndarray, spec: TaskSpec) -> None:
    if _is_heat(x):
        _heat(x, "input", {"cmap": "cividis"})(ax)
        return
    if x.ndim == 1:
        ax.plot(x, "o", color=OKABE_ITO["blue"], markersize=3.5)
        ax.set_ylabel("token", fontsize=9)
        ax.yaxis.set_major_locator(MaxNLocator(4, integer=True))
        return
    for i, (values, color) in enumerate(zip(x.T, (OKABE_ITO["blue"], OKABE_ITO["vermillion"]), strict=False)):
        ax.plot(values, color=color, drawstyle="steps-mid", label=f"feature {i}", **_LINE)
    ax.set_ylabel("input", fontsize=9)
    if x.shape[1] > 1:
        ax.legend(fontsize=7, loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)


def _draw_gradients(ax: Axes, inside: Inside) -> None:
    """Norms of ∂ℓ/∂h_t on a log axis, a line for each layer; one that is 0 is not drawn."""
    for layer, color in zip(inside.layers, [INK, *OKABE_ITO.values()], strict=False):
        if layer.gradients:
            norms = np.linalg.norm(layer.gradients["h"].astype(float), axis=1)
            ax.plot(np.where(norms > 0, norms, np.nan), color=color, label=f"layer {layer.layer}", **_LINE)
    ax.set_yscale("log")
    plain_log_numbers(ax)
    ax.set_ylabel("‖∂ℓ/∂h$_t$‖", fontsize=9, parse_math=True)
    if len(inside.layers) > 1:
        ax.legend(fontsize=7, loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)


def _draw_answer(ax: Axes, inside: Inside, spec: TaskSpec) -> None:
    so_far = correct_so_far(inside, spec)
    assert so_far is not None  # else there is no such panel
    mark = "o" if spec.target == "steps" and (inside.y == NO_LABEL).any() else ""
    ax.plot(so_far, marker=mark, markersize=3, color=OKABE_ITO["blue"], **_LINE)
    if spec.target == "value":
        ax.axhline(float(inside.y), color=GREY, linestyle="--", linewidth=1.0)
        ax.set_ylabel("answer so far\n(dashed: target)", fontsize=8)
    else:
        ax.set_ylim(-0.04, 1.04)
        ax.set_ylabel("p of the\nright label", fontsize=9)
