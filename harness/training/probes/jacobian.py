"""Jacobians: how strongly a state depends on the state k steps before, direction by direction.

A layer of a stock cell is run through `harness.cells.equations` in float64 on fixed validation samples.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from harness.cells import split_layers, stock_cell_of
from harness.cells.equations import STEPS, State, Weights, weights_of, zero_state
from harness.results.schema import column
from harness.tasks import Split, Task
from harness.training.history import History
from harness.training.model import SequenceClassifier
from harness.training.options import TrainOptions
from harness.training.probes.gates import plain_cell, probe_batch, why_no_equations
from harness.training.probes.probe import MOMENTS
from harness.training.probes.step_jacobians import largest_lyapunov, step_jacobian

SAMPLES = 8
"""Validation sequences that are measured."""

STEPS_BACK = (1, 3, 10, 30, 100)
"""The k of ∂h_t/∂h_{t−k}, as far as the sequence reaches."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JacobianRow:
    """One singular value, or the largest Lyapunov exponent, of one layer."""

    moment: str = column("`init`: before training, `best`: at `best_step`, `end`: after the last step")
    step: int = column("training steps made")
    layer: int = column("layer, from 0; the top layer has the highest number")
    matrix: str = column(
        "`h`, `c`: ∂h_t/∂h_{t−k}, ∂c_t/∂c_{t−k}, with t the last step of each sequence; `U_h`, `U_i`, …: the "
        "recurrent matrix of a gate; `lyapunov`: no matrix, the largest Lyapunov exponent"
    )
    k: int | None = column("steps back; empty for `U_…` and `lyapunov`", None)
    rank: int = column("from 0, the largest singular value")
    value: float = column(
        "singular value, the geometric mean over sequences of at least k + 1 steps; of `lyapunov` nats a "
        "step, the mean over sequences"
    )


@dataclass(frozen=True)
class JacobianProbe:
    """Measures singular values of ∂h_t/∂h_{t−k} and of the recurrent matrix, and the Lyapunov exponent."""

    required: ClassVar[bool] = True
    name: ClassVar[str] = "jacobian"
    row_type: ClassVar[type] = JacobianRow

    @property
    def settings(self) -> dict[str, Any]:
        """The number of sequences."""
        return {"samples": SAMPLES}

    @classmethod
    def from_options(cls, options: TrainOptions) -> JacobianProbe | None:
        """None unless `train.jacobian=true`."""
        return cls() if options.jacobian else None

    def why_not(self, model: SequenceClassifier) -> str | None:
        """Why this model's cell cannot be measured, or None when it can."""
        return why_no_equations(model.cell)

    def measure(self, model: SequenceClassifier, val: Split, moment: str, step: int) -> list[JacobianRow]:
        """The rows of every layer, on up to 8 sequences."""
        x, lengths = probe_batch(model, val, SAMPLES)
        rows = []
        with torch.no_grad():
            inputs = model.encode(x).double()
            for index, layer in enumerate(split_layers(plain_cell(model.cell))):
                inputs, values = _measure_layer(layer, inputs, lengths.tolist())
                place: dict[str, Any] = {"moment": moment, "step": step, "layer": index}
                for (matrix, k), numbers in values.items():
                    rows += [
                        JacobianRow(**place, matrix=matrix, k=k, rank=rank, value=value)
                        for rank, value in enumerate(numbers.tolist())
                    ]
        return rows

    def summary(self, rows: Sequence[JacobianRow], task: Task, history: History) -> dict[str, Any]:
        """The columns `lyapunov_…` of the top layer."""
        top = max((row.layer for row in rows), default=0)
        found = {
            row.moment: row.value for row in rows if (row.matrix, row.layer) == ("lyapunov", top)
        }  # fmt: skip
        return {f"lyapunov_{moment}": found.get(moment) for moment in MOMENTS}

    def covers(self, recorded: Mapping[str, Any]) -> bool:
        """Whether the recorded table has at least as many sequences."""
        there = recorded.get("samples")
        return isinstance(there, int) and there >= SAMPLES


def _measure_layer(
    layer: nn.RNNBase, x_BTD: Tensor, lengths: Sequence[int]
) -> tuple[Tensor, dict[tuple[str, int | None], Tensor]]:
    """The output of a layer, and the numbers of its rows, falling, by matrix and k."""
    stock = stock_cell_of(layer)
    assert stock is not None  # `why_no_equations` has seen to it
    w = _in_float64(weights_of(layer))
    values: dict[tuple[str, int | None], Tensor] = {
        (f"U_{gate}", None): torch.linalg.svdvals(matrix) for gate, matrix in w.U.items()
    }
    logs: dict[tuple[str, int], list[Tensor]] = {}
    outputs, exponents = [], []
    for x_TD, length in zip(x_BTD, lengths, strict=True):
        output, exponent, last = _follow(stock.name, w, zero_state(layer, x_TD[None]), x_TD[None, :length])
        outputs.append(F.pad(output, (0, 0, 0, len(x_TD) - length)))
        exponents.append(exponent)
        for k, product in _products(last):
            for place, state in enumerate("hc"[: len(product) // layer.hidden_size]):
                part = slice(place * layer.hidden_size, (place + 1) * layer.hidden_size)
                logs.setdefault((state, k), []).append(torch.linalg.svdvals(product[part, part]).log())
    values |= {key: torch.stack(of_key).mean(dim=0).exp() for key, of_key in logs.items()}
    values["lyapunov", None] = torch.stack(exponents).mean()[None]
    return torch.cat(outputs), values


def _follow(name: str, w: Weights, state: State, x_1TD: Tensor) -> tuple[Tensor, Tensor, list[Tensor]]:
    """Of one sequence the output (1, T, H), the Lyapunov exponent, and the Jacobians of the last steps.

    The Jacobians of a long sequence would fill the memory: only those that `_products` needs are kept.
    """
    outputs: list[Tensor] = []
    last: deque[Tensor] = deque(maxlen=max(STEPS_BACK) + 1)

    def jacobians() -> Iterator[Tensor]:
        before = state
        for x_1D in x_1TD.unbind(1):
            step = STEPS[name](w, x_1D, before)
            last.append(step_jacobian(name, w, before, step)[0])
            outputs.append(step.state[0])
            before = step.state
            yield last[-1]

    exponent = largest_lyapunov(jacobians())
    return torch.stack(outputs, dim=1), exponent, list(last)


def _products(last: Sequence[Tensor]) -> Iterator[tuple[int, Tensor]]:
    """k and J_T ⋯ J_{T−k+1} = ∂s_T/∂s_{T−k}, for the k in `STEPS_BACK` before which a step is left."""
    product = None
    for k, jacobian in enumerate(reversed(last[1:]), start=1):
        product = jacobian if product is None else product @ jacobian
        if k in STEPS_BACK:
            yield k, product


def _in_float64(w: Weights) -> Weights:
    parts = (w.W, w.U, w.b, w.d)
    return Weights(*({gate: matrix.double() for gate, matrix in part.items()} for part in parts))
