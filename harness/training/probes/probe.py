"""What a probe is: something that is measured beside training, and a table for it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple, Protocol, Self, runtime_checkable

from torch import Tensor

from harness.tasks import Split, Task
from harness.training.history import History
from harness.training.model import SequenceClassifier
from harness.training.options import TrainOptions
from harness.training.step import Batch

MOMENTS = ("init", "best", "end")
"""Of a training: before the first step, the best step, the last one."""


class NotMeasuredError(Exception):
    """Raised by the `rows` of an `Observation` that cannot be true; the message says why, and is recorded."""


class Observation(NamedTuple):
    """One measurement, begun before the forward pass of a training step."""

    answer: Tensor | None
    """The model's answer, when the probe ran the forward pass of the step itself; else None."""
    rows: Callable[[int, Tensor], Sequence[Any]]
    """From the number of the training step and the model's answer to the rows; called after the backward
    pass, before clipping. It may raise `NotMeasuredError`."""


class Probe(Protocol):
    """A measurement beside training, a `StepProbe` or a `MomentProbe`. A new one is one file, and one line in
    `PROBES`.

    A probe leaves parameters, buffers and random generators as they are.

    Attributes:
        name: of the probe and of its table: `NAME.csv` in the run's folder.
        row_type: dataclass of a row; its fields, made by `results.schema.column`, are the table's columns.
        settings: how densely it measures, recorded with the table.
    """

    name: ClassVar[str]
    row_type: ClassVar[type]

    @property
    def settings(self) -> dict[str, Any]:
        """What `covers` compares; plain values that JSON can hold."""
        ...

    @classmethod
    def from_options(cls, options: TrainOptions) -> Self | None:
        """The probe that the config asks for, or None when it is switched off."""
        ...

    def why_not(self, model: SequenceClassifier) -> str | None:
        """Why this model cannot be measured, or None when it can."""
        ...

    def summary(self, rows: Sequence[Any], task: Task, history: History) -> dict[str, Any]:
        """Columns of the run's row that are computed from the table, after training."""
        ...

    def covers(self, recorded: Mapping[str, Any]) -> bool:
        """Whether a table made with the settings `recorded` holds all that this probe would measure."""
        ...


@runtime_checkable
class StepProbe(Probe, Protocol):
    """Measures in training steps.

    Its forward pass may take the place of the step's own (`Observation.answer`); of the probes of one step at
    most one can do that.
    """

    def steps(self, total: int, eval_every: int) -> Collection[int]:
        """The training steps, from 1 to `total`, at which to measure."""
        ...

    def observe(self, model: SequenceClassifier, batch: Batch) -> Observation:
        """Begins to measure one training step; called before its forward pass, with its x, y and lengths."""
        ...


@runtime_checkable
class MomentProbe(Probe, Protocol):
    """Measures the model between training steps, at each of `MOMENTS`, on validation samples.

    A training that diverged is measured at its start only.

    Attributes:
        required: whether a finished run that lacks the table has to be made again; not so where the probe is
            on by default and was added later, since an upgrade repeats no finished run.
    """

    @property
    def required(self) -> bool:
        """See the class."""
        ...

    def measure(self, model: SequenceClassifier, val: Split, moment: str, step: int) -> Sequence[Any]:
        """The rows of one moment.

        Args:
            model: with the weights of the moment, in any mode, which stays.
            val: the validation samples, which may lie on the CPU.
            moment: one of `MOMENTS`.
            step: training steps made with these weights.
        """
        ...
