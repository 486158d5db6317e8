"""Everything that a trained model computed on a sequence, as rows of numbers."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from harness.results.store import write_atomically
from harness.training.inside import Inside

COLUMNS = {
    "t": "time step, from 0; empty for an answer to the whole sequence",
    "what": (
        "input; h, c; a gate by its letter; grad_h, grad_c: ∂ℓ/∂ of the state; answer: a probability or "
        "value; answer_so_far: what the head answers from h_t alone"
    ),
    "layer": "from 0; empty for inputs and answers",
    "unit": "of the layer, feature of the input, or class, from 0",
    "value": "the number",
}
"""The columns and their meanings."""


def write_numbers(inside: Inside, path: Path) -> Path:
    """Writes one row for each number into a CSV file, and returns its path."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for what, layer, values_TU in _parts(inside):
        writer.writerows(
            (t, what, layer, unit, repr(value))
            for t, row in enumerate(values_TU.tolist())
            for unit, value in enumerate(row)
        )
    if inside.answer.ndim < 2:
        answers = np.atleast_1d(inside.answer).tolist()
        writer.writerows(("", "answer", "", unit, repr(value)) for unit, value in enumerate(answers))
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, out.getvalue())
    return path


def _parts(inside: Inside) -> Iterator[tuple[str, int | str, np.ndarray]]:
    """Each quantity with its layer and its numbers, (T, units)."""
    length = len(inside.x)
    yield "input", "", inside.x.reshape(length, -1)
    for layer in inside.layers:
        for name, values in (layer.states | layer.gates).items():
            yield name, layer.layer, values
        for name, values in layer.gradients.items():
            yield f"grad_{name}", layer.layer, values
    if inside.answer.ndim == 2:
        yield "answer", "", inside.answer
    if inside.at_each_step is not None:
        yield "answer_so_far", "", inside.at_each_step.reshape(length, -1)
