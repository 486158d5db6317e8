"""The one training loop."""

from __future__ import annotations

import copy
import logging
import math
from collections.abc import Callable, Sequence
from typing import Protocol

import torch
from torch import Tensor

from harness.tasks import Split, Task
from harness.training.clock import read_clocks
from harness.training.evaluate import Measured, evaluate
from harness.training.history import History, Segment
from harness.training.model import SequenceClassifier, count_right
from harness.training.options import TrainOptions
from harness.training.probes import MomentProbe, NotMeasuredError, StepProbe
from harness.training.schedule import lr_factor
from harness.training.state import TrainingState
from harness.training.step import Forward, StepResult, training_step

log = logging.getLogger("harness.training")

REVISION = 1
"""Raised when a change alters the numbers of trainings: model, order of samples, step, evaluation, choice of
the best step. 0 is neutral: it enters no run's identity.

1: evaluations before the last measure at most 1,000 validation samples, and the best step is confirmed on
all; `eval_every` defaults to a twentieth of the steps; TF32 is off on CUDA unless `tf32=true`.
"""


class Pause(Protocol):
    """Stops a training between two steps to do something with its state, such as to save it."""

    def due(self) -> bool:
        """Asked after each training step; must be quick."""

    def take(self, state: TrainingState) -> None:
        """Called off the clock when it is due; an exception ends the training there."""


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
    highest validation accuracy, then the lowest loss; for value targets the lowest loss. Before the end at
    most `MOST_EVAL_SAMPLES` validation samples are measured; the best weights by these and the last ones are
    then compared on all.

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


def continue_training(state: TrainingState, until: int | None = None, *, pause: Pause | None = None) -> None:
    """Trains and evaluates to the end of the training, or until step `until` has been made."""
    sizes = [len(split) for split in (state.task.train, state.task.val, state.task.test)]  # off the clock
    log.info("%d training samples, %d validation, %d test", *sizes)
    log.info("evaluations before the last one measure %d validation samples", len(state.val_subset))
    for name, reason in state.history.notes.items():
        log.warning("the probe %s does not measure this run: %s", name, reason)
    step_probes = [probe for probe in state.probes if isinstance(probe, StepProbe)]
    at = {probe.name: probe.steps(state.total_steps, state.eval_every) for probe in step_probes}
    if not state.history.evals:
        _measure_moment(state, "init", 0)
    state.model.train()
    while (due := state.next_evaluation) is not None:
        limit = due if until is None else min(due, until)
        _advance(state, limit, lambda step: [p for p in step_probes if step in at[p.name]], pause)
        if pause is not None and pause.due() and state.history.evals:  # not before the first evaluation
            pause.take(state)
        if state.step < limit:
            continue
        if state.step < due:
            return
        _evaluate_and_choose(state)
    if pause is not None and pause.due():
        pause.take(state)


def conclude(state: TrainingState, *, test: bool = True) -> History:
    """Loads the best weights, and measures the test split with them; neither after a divergence."""
    history, spec = state.history, state.task.spec
    if history.diverged:
        return history
    _measure_moment(state, "end", state.step)
    state.model.load_state_dict(state.best.weights)
    assert history.best_step is not None  # evaluated at least once, and not diverged
    _measure_moment(state, "best", history.best_step)
    if not test:
        return history
    tested = _measure(state, state.task.test)
    history.test_loss, history.test_accuracy = tested.loss, tested.accuracy
    history.test_sequence_accuracy = tested.sequence_accuracy if spec.target == "steps" else None
    return history


def _measure_moment(state: TrainingState, moment: str, step: int) -> None:
    """Adds the rows of the probes that measure between training steps, off the clocks of training."""
    for probe in state.probes:
        if isinstance(probe, MomentProbe):
            state.history.probes[probe.name] += probe.measure(state.model, state.task.val, moment, step)


def _advance(
    state: TrainingState,
    to: int,
    due_probes: Callable[[int], Sequence[StepProbe]],
    pause: Pause | None = None,
) -> None:
    """Makes the training steps up to number `to`, or to a pause, on the clock; building samples is off it."""
    segment, device = state.segment, state.device
    start, built = read_clocks(device), state.stream.building
    schedule, total = state.options.schedule, state.total_steps
    for step in range(state.step + 1, to + 1):
        batch = state.stream.next()
        x, y, lengths = (tensor.to(device, non_blocking=True) for tensor in batch)
        if schedule != "constant":
            state.optimizer.lr = state.options.lr * lr_factor(schedule, step, total)
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
        if pause is not None and pause.due():
            break
    if segment.losses:
        segment.losses[-1].item()  # on the clock: waits for the last step to end
    segment.spent += read_clocks(device) - start - (state.stream.building - built)


def _make_step(
    state: TrainingState, batch: tuple[Tensor, Tensor, Tensor], step: int, probes: Sequence[StepProbe]
) -> StepResult:
    """One training step with the probes that are due at it."""
    if not probes:
        return training_step(state.model, state.optimizer, batch, state.options.clip)
    seen = {probe.name: probe.observe(state.model, batch) for probe in probes}
    answers = {name: seen[name].answer for name in seen if seen[name].answer is not None}
    if len(answers) > 1:
        names = " and ".join(answers)
        raise RuntimeError(
            f"{names} run the forward pass of step {step} themselves; at most one probe can, "
            "so switch off the others"
        )
    [answer] = answers.values() or [None]
    forward: Forward | None = None if answer is None else lambda x, lengths: answer

    def collect_rows(answer: Tensor) -> None:
        for name, observation in seen.items():
            try:
                state.history.probes[name] += observation.rows(step, answer)
            except NotMeasuredError as reason:
                _leave_out(state.history, name, step, str(reason))

    return training_step(
        state.model,
        state.optimizer,
        batch,
        state.options.clip,
        forward=forward,
        after_backward=collect_rows,
    )


def _leave_out(history: History, probe: str, step: int, reason: str) -> None:
    """Records that a probe has no rows of a training step; the log names the first such step."""
    if probe not in history.left_out:
        log.warning("the probe %s does not measure step %d: %s", probe, step, reason)
    history.left_out.setdefault(probe, {})[step] = reason


def _measure(state: TrainingState, split: Split) -> Measured:
    """Evaluates the model as it is; adds the seconds to `eval_s`, and reads no clock for anything else."""
    start = read_clocks(state.device)
    measured = evaluate(state.model, split, tolerance=state.task.spec.tolerance, device=state.device)
    state.history.eval_s += (read_clocks(state.device) - start).wall
    return measured


def _evaluate_and_choose(state: TrainingState) -> None:
    """Evaluates on validation data, closes the segment, and keeps the weights if they are the best.

    Evaluations before the end measure the fixed subset and are compared by it. At the end the best of them
    and the last weights are compared on all samples.
    """
    history, spec, val = state.history, state.task.spec, state.task.val
    step, total, earlier = state.step, state.total_steps, history.steps
    split = val if step == total else state.val_subset
    measured = compared = _measure(state, split)
    solved = history.solved_step is None and spec.is_solved(measured.loss, measured.accuracy)
    if solved and len(split) < len(val):  # all samples have to confirm it
        split, measured = val, _measure(state, val)
        solved = spec.is_solved(measured.loss, measured.accuracy)
    history.close(
        state.segment,
        n_train=len(state.task.train),
        val_loss=measured.loss,
        val_accuracy=measured.accuracy,
        val_samples=len(split),
        clip=state.options.clip,
    )
    state.segment = Segment()
    if history.first_nonfinite_step is not None and (bad := history.first_nonfinite_step) > earlier:
        log.warning("step %d: the loss or the gradient norm (%g) is not finite", bad, history.norms[bad - 1])
    log.info("step %d/%d  validation loss %.4f  accuracy %.4f", step, total, measured.loss, measured.accuracy)
    if solved and not history.diverged:
        history.solved_step = step
    over = state.next_evaluation is None
    if over:
        _measure_best_on_all(state)
        compared = measured
    if history.diverged:
        return
    if state.best.offer(state.model, step, _merit(state, compared), len(val if over else state.val_subset)):
        history.best_step, history.val_loss, history.val_accuracy = step, compared.loss, compared.accuracy


def _measure_best_on_all(state: TrainingState) -> None:
    """Measures the best weights so far on all validation samples, where they were compared on fewer."""
    best, history, val = state.best, state.history, state.task.val
    if best.step is None or best.samples == len(val):
        return
    last = copy.deepcopy(state.model.state_dict())
    state.model.load_state_dict(best.weights)
    measured = _measure(state, val)
    state.model.load_state_dict(last)
    # A loss that is not finite compares with nothing: the last weights then take the place.
    best.merit = _merit(state, measured) if math.isfinite(measured.loss) else ()
    best.samples = len(val)
    history.val_loss, history.val_accuracy = measured.loss, measured.accuracy


def _merit(state: TrainingState, measured: Measured) -> tuple[float, ...]:
    """What is compared: the accuracy, then the loss; for value targets the loss alone. Larger is better."""
    by_loss = state.task.spec.target == "value"
    return (-measured.loss,) if by_loss else (measured.accuracy, -measured.loss)
