"""The one training loop."""

from __future__ import annotations

import copy
import itertools
import logging
import math
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from harness.tasks import Split, Task
from harness.training.evaluate import evaluate
from harness.training.history import History, Stretch, divergence
from harness.training.model import SequenceClassifier, loss_of, tally
from harness.training.optimizer import Optimizer
from harness.training.options import TrainOptions
from harness.training.probes.gradient_flow import FlowRow, flow_points, probed_forward, why_unsupported

log = logging.getLogger("harness.training")

MAX_PROBES = 20
DIVERGED_FACTOR = 100.0
"""Training has diverged when its mean loss since the last evaluation, or the validation loss, is not finite
or exceeds this many times the validation loss before the first step."""

Batch = tuple[Tensor, Tensor, Tensor]


def train(
    model: SequenceClassifier,
    task: Task,
    options: TrainOptions,
    *,
    order: torch.Generator,
    device: torch.device | str = "cpu",
) -> History:
    """Trains `model` in place, and leaves it with the weights that did best on validation data.

    The test split is measured once, with those weights; not at all after a divergence. Best means the
    highest validation accuracy, then the lowest loss; for value targets the lowest loss.

    Args:
        model: on `device`.
        task: its splits may lie on the CPU; batches are moved.
        options: budget, optimiser, what to measure.
        order: draws the order of the training samples, anew in each pass.
        device: where the model is.

    Returns:
        One row an evaluation, gradient flow, best step, seconds.
    """
    device, spec = torch.device(device), task.spec
    sizes = [len(split) for split in (task.train, task.val, task.test)]  # made here, off the clock
    log.info("%d training samples, %d validation, %d test", *sizes)
    total = options.total_steps(len(task.train))
    trainer = _Trainer(model, task, options, order, device, _probes(model, task, options, total))
    history = History()
    best = _Best()
    model.train()
    for mark in evaluation_steps(total, options.eval_every):
        stretch = trainer.advance(history.steps, mark)
        start = time.perf_counter()
        val_loss, val_accuracy, _ = evaluate(model, task.val, tolerance=spec.tolerance, device=device)
        history.eval_s += time.perf_counter() - start
        epoch = (history.samples + stretch.samples) / len(task.train)
        history.add(stretch, epoch=epoch, val_loss=val_loss, val_accuracy=val_accuracy, clip=options.clip)
        log.info("step %d/%d  validation loss %.4f  accuracy %.4f", mark, total, val_loss, val_accuracy)
        history.diverged = divergence(history, stretch.losses, DIVERGED_FACTOR)
        if history.diverged:
            return history
        best.see(model, mark, (-val_loss,) if spec.target == "value" else (val_accuracy, -val_loss))
        if best.step == mark:
            history.best_step, history.val_loss, history.val_accuracy = mark, val_loss, val_accuracy
        if history.solved_step is None and spec.is_solved(val_loss, val_accuracy):
            history.solved_step = mark
        if history.solved_step is not None and options.stop_when_solved:
            break
    model.load_state_dict(best.weights)
    start = time.perf_counter()
    tested = evaluate(model, task.test, tolerance=spec.tolerance, device=device)
    history.test_loss, history.test_accuracy = tested.loss, tested.accuracy
    history.test_sequence_accuracy = tested.sequence_accuracy if spec.target == "steps" else None
    history.eval_s += time.perf_counter() - start
    return history


def evaluation_steps(total: int, every: int) -> Iterator[int]:
    """Before the first step, each `every` steps, and after the last.

    >>> list(evaluation_steps(10, 4))
    [0, 4, 8, 10]
    """
    yield from range(0, total, every)
    yield total


def probe_steps(total: int, every: int, most: int = MAX_PROBES) -> frozenset[int]:
    """The training steps whose gradient flow is measured: the first, the last, those before evaluations.

    Of more evaluations than `most`, every second, third, … one, so that the cost stays small.

    >>> sorted(probe_steps(10, 4)), sorted(probe_steps(100, 1, most=4))
    ([1, 4, 8, 10], [1, 25, 50, 75, 100])
    """
    count = math.ceil(total / every)
    numbers = range(count, 0, -math.ceil(count / most))  # of the evaluations, the last one first
    return frozenset((1, *(min(number * every, total) for number in numbers)))


def endless_batches(
    samples: Callable[[int], Split], batch_size: int, order: torch.Generator
) -> Iterator[Batch]:
    """Pass after pass over `samples(0)`, `samples(1)`, …, each in an order of its own."""
    for epoch in itertools.count():
        yield from samples(epoch).batches(batch_size, order)


def clip_gradient(parameters: Sequence[nn.Parameter], clip: float | None) -> Tensor:
    """Scales the gradient down to the global norm `clip`, if that is one; returns its norm before that.

    As `torch.nn.utils.clip_grad_norm_` does it, with less around it for the few parameters of one device.
    """
    grads = [parameter.grad for parameter in parameters if parameter.grad is not None]
    norm = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(grad) for grad in grads]))
    if clip is not None:
        scale = (clip / (norm + 1e-6)).clamp(max=1.0)  # 1e-6: torch's, against a norm of 0
        for grad in grads:
            grad.mul_(scale)
    return norm


def _probes(model: SequenceClassifier, task: Task, options: TrainOptions, total: int) -> frozenset[int]:
    if not options.gradflow:
        return frozenset()
    reason = why_unsupported(model.cell, model.encoded_size)
    if reason is not None:
        log.warning("gradient flow is not measured: %s", reason)
        return frozenset()
    return probe_steps(total, options.eval_every)


class _Trainer:
    """Model, optimiser and the stream of batches, moved on a stretch of steps at a time."""

    def __init__(
        self,
        model: SequenceClassifier,
        task: Task,
        options: TrainOptions,
        order: torch.Generator,
        device: torch.device,
        probes: Collection[int],
    ):
        self.model, self.task, self.options = model, task, options
        self.device, self.probes = device, probes
        self.building = 0.0
        self.tolerance = task.spec.tolerance
        self.points = flow_points(task.spec.seq_len, options.gradflow_points)
        self.optimizer = Optimizer(model.parameters(), options)
        self.batches = endless_batches(self._samples, options.batch_size, order)

    def advance(self, done: int, mark: int) -> Stretch:
        """Takes steps `done` + 1 to `mark`. On the clock, a probed step counts as an ordinary one."""
        losses, norms, tallies, samples = [], [], [], 0
        flow: list[FlowRow] = []
        probing, num_probed, built, start = 0.0, 0, self.building, self._now()
        for step in range(done + 1, mark + 1):
            x, y, lengths = (tensor.to(self.device, non_blocking=True) for tensor in next(self.batches))
            is_probe = step in self.probes
            began = self._now() if is_probe else 0.0
            self.optimizer.zero_grad()
            if is_probe:
                answer, rows_of = probed_forward(self.model, x, lengths, self.points)
            else:
                answer = self.model(x, lengths)
            loss = loss_of(answer, y)
            loss.backward()
            if is_probe:
                flow += rows_of(step)
            norms.append(clip_gradient(self.optimizer.parameters, self.options.clip))
            self.optimizer.step()
            losses.append(loss.detach())
            tallies.append(tally(answer.detach(), y, self.tolerance))
            samples += len(y)
            if is_probe:
                probing, num_probed = probing + self._now() - began, num_probed + 1
        # Numbers leave the device once a stretch, inside the clock: this waits for the last step to end.
        loss_list, norm_list = (torch.stack(column).tolist() if column else [] for column in (losses, norms))
        labels, right, _ = torch.stack(tallies).sum(0).tolist() if tallies else (0, 0, 0)
        seconds = self._now() - start - (self.building - built)
        if 0 < num_probed < mark - done:
            seconds = (seconds - probing) * (mark - done) / (mark - done - num_probed)
        return Stretch(loss_list, norm_list, labels, right, samples, seconds, flow)

    def _samples(self, epoch: int) -> Split:
        """The training samples of a pass; making fresh ones is off the clock."""
        start = self._now()
        split = self.task.epoch(epoch)
        self.building += self._now() - start
        return split

    def _now(self) -> float:
        """Seconds on the clock, once the device has done what it was given."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return time.perf_counter()


@dataclass
class _Best:
    """The weights of the best evaluation so far."""

    step: int | None = None
    merit: tuple[float, ...] = ()
    weights: dict[str, Any] = field(default_factory=dict)

    def see(self, model: SequenceClassifier, step: int, merit: tuple[float, ...]) -> None:
        """Keeps a copy of the weights if `merit` is higher than ever before."""
        if self.step is None or merit > self.merit:
            self.step, self.merit, self.weights = step, merit, copy.deepcopy(model.state_dict())
