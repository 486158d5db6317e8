"""One sequence and what a trained model makes of it, as text."""

from __future__ import annotations

import numpy as np

from harness.cli.aligned import aligned
from harness.cli.show.text import COLUMNS_PER_END, rare_steps
from harness.tasks import TaskSpec
from harness.tasks.task import NO_LABEL
from harness.training.inside import Inside, LayerInside

MOST_FEATURES = 3
"""Inputs of more features are shown by their norm."""


def inside_as_text(inside: Inside, spec: TaskSpec, layer: int) -> str:
    """The answer, and a table of steps: input, norms of states, means of gates, norms of gradients.

    Long sequences are shown at both ends, and where a token or feature is rare.

    Args:
        inside: one sequence.
        spec: of its task.
        layer: a number of `inside.layers`.
    """
    shown = layer_of(inside, layer)
    ends = COLUMNS_PER_END
    T = len(inside.x)
    steps = sorted({*range(min(T, ends)), *rare_steps(inside.x), *range(max(0, T - ends), T)})
    columns = [*_input_columns(inside.x), *_layer_columns(shown), *_answer_columns(inside, spec)]
    lines = [["t", *(title for title, _ in columns)]]
    for before, t in zip([steps[0] - 1, *steps], steps, strict=False):
        if t > before + 1:
            lines.append(["…", *[""] * len(columns)])
        lines.append([str(t), *(texts[t] for _, texts in columns)])
    head = [answer_text(inside, spec), f"layer {layer}:", aligned(lines, [])]
    return "\n".join([*head, *([f"note: {inside.note}"] if inside.note else [])])


def answer_text(inside: Inside, spec: TaskSpec) -> str:
    """What was right, what the model answers, and its loss."""
    unit = "squared error" if spec.target == "value" else "nats"
    if spec.target == "value":
        return f"target {float(inside.y):.4g}, answer {float(inside.answer):.4g}; {unit} {inside.loss:.3g}"
    if spec.target == "class":
        right, answer = int(inside.y), int(inside.answer.argmax())
        share = f"p = {inside.answer[answer]:.3f}"
        also = "" if answer == right else f", p = {inside.answer[right]:.3f} of the right one"
        return f"class {right}, answer {answer} ({share}{also}); loss {inside.loss:.3g} {unit}"
    scored = inside.y != NO_LABEL
    right = int((inside.answer.argmax(axis=1) == inside.y)[scored].sum())
    return f"{right} of {int(scored.sum())} labelled steps answered right; loss {inside.loss:.3g} {unit}"


def layer_of(inside: Inside, layer: int) -> LayerInside:
    """The layer with this number.

    Raises:
        ValueError: there is none.
    """
    known = {one.layer: one for one in inside.layers}
    if layer not in known:
        raise ValueError(f"layer must be one of {', '.join(map(str, known))}, not {layer}")
    return known[layer]


def correct_so_far(inside: Inside, spec: TaskSpec) -> np.ndarray | None:
    """(T,), probability of the right label, or the value, from each state; NaN at steps without a label."""
    if spec.target == "steps":
        scored = inside.y != NO_LABEL
        classes = np.where(scored, inside.y, 0)
        return np.where(scored, inside.answer[np.arange(len(classes)), classes], np.nan)
    if inside.at_each_step is None or spec.target == "value":
        return inside.at_each_step
    return inside.at_each_step[:, int(inside.y)]


def _input_columns(x: np.ndarray) -> list[tuple[str, list[str]]]:
    if x.ndim == 1:
        return [("token", [str(token) for token in x])]
    if x.shape[1] > MOST_FEATURES:
        return [("|x|", [f"{norm:.2f}" for norm in np.linalg.norm(x, axis=1)])]
    return [(f"x{i}" if x.shape[1] > 1 else "x", [f"{v:.2f}" for v in row]) for i, row in enumerate(x.T)]


def _layer_columns(layer: LayerInside) -> list[tuple[str, list[str]]]:
    columns = [
        (f"|{name}|", [f"{norm:.2f}" for norm in np.linalg.norm(values, axis=1)])
        for name, values in layer.states.items()
    ]
    columns += [
        (f"mean {name}", [f"{mean:.2f}" for mean in values.mean(axis=1)])
        for name, values in layer.gates.items()
    ]
    return columns + [
        (f"|dL/d{name}|", [f"{norm:.1e}" for norm in np.linalg.norm(values.astype(float), axis=1)])
        for name, values in layer.gradients.items()
    ]


def _answer_columns(inside: Inside, spec: TaskSpec) -> list[tuple[str, list[str]]]:
    so_far = correct_so_far(inside, spec)
    if so_far is None:
        return []
    title = "answer so far" if spec.target == "value" else "p right"
    return [(title, ["-" if np.isnan(value) else f"{value:.3f}" for value in so_far])]
