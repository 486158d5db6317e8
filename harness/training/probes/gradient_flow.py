"""Gradient flow: the size of ‖∂L/∂h_t‖ at points along the sequence, exactly, in a real training step.

A fused cell has ∂L/∂h_t at every step of its backward pass. With any other cell the step is made once more
beside training, in chunks: see `beside`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from harness.cells.copied import Before, CopyError
from harness.kernels import FusedCell, GradientFlow
from harness.results.schema import column
from harness.tasks import Task
from harness.training.history import History
from harness.training.model import SequenceClassifier
from harness.training.options import NUM_POINTS, TrainOptions
from harness.training.probes.beside import flow_beside
from harness.training.probes.chunked_pass import ChunkEnd, why_not_chunked
from harness.training.probes.flow_summary import FlowCurve, flow_columns, make_curve, nearest_step
from harness.training.probes.probe import NotMeasuredError, Observation
from harness.training.step import Batch

MAX_STEPS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowRow:
    """The gradient at one time step of one layer, in one training step."""

    step: int = column("training step, from 1")
    layer: int = column("layer, from 0; the top layer has the highest number")
    state: str = column("`h`: hidden state; `c`: cell state of an LSTM")
    t: int = column("time step in the sequence, from 0")
    norm: float = column(
        "mean of ‖∂ℓ/∂h_t‖, ℓ the loss of one sequence, over the sequences of the batch not ended at t"
    )
    log10_norm: float = column("log10 of `norm`; −inf for a norm of 0")
    at_most: float | None = column(
        "where `norm` is 0: the largest norm it can stand for, since smaller numbers are flushed to 0; "
        "otherwise empty",
        None,
    )


@dataclass(frozen=True)
class GradientFlowProbe:
    """Measures ‖∂ℓ/∂h_t‖ in real training steps, at `train.gradflow_points` time steps of the sequence."""

    points: int | None = NUM_POINTS
    name: ClassVar[str] = "gradflow"
    row_type: ClassVar[type] = FlowRow

    @property
    def settings(self) -> dict[str, Any]:
        """`points`, as configured."""
        return {"points": self.points}

    @classmethod
    def from_options(cls, options: TrainOptions) -> GradientFlowProbe | None:
        """None with `train.gradflow=false`."""
        return cls(options.gradflow_points) if options.gradflow else None

    def why_not(self, model: SequenceClassifier) -> str | None:
        """Why this model's cell cannot be measured, or None when it can."""
        return None if isinstance(model.cell, FusedCell) else why_not_chunked(model.cell, model.encoded_size)

    def steps(self, total: int, eval_every: int) -> frozenset[int]:
        """The first step, the last one, and those before evaluations: see `probe_steps`."""
        return probe_steps(total, eval_every)

    def observe(self, model: SequenceClassifier, batch: Batch) -> Observation:
        """A fused cell runs the forward pass of the step; any other is copied before it."""
        x, _, lengths = batch
        points = flow_points(x.shape[1], self.points)
        if isinstance(model.cell, FusedCell):
            flows = [GradientFlow() for _ in range(model.cell.num_layers)]
            answer = model(x, lengths, flows)
            smallest = underflow_bound(len(x), model.cell.cell.hidden_size, answer.dtype)
            return Observation(
                answer, lambda step, _: fused_rows(flows, points, step, lengths, smallest=smallest)
            )
        kept = (x.clone(), *batch[1:])  # a cell may change its input in place
        before: Before[SequenceClassifier] | CopyError
        try:
            before = Before.now(model)
        except CopyError as reason:
            before = reason

        def rows(step: int, answer: Tensor) -> list[FlowRow]:
            if isinstance(before, CopyError):
                raise NotMeasuredError(str(before)) from before
            return flow_rows(flow_beside(before, kept, answer, points), step, lengths)

        return Observation(None, rows)

    def summary(self, rows: Sequence[FlowRow], task: Task, history: History) -> dict[str, Any]:
        """The columns `gradflow_*`, see `flow_columns`; empty where the sequences differ in length."""
        equally_long = bool((task.train.lengths == task.spec.seq_len).all())
        rows = rows if equally_long else ()  # t is then equally far from every sequence's end
        steps = {row.step for row in rows} | history.left_out.get(self.name, {}).keys()
        probed = {
            "init": min(steps, default=None),
            "best": nearest_step(steps, history.best_step),
            "end": max(steps, default=None),
        }
        return flow_columns(
            {moment: top_curve(rows, step, task.spec.seq_len) for moment, step in probed.items()}
        )

    def covers(self, recorded: Mapping[str, Any]) -> bool:
        """Whether the recorded table has at least as many points; without `points`, it has all."""
        there = recorded.get("points")
        if there is None or self.points is None:
            return there is None
        return isinstance(there, int) and there >= self.points


def flow_points(seq_len: int, num_points: int | None = NUM_POINTS) -> list[int]:
    """Time steps from 0 to seq_len − 1, evenly spread; all of them for None or for a short sequence.

    >>> flow_points(5), flow_points(100, 4)
    ([0, 1, 2, 3, 4], [0, 33, 66, 99])
    """
    count = seq_len if num_points is None else min(seq_len, num_points)
    if count == 1:
        return [seq_len - 1]
    return [round(k * (seq_len - 1) / (count - 1)) for k in range(count)]


def probe_steps(total: int, every: int, most: int = MAX_STEPS) -> frozenset[int]:
    """The training steps to measure: the first, the last, and those before evaluations.

    Of more than `most` evaluations only every second, third, … counts, which bounds the cost.

    >>> sorted(probe_steps(10, 4)), sorted(probe_steps(100, 1, most=4))
    ([1, 4, 8, 10], [1, 25, 50, 75, 100])
    """
    count = math.ceil(total / every)
    numbers = range(count, 0, -math.ceil(count / most))  # of the evaluations, the last one first
    return frozenset((1, *(min(number * every, total) for number in numbers)))


def underflow_bound(batch_size: int, hidden_size: int, dtype: torch.dtype) -> float:
    """The largest norm that an exact 0 can stand for: every number was below the smallest normal one.

    The loss is a mean over the batch, so that ∂ℓ_b/∂h = B ∂L/∂h of sequence b. Denormals are flushed to zero
    in training (`training.process`); where they are not, 0 stands for less.

    >>> underflow_bound(100, 64, torch.float32) == 100 * 8 * 2.0**-126
    True
    """
    return batch_size * math.sqrt(hidden_size) * torch.finfo(dtype).tiny


def fused_rows(
    flows: Sequence[GradientFlow],
    points: Sequence[int],
    step: int,
    lengths: Tensor | None = None,
    *,
    smallest: float,
) -> list[FlowRow]:
    """The rows that `flow_rows` gives, from the sums that a fused cell recorded in its backward pass.

    `smallest` is the `underflow_bound` of a batch without padding.
    """
    rows = []
    for layer, flow in enumerate(flows):
        for t in points:
            running = _share_running(lengths, t)
            for state, norms in (("h", flow.h), ("c", flow.c)):
                if running > 0 and len(norms):
                    rows.append(_row(step, layer, state, t, float(norms[t]), smallest, running))
    return rows


def flow_rows(ends: Sequence[ChunkEnd], step: int, lengths: Tensor | None = None) -> list[FlowRow]:
    """The rows of a training step, after the backward pass of a loss that is the mean over the batch.

    `norm` is the mean over the sequences b of ‖∂ℓ_b/∂h_t‖, ℓ_b the loss of sequence b alone, and so does
    not depend on the batch size. With `lengths` (B,) the mean is over the sequences that have not ended at t;
    a t at which all have ended has no row.
    """
    rows = []
    for end in ends:
        running = _share_running(lengths, end.t)
        if running == 0:
            continue
        for state, grad_BH in (("h", end.grad_h()), ("c", end.grad_c())):
            if grad_BH is not None:
                smallest = underflow_bound(len(grad_BH), grad_BH.shape[1], grad_BH.dtype)
                total = _sum_of_norms(grad_BH)
                rows.append(_row(step, end.layer, state, end.t, total, smallest, running))
    return rows


def top_curve(rows: Sequence[FlowRow], step: int | None, seq_len: int) -> FlowCurve | None:
    """The curve of ‖∂ℓ/∂h_t‖ in the top layer at a probed step, or None: see `make_curve`."""
    top = max((row.layer for row in rows), default=0)
    chosen = [row for row in rows if (row.step, row.layer, row.state) == (step, top, "h")]
    return make_curve(((row.t, row.norm, row.at_most) for row in chosen), seq_len)


def _share_running(lengths: Tensor | None, t: int) -> float:
    """Share of the sequences that have not ended at t."""
    return 1.0 if lengths is None else float((lengths > t).double().mean())


def _sum_of_norms(grad_BH: Tensor) -> float:
    """Σ_b ‖∂L/∂h_b‖ of a mean loss L, which is the mean over b of ‖∂ℓ_b/∂h_b‖."""
    return float(grad_BH.double().norm(dim=1).sum())  # squares of small float32 numbers would underflow


def _row(step: int, layer: int, state: str, t: int, total: float, smallest: float, running: float) -> FlowRow:
    """A row from a sum over the batch and its bound; `running` is the share of sequences not ended at t."""
    norm = total / running
    log10_norm = -math.inf if norm == 0 else math.log10(norm) if norm > 0 else math.nan
    at_most = smallest / running if norm == 0 else None
    return FlowRow(
        step=step, layer=layer, state=state, t=t, norm=norm, log10_norm=log10_norm, at_most=at_most
    )
