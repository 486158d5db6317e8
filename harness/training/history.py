"""What a training leaves: rows for its tables, the best step, the clock."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from harness.training.probes.gradient_flow import FlowRow


class EvalRow(NamedTuple):
    """One evaluation, and means over the training steps since the one before (None at step 0)."""

    step: int
    epoch: float
    train_loss: float | None
    train_accuracy: float | None
    val_loss: float
    val_accuracy: float
    grad_norm_mean: float | None
    grad_norm_max: float | None
    clip_rate: float | None
    samples_per_s: float | None
    train_s: float


@dataclass(frozen=True)
class Stretch:
    """The training steps between two evaluations: one loss and one gradient norm each."""

    losses: Sequence[float] = ()
    norms: Sequence[float] = ()
    labels: int = 0
    right: int = 0
    samples: int = 0
    seconds: float = 0.0
    flow: Sequence[FlowRow] = ()


@dataclass
class History:
    """Everything that a training measured. Losses in nats or squared error, accuracies 0 to 1, times in s."""

    evals: list[EvalRow] = field(default_factory=list)
    flow: list[FlowRow] = field(default_factory=list)
    norms: list[float] = field(default_factory=list)
    """The gradient norm before clipping, one a step."""
    samples: int = 0
    train_s: float = 0.0
    eval_s: float = 0.0
    best_step: int | None = None
    val_loss: float | None = None
    val_accuracy: float | None = None
    test_loss: float | None = None
    test_accuracy: float | None = None
    test_sequence_accuracy: float | None = None
    """Share of the sequences whose labels are all right; None where a sequence has one label."""
    solved_step: int | None = None
    diverged: str | None = None
    """Why the training counts as diverged, or None."""

    @property
    def steps(self) -> int:
        """Training steps made."""
        return len(self.norms)

    def add(
        self, stretch: Stretch, *, epoch: float, val_loss: float, val_accuracy: float, clip: float | None
    ) -> None:
        """Closes a stretch of training steps with the evaluation that followed it."""
        self.norms += stretch.norms
        self.flow += stretch.flow
        self.samples += stretch.samples
        self.train_s += stretch.seconds
        row = EvalRow(
            step=self.steps,
            epoch=epoch,
            train_loss=mean(stretch.losses),
            train_accuracy=stretch.right / stretch.labels if stretch.labels else None,
            val_loss=val_loss,
            val_accuracy=val_accuracy,
            grad_norm_mean=mean(stretch.norms),
            grad_norm_max=max(stretch.norms, default=None),
            clip_rate=clip_rate(stretch.norms, clip),
            samples_per_s=stretch.samples / stretch.seconds
            if stretch.samples and stretch.seconds > 0
            else None,
            train_s=self.train_s,
        )
        self.evals.append(row)


def mean(values: Sequence[float]) -> float | None:
    """The mean, not finite if one of the values is not; None of nothing."""
    return sum(values) / len(values) if values else None


def clip_rate(norms: Sequence[float], clip: float | None) -> float | None:
    """Share of steps whose gradient norm was above `clip`; 0 without clipping, None without steps.

    >>> clip_rate([0.5, 2.0, 3.0, 1.0], 1.0)
    0.5
    """
    if not norms:
        return None
    return 0.0 if clip is None else sum(not norm <= clip for norm in norms) / len(norms)


def divergence(history: History, losses: Sequence[float], factor: float) -> str | None:
    """Why training has diverged, or None: a loss is not finite, or over `factor` times that at the start."""
    now, start = history.evals[-1], history.evals[0]
    for name, loss in (("training", mean(losses)), ("validation", now.val_loss)):
        if loss is None:
            continue
        if not math.isfinite(loss):
            return f"{name} loss is {loss} at step {now.step}"
        if loss > factor * start.val_loss:
            limit = f"{factor:g} times the {start.val_loss:.3g} at the start"
            return f"{name} loss {loss:.3g} at step {now.step} is over {limit}"
    return None
