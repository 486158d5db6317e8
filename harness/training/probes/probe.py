"""What a probe is: something that is measured beside training, and a table for it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple, Protocol, Self

from torch import Tensor

from harness.tasks import Task
from harness.training.history import History
from harness.training.model import SequenceClassifier
from harness.training.options import TrainOptions


class Observation(NamedTuple):
    """One measurement, begun in the forward pass of a training step."""

    answer: Tensor | None
    """The model's answer, when the probe ran the forward pass of the step itself; else None."""
    rows: Callable[[int], Sequence[Any]]
    """From the number of the training step to the rows; called after the backward pass, before clipping."""


class Probe(Protocol):
    """A measurement beside training. A new one is one file, and one line in `PROBES`.

    A probe leaves parameters, buffers and random generators as they are. Its forward pass may take the place
    of the step's own (`Observation.answer`); of the probes of one step at most one can do that.

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

    def steps(self, total: int, eval_every: int) -> Collection[int]:
        """The training steps, from 1 to `total`, at which to measure."""
        ...

    def observe(self, model: SequenceClassifier, x: Tensor, lengths: Tensor) -> Observation:
        """Measures one training step; called in the place of its forward pass."""
        ...

    def summary(self, rows: Sequence[Any], task: Task, history: History) -> dict[str, Any]:
        """Columns of the run's row that are computed from the table, after training."""
        ...

    def covers(self, recorded: Mapping[str, Any]) -> bool:
        """Whether a table made with the settings `recorded` holds all that this probe would measure."""
        ...
