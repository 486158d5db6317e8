"""What a training measured: rows of its tables, the best step, both clocks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import torch
from torch import Tensor

from harness.results.schema import EvalRow
from harness.training.clock import Seconds

DIVERGED_FACTOR = 100.0
"""Training has diverged when its mean loss since the last evaluation, or the validation loss, is not finite
or exceeds this many times the validation loss before the first step."""


@dataclass
class Segment:
    """The training steps since the last evaluation; tensors stay on the device until it is closed."""

    losses: list[Tensor] = field(default_factory=list)
    """Scalars, one a step."""
    norms: list[Tensor] = field(default_factory=list)
    """Scalars, one a step: gradient norm before clipping."""
    counts: list[Tensor] = field(default_factory=list)
    """(3,), one a step, see `count_right`."""
    samples: int = 0
    spent: Seconds = field(default_factory=Seconds)
    """Of all steps, probed ones included, without building samples."""
    probed: int = 0
    """Steps at which a probe measured."""
    spent_probed: Seconds = field(default_factory=Seconds)
    """Of these steps."""

    def __len__(self) -> int:
        return len(self.losses)

    @property
    def training(self) -> Seconds:
        """The duration of the steps, in which a probed step counts as an ordinary one."""
        if 0 < self.probed < len(self):
            return (self.spent - self.spent_probed) * (len(self) / (len(self) - self.probed))
        return self.spent

    def state_dict(self) -> dict[str, Any]:
        """Tensors and numbers only."""
        state = {name: getattr(self, name) for name in ("losses", "norms", "counts", "samples", "probed")}
        return state | {"spent": asdict(self.spent), "spent_probed": asdict(self.spent_probed)}

    @classmethod
    def from_state_dict(cls, state: dict[str, Any], device: torch.device) -> Segment:
        """The segment that `state_dict` describes, on `device`."""
        losses, norms, counts = (
            [t.to(device) for t in state[name]] for name in ("losses", "norms", "counts")
        )
        spent, spent_probed = Seconds(**state["spent"]), Seconds(**state["spent_probed"])
        return cls(losses, norms, counts, state["samples"], spent, state["probed"], spent_probed)


@dataclass
class History:
    """Everything that a training measured. Losses in nats or squared error, accuracies 0 to 1, times in s."""

    evals: list[EvalRow] = field(default_factory=list)
    probes: dict[str, list[Any]] = field(default_factory=dict)
    """Rows of each probe's table, by the probe's name."""
    notes: dict[str, str] = field(default_factory=dict)
    """Why a probe did not measure this training, by its name."""
    left_out: dict[str, dict[int, str]] = field(default_factory=dict)
    """Why a probe has no rows of a training step, by its name and the step."""
    norms: list[float] = field(default_factory=list)
    """The gradient norm before clipping, one a step."""
    samples: int = 0
    train_s: float = 0.0
    train_cpu_s: float = 0.0
    eval_s: float = 0.0
    best_step: int | None = None
    val_loss: float | None = None
    val_accuracy: float | None = None
    test_loss: float | None = None
    test_accuracy: float | None = None
    test_sequence_accuracy: float | None = None
    """Share of the sequences whose labels are all right; None where a sequence has one label."""
    solved_step: int | None = None
    first_nonfinite_step: int | None = None
    """The first training step whose loss or gradient norm is not finite, or None."""
    diverged: str | None = None
    """Why the training counts as diverged, or None."""

    @property
    def steps(self) -> int:
        """Training steps made, up to the last evaluation."""
        return len(self.norms)

    def note_of(self, probe: str) -> str | None:
        """Why the table of a probe is empty or incomplete; None where it is complete."""
        left_out = self.left_out.get(probe)
        if not left_out:
            return self.notes.get(probe)
        first, *others = sorted(left_out)
        more = f"; so at {len(others)} more steps, up to step {others[-1]}" if others else ""
        return f"not measured at step {first}: {left_out[first]}{more}"

    def close(
        self,
        segment: Segment,
        *,
        n_train: int,
        val_loss: float,
        val_accuracy: float,
        val_samples: int,
        clip: float | None,
    ) -> None:
        """Adds a segment of training steps and the evaluation that followed it."""
        # Numbers leave the device once a segment; the loop has waited for the last step on the clock.
        losses, norms = (torch.stack(c).tolist() if c else [] for c in (segment.losses, segment.norms))
        labels, right, _ = torch.stack(segment.counts).sum(0).tolist() if segment.counts else (0, 0, 0)
        spent = segment.training
        if self.first_nonfinite_step is None:
            self.first_nonfinite_step = first_nonfinite(losses, norms, self.steps)
        self.norms += norms
        self.samples += segment.samples
        self.train_s += spent.wall
        self.train_cpu_s += spent.cpu
        row = EvalRow(
            step=self.steps,
            epoch=self.samples / n_train,
            train_loss=mean(losses),
            train_accuracy=right / labels if labels else None,
            val_loss=val_loss,
            val_accuracy=val_accuracy,
            grad_norm_mean=mean(norms),
            grad_norm_max=largest(norms),
            clip_rate=clip_rate(norms, clip),
            samples_per_s=segment.samples / spent.wall if segment.samples and spent.wall > 0 else None,
            train_s=self.train_s,
            val_samples=val_samples,
        )
        self.evals.append(row)
        self.diverged = divergence(row, self.evals[0])
        if self.diverged and self.first_nonfinite_step is not None:
            self.diverged += (
                f"; the first loss or gradient norm not finite is that of step {self.first_nonfinite_step}"
            )

    def state_dict(self) -> dict[str, Any]:
        """Numbers, text, lists and dicts only."""
        state = {item.name: getattr(self, item.name) for item in fields(self)}
        tables = {name: [asdict(row) for row in rows] for name, rows in self.probes.items()}
        return state | {"evals": [asdict(row) for row in self.evals], "probes": tables}

    @classmethod
    def from_state_dict(cls, state: dict[str, Any], row_types: dict[str, type]) -> History:
        """The history that `state_dict` describes; `row_types` are those of the probes' tables."""
        tables = {name: [row_types[name](**row) for row in rows] for name, rows in state["probes"].items()}
        own = {"norms": list(state["norms"]), "notes": dict(state["notes"]), "probes": tables}
        own["left_out"] = {name: dict(steps) for name, steps in state.get("left_out", {}).items()}
        return cls(**state | own | {"evals": [EvalRow(**row) for row in state["evals"]]})


def mean(values: Sequence[float]) -> float | None:
    """The mean, not finite if one of the values is not; None of nothing."""
    return sum(values) / len(values) if values else None


def largest(values: Sequence[float]) -> float | None:
    """The largest of the values that are numbers, infinity included; NaN if none is, None of nothing.

    >>> largest([1.0, math.nan, math.inf]), largest([])
    (inf, None)
    """
    return max((value for value in values if not math.isnan(value)), default=math.nan) if values else None


def first_nonfinite(losses: Sequence[float], norms: Sequence[float], before: int) -> int | None:
    """The number of the first step whose loss or norm is not finite, after `before` earlier ones; or None.

    >>> first_nonfinite([1.0, 2.0, math.nan], [1.0, math.inf, math.nan], 10)
    12
    """
    pairs = enumerate(zip(losses, norms, strict=True), start=before + 1)
    return next((step for step, pair in pairs if not all(map(math.isfinite, pair))), None)


def clip_rate(norms: Sequence[float], clip: float | None) -> float | None:
    """Share of steps whose gradient norm was above `clip`; 0 without clipping, None without steps.

    >>> clip_rate([0.5, 2.0, 3.0, 1.0], 1.0)
    0.5
    """
    if not norms:
        return None
    return 0.0 if clip is None else sum(not norm <= clip for norm in norms) / len(norms)


def divergence(now: EvalRow, start: EvalRow, factor: float = DIVERGED_FACTOR) -> str | None:
    """Why training has diverged, or None: a loss is not finite, or over `factor` times that at the start."""
    for name, loss in (("training", now.train_loss), ("validation", now.val_loss)):
        if loss is None:
            continue
        if not math.isfinite(loss):
            return f"{name} loss is {loss} at step {now.step}"
        if loss > factor * start.val_loss:
            limit = f"{factor:g} times the {start.val_loss:.3g} at the start"
            return f"{name} loss {loss:.3g} at step {now.step} is over {limit}"
    return None
