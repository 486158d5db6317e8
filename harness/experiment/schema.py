"""The keys of a run's config, their types and defaults, and which of them are part of a run's identity."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from harness.tasks.common.arguments import whole_number
from harness.training.options import TrainOptions, neutral, outside_identity


@dataclass(frozen=True)
class TimingOptions:
    """How long `harness time` measures.

    Raises:
        ValueError: a value is outside its range; the message names it by its config key.
    """

    rounds: int = 7
    """Visits to each configuration; medians and quartiles are over them."""
    min_seconds: float = 0.1
    """A visit repeats its step until it has lasted this long."""
    warmup: int = 10
    """Steps of each configuration before the first round."""
    like_for_like: bool = False
    """Run all cells on torch's kernels without oneDNN, which has a fused kernel for the LSTM alone."""

    def __post_init__(self) -> None:
        whole_number("timing.rounds", self.rounds, low=3, high=10_000)  # fewer have no quartiles
        whole_number("timing.warmup", self.warmup, low=10, high=10_000)
        if not 0 < self.min_seconds <= 60:
            raise ValueError(
                f"timing.min_seconds must be above 0 and at most 60 seconds, not {self.min_seconds}; "
                "the usual is 0.1"
            )


@dataclass
class ModelOptions:
    """The model around the cell."""

    embedding_size: int | None = None
    """Features of a learned embedding of tokens; None: one-hot."""
    readout: str = neutral("last", value="last")
    """What the head reads: `last` (the last valid step), `mean` or `max` (over the valid steps), or `all`."""


@dataclass
class Schema:
    """A run's config; `task`, `cell` and `init` are filled by their yaml files.

    A field made by `outside_identity` says where a run takes place or what is recorded of it. A field added
    after 0.2 is made by `neutral` and enters a run's identity only when it differs from its neutral value.
    """

    task: Any = None
    cell: Any = None
    init: Any = neutral(None, value={"name": "torch"})  # noqa: RUF009
    model: ModelOptions = field(default_factory=ModelOptions)
    match_params: int | None = neutral(None, value=None)
    """Trained parameters for which each cell's hidden size is chosen; None: `cell.hidden_size` holds."""
    train: TrainOptions = field(default_factory=TrainOptions)
    timing: TimingOptions = field(default_factory=TimingOptions, metadata={"identity": False})
    seed: int = 1
    stage: str = neutral("final", value="final")
    tune: Any = outside_identity(None)  # noqa: RUF009
    results_dir: str = outside_identity("results")
    data_dir: str | None = outside_identity(None)
    threads: int = outside_identity(1)
    kernel: str = "auto"
    tf32: bool = neutral(False, value=False)
    keep_memory: bool = outside_identity(True)
    device: str = "cpu"
    keep_weights: bool = outside_identity(False)
    rerun: bool = outside_identity(False)
