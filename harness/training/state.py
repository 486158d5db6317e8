"""A training at any step: everything that decides how it continues, which can be saved and loaded."""

from __future__ import annotations

import copy
import functools
from dataclasses import dataclass, field, fields
from typing import Any, Self

import torch

from harness.cells.random_state import random_state, restore_random_state
from harness.tasks import Split, Task
from harness.training.evaluate import fixed_subset
from harness.training.history import History, Segment
from harness.training.model import SequenceClassifier
from harness.training.optimizer import Optimizer
from harness.training.options import TrainOptions
from harness.training.probes import PROBES, Probe, asked_probes
from harness.training.sample_stream import SampleStream


@dataclass
class BestWeights:
    """The weights of the best evaluation so far; best is the largest `merit`, the first of equal ones."""

    step: int | None = None
    merit: tuple[float, ...] = ()
    samples: int = 0
    """Validation samples on which `merit` was measured."""
    weights: dict[str, Any] = field(default_factory=dict)

    def offer(self, model: SequenceClassifier, step: int, merit: tuple[float, ...], samples: int) -> bool:
        """Keeps a copy of the weights if `merit` is larger than all before; returns whether it is."""
        if self.step is not None and not merit > self.merit:
            return False
        self.step, self.merit, self.samples = step, merit, samples
        self.weights = copy.deepcopy(model.state_dict())
        return True

    def state_dict(self) -> dict[str, Any]:
        """Tensors, numbers, lists and dicts only."""
        state = {name: getattr(self, name) for name in ("step", "samples", "weights")}
        return state | {"merit": list(self.merit)}

    @classmethod
    def from_state_dict(cls, state: dict[str, Any]) -> BestWeights:
        """The best weights that `state_dict` describes, as copies."""
        weights = copy.deepcopy(state["weights"])
        return cls(state["step"], tuple(state["merit"]), state["samples"], weights)


@dataclass
class TrainingState:
    """Model, optimizer, position in the sample stream, history, best weights, and the random generators.

    `task`, `options` and `probes` are constants of the training and are not saved. Training stopped after any
    step, saved, and loaded in a fresh process ends with the same bits. Not saved are what a third-party
    module keeps outside its parameters, buffers and `get_extra_state`, and the generator of cuDNN, which
    draws the dropout between stacked layers on CUDA (measured: other masks after loading).
    """

    model: SequenceClassifier
    task: Task
    options: TrainOptions
    device: torch.device
    probes: tuple[Probe, ...]
    optimizer: Optimizer
    stream: SampleStream
    history: History = field(default_factory=History)
    segment: Segment = field(default_factory=Segment)
    best: BestWeights = field(default_factory=BestWeights)

    @classmethod
    def begin(
        cls,
        model: SequenceClassifier,
        task: Task,
        options: TrainOptions,
        *,
        order: torch.Generator,
        device: torch.device | str = "cpu",
    ) -> Self:
        """The state before the first step; arguments as of `train`."""
        history, probes = History(), []
        for probe in asked_probes(options):
            reason = probe.why_not(model)
            history.probes[probe.name] = []
            if reason is None:
                probes.append(probe)
            else:
                history.notes[probe.name] = reason
        optimizer = Optimizer(model.parameters(), options)
        stream = SampleStream(task, options.batch_size, order)
        place = torch.device(device)
        return cls(model, task, options, place, tuple(probes), optimizer, stream, history=history)

    @property
    def step(self) -> int:
        """Training steps made."""
        return self.history.steps + len(self.segment)

    @property
    def total_steps(self) -> int:
        """Training steps of the whole budget."""
        return self.options.total_steps(len(self.task.train))

    @property
    def eval_every(self) -> int:
        """Steps between evaluations."""
        return self.options.steps_between_evaluations(len(self.task.train))

    @functools.cached_property
    def val_subset(self) -> Split:
        """The validation samples of all evaluations but the last."""
        return fixed_subset(self.task.val)

    @property
    def next_evaluation(self) -> int | None:
        """The step of the next evaluation: 0, each `eval_every`, the last; None: the training is over.

        It is over when the budget is spent, on divergence, or once solved with `stop_when_solved`.
        """
        if not self.history.evals:
            return 0
        last, total = self.history.evals[-1].step, self.total_steps
        solved = self.options.stop_when_solved and self.history.solved_step is not None
        if last >= total or self.history.diverged or solved:
            return None
        return min(last + self.eval_every, total)

    def state_dict(self) -> dict[str, Any]:
        """Tensors, numbers, text, lists and dicts, which `torch.load(…, weights_only=True)` reads.

        They are those of the training, not copies: save them before the next step.
        """
        return {
            "of": self._description(),
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "stream": self.stream.state_dict(),
            "history": self.history.state_dict(),
            "segment": self.segment.state_dict(),
            "best": self.best.state_dict(),
            "random": random_state(),
        }

    def _description(self) -> dict[str, str]:
        """What decides how a training continues and is not saved, in words: a state fits only the same."""
        options = {item.name: getattr(self.options, item.name) for item in fields(self.options)
                   if item.metadata.get("identity") is not False}  # fmt: skip
        return {
            "model": str(self.model),
            "task": str(self.task.spec),
            "training samples": self.task.train.fingerprint,
            "options": str(options),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes over a saved state, the random generators of the process included.

        Args:
            state: of a training with the same model, task and options; probes may differ.

        Raises:
            ValueError: the state is of another training; the message names what differs.
        """
        here, there = self._description(), state["of"]
        differs = [name for name in here if here[name] != there.get(name)]
        if differs:
            of_both = "; ".join(f"{name}: {there.get(name)} there, {here[name]} here" for name in differs)
            raise ValueError(
                f"the saved state is of another training ({of_both}); load it with the same config"
            )
        self.model.load_state_dict(state["model"])
        self.model.train()
        self.optimizer.load_state_dict(state["optimizer"])
        self.stream.load_state_dict(state["stream"])
        row_types = {probe.name: probe.row_type for probe in PROBES}
        asked: dict[str, list[Any]] = {probe.name: [] for probe in asked_probes(self.options)}
        self.history = History.from_state_dict(state["history"], row_types)
        self.history.probes = asked | self.history.probes
        self.segment = Segment.from_state_dict(state["segment"], self.device)
        self.best = BestWeights.from_state_dict(state["best"])
        restore_random_state(state["random"])
