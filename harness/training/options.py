"""How to train: the part of a run's config that is about optimization and measuring."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from harness.tasks.common.arguments import one_of, whole_number

OPTIMIZERS = ("adam", "adamw", "rmsprop", "sgd")
SCHEDULES = ("constant", "cosine", "warmup_cosine")
EVALUATIONS = 20
"""Evaluations after the first step, where `eval_every` is not given."""
NUM_POINTS = 16
"""Time steps of a sequence at which gradient flow is recorded by default."""


def outside_identity(default: Any) -> Any:
    """A field that does not decide a run's numbers: a change of it makes no other run."""
    return field(default=default, metadata={"identity": False})


def neutral(default: Any, *, value: Any) -> Any:
    """A field added after 0.2; `value` is the behaviour before it existed and enters no run's identity.

    The default may change later; `value` never.
    """
    return field(default=default, metadata={"neutral": value})


@dataclass(frozen=True)
class TrainOptions:
    """Optimizer, budget and how often to measure.

    Raises:
        ValueError: a value is outside its range; the message names it by its config key.
    """

    steps: int | None = 1000
    """Training steps; `epochs`, when set, takes their place."""
    epochs: int | None = None
    """Passes over the training samples."""
    batch_size: int = 100
    """Sequences in a step; the last step of a pass may have fewer."""
    optimizer: str = "adam"
    """One of `OPTIMIZERS`; `sgd` has momentum 0.9. Otherwise with torch's defaults."""
    lr: float = 1e-3
    """Learning rate."""
    schedule: str = neutral("constant", value="constant")
    """One of `SCHEDULES`: how the learning rate changes over the whole budget, see `schedule.lr_factor`."""
    weight_decay: float = 0.0
    """L2 penalty, as torch's optimizer applies it; `adamw` decays the weights beside the gradient."""
    clip: float | None = 1.0
    """The global gradient norm above which the gradient is scaled down to it; None: never."""
    eval_every: int | None = None
    """Steps between evaluations; there is one before the first step and one after the last.

    None: a twentieth of the training's steps, rounded up. With `steps` it is set to that number here; with
    `epochs` it stays None, since the number of steps depends on the data, see `steps_between_evaluations`.
    """
    stop_when_solved: bool = False
    """End at the first evaluation at which validation meets the task's threshold."""
    max_minutes: float | None = outside_identity(None)
    """Minutes after which the run is ended from outside, all its attempts together; None: never."""
    checkpoint_minutes: float | None = outside_identity(5.0)
    """Minutes between the checkpoints from which a run that was stopped or killed resumes; None: none."""
    probes: bool = outside_identity(True)
    """False switches all probes off."""
    gradflow: bool = outside_identity(True)
    """Measure the gradient flow at the first step and at evaluations."""
    gradflow_points: int | None = outside_identity(NUM_POINTS)
    """Time steps of a sequence at which it is recorded, evenly spread; None: all."""
    gates: bool | None = outside_identity(None)
    """Measure the gates before and after training. None: of runs that are made, yes; but a finished run
    without them is not made again."""
    jacobian: bool = outside_identity(False)
    """Measure Jacobians of the states and the largest Lyapunov exponent, before and after training."""

    def __post_init__(self) -> None:
        if self.epochs is not None:
            whole_number("train.epochs", self.epochs)
            object.__setattr__(self, "steps", None)  # one budget, so that the same run has one config
        elif self.steps is None:
            raise ValueError("train.steps and train.epochs are both empty; set one of them, at least 1")
        else:
            whole_number("train.steps", self.steps)
            if self.eval_every is None:
                object.__setattr__(self, "eval_every", math.ceil(self.steps / EVALUATIONS))
        whole_number("train.batch_size", self.batch_size)
        if self.eval_every is not None:
            whole_number("train.eval_every", self.eval_every)
        if self.gradflow_points is not None:
            whole_number("train.gradflow_points", self.gradflow_points)
        one_of("train.optimizer", self.optimizer, OPTIMIZERS)
        if self.optimizer == "adamw" and self.weight_decay == 0:
            raise ValueError(
                "train.optimizer=adamw without train.weight_decay is adam; set a decay above 0, such as 0.01"
            )
        one_of("train.schedule", self.schedule, SCHEDULES)
        _above_zero("train.lr", self.lr, usual=0.001)
        if self.clip is not None:
            _above_zero("train.clip", self.clip, usual=1.0)
        if self.max_minutes is not None:
            _above_zero("train.max_minutes", self.max_minutes, usual=60)
        if self.checkpoint_minutes is not None:
            _above_zero("train.checkpoint_minutes", self.checkpoint_minutes, usual=5)
        if not (math.isfinite(self.weight_decay) and self.weight_decay >= 0):
            raise ValueError(
                f"train.weight_decay must be at least 0, not {self.weight_decay}; the nearest is 0"
            )

    def total_steps(self, n_train: int) -> int:
        """Training steps of the whole budget, for `n_train` training samples."""
        if self.epochs is not None:
            return self.epochs * math.ceil(n_train / self.batch_size)
        assert self.steps is not None  # __post_init__ has seen to it
        return self.steps

    def steps_between_evaluations(self, n_train: int) -> int:
        """`eval_every`, or a twentieth of the whole budget, rounded up, where it is None.

        >>> TrainOptions(epochs=2, batch_size=10).steps_between_evaluations(205)
        3
        """
        return self.eval_every or math.ceil(self.total_steps(n_train) / EVALUATIONS)


def _above_zero(name: str, value: float, *, usual: float) -> None:
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"{name} must be a number above 0, not {value}; a common choice is {usual}")
