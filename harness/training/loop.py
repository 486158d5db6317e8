"""The one training loop."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from harness.tasks import Task
from harness.training.clock import read_clocks
from harness.training.evaluate import evaluate
from harness.training.history import History, Segment
from harness.training.model import SequenceClassifier, count_right
from harness.training.options import TrainOptions
from harness.training.probes import Probe
from harness.training.state import TrainingState
from harness.training.step import Forward, StepResult, training_step

log = logging.getLogger("harness.training")

REVISION = 0
"""Raised when a change alters the numbers of trainings: model, order of samples, step, evaluation, choice of
the best step. 0 is neutral: it enters no run's identity."""


def train(
    model: SequenceClassifier,
    task: Task,
    options: TrainOptions,
    *,
    order: torch.Generator,
    device: torch.device | str = "cpu",
    test: bool = True,
) -> History:
    """Trains `model` in place, and leaves it with the weights that did best on validation data.

    The test split is measured once, with those weights; not at all after a divergence. Best means the
    highest validation accuracy, then the lowest loss; for value targets the lowest loss.

    Args:
        model: on `device`.
        task: its splits may lie on the CPU; batches are moved.
        options: budget, optimizer, what to measure.
        order: draws the order of the training samples, a new one for each pass.
        device: of the model.
        test: False leaves the test split unmeasured.

    Returns:
        One row an evaluation, the probes' rows, best step, seconds.
    """
    state = TrainingState.begin(model, task, options, order=order, device=device)
    continue_training(state)
    return conclude(state, test=test)


def continue_training(state: TrainingState, until: int | None = None) -> None:
    """Trains and evaluates to the end of the training, or until step `until` has been made."""
    sizes = [len(split) for split in (state.task.train, state.task.val, state.task.test)]  # off the clock
    log.info("%d training samples, %d validation, %d test", *sizes)
    for name, reason in state.history.notes.items():
        log.warning("the probe %s does not measure this run: %s", name, reason)
    at = {probe.name: probe.steps(state.total_steps, state.options.eval_every) for probe in state.probes}
    state.model.train()
    while (due := state.next_evaluation) is not None:
        limit = due if until is None else min(due, until)
        _advance(state, limit, lambda step: [probe for probe in state.probes if step in at[probe.name]])
        if state.step < due:
            return
        _evaluate_and_choose(state)


def conclude(state: TrainingState, *, test: bool = True) -> History:
    """Loads the best weights, and measures the test split with them; neither after a divergence."""
    history, spec = state.history, state.task.spec
    if history.diverged:
        return history
    state.model.load_state_dict(state.best.weights)
    if not test:
        return history
    start = read_clocks(state.device)
    tested = evaluate(state.model, state.task.test, tolerance=spec.tolerance, device=state.device)
    history.test_loss, history.test_accuracy = tested.loss, tested.accuracy
    history.test_sequence_accuracy = tested.sequence_accuracy if spec.target == "steps" else None
    history.eval_s += (read_clocks(state.device) - start).wall
    return history


def _advance(state: TrainingState, to: int, due_probes: Callable[[int], Sequence[Probe]]) -> None:
    """Makes the training steps up to number `to`, on the clock; building samples is off the clock."""
    segment, device = state.segment, state.device
    start, built = read_clocks(device), state.stream.building
    for step in range(state.step + 1, to + 1):
        batch = state.stream.next()
        x, y, lengths = (tensor.to(device, non_blocking=True) for tensor in batch)
        probes = due_probes(step)
        began = read_clocks(device) if probes else None  # after building samples, which is subtracted below
        result = _make_step(state, (x, y, lengths), step, probes)
        segment.losses.append(result.loss)
        segment.norms.append(result.norm)
        segment.counts.append(count_right(result.answer, y, state.task.spec.tolerance))
        segment.samples += len(y)
        if began is not None:
            segment.probed += 1
            segment.spent_probed += read_clocks(device) - began
    if segment.losses:
        segment.losses[-1].item()  # on the clock: waits for the last step to end
    segment.spent += read_clocks(device) - start - (state.stream.building - built)


def _make_step(
    state: TrainingState, batch: tuple[Tensor, Tensor, Tensor], step: int, probes: Sequence[Probe]
) -> StepResult:
    """One training step with the probes that are due at it."""
    if not probes:
        return training_step(state.model, state.optimizer, batch, state.options.clip)
    x, _, lengths = batch
    seen = {probe.name: probe.observe(state.model, x, lengths) for probe in probes}
    answers = {name: seen[name].answer for name in seen if seen[name].answer is not None}
    if len(answers) > 1:
        names = " and ".join(answers)
        raise RuntimeError(
            f"{names} run the forward pass of step {step} themselves; at most one probe can, "
            "so switch off the others"
        )
    [answer] = answers.values() or [None]
    forward: Forward | None = None if answer is None else lambda x, lengths: answer

    def collect_rows() -> None:
        for name, observation in seen.items():
            state.history.probes[name] += observation.rows(step)

    return training_step(
        state.model,
        state.optimizer,
        batch,
        state.options.clip,
        forward=forward,
        after_backward=collect_rows,
    )


def _evaluate_and_choose(state: TrainingState) -> None:
    """Evaluates on the validation split, closes the segment, and keeps the weights if they are the best."""
    history, spec, options = state.history, state.task.spec, state.options
    start = read_clocks(state.device)
    val_loss, val_accuracy, _ = evaluate(
        state.model, state.task.val, tolerance=spec.tolerance, device=state.device
    )
    history.eval_s += (read_clocks(state.device) - start).wall
    n_train = len(state.task.train)
    history.close(
        state.segment, n_train=n_train, val_loss=val_loss, val_accuracy=val_accuracy, clip=options.clip
    )
    state.segment = Segment()
    step = history.steps
    log.info(
        "step %d/%d  validation loss %.4f  accuracy %.4f", step, state.total_steps, val_loss, val_accuracy
    )
    if history.diverged:
        return
    merit: tuple[Any, ...] = (-val_loss,) if spec.target == "value" else (val_accuracy, -val_loss)
    if state.best.offer(state.model, step, merit):
        history.best_step, history.val_loss, history.val_accuracy = step, val_loss, val_accuracy
    if history.solved_step is None and spec.is_solved(val_loss, val_accuracy):
        history.solved_step = step
