"""Evaluation by counts: what an evaluation measures, and how the best step is chosen."""

import copy
import itertools
import math

import pytest
import torch
from torch import nn

from harness.tasks import Split, Task, make_adding, make_delayed_recall
from harness.training import (
    SequenceClassifier,
    TrainingState,
    TrainOptions,
    conclude,
    continue_training,
    evaluate,
    loop,
    train,
    training_step,
)
from harness.training.evaluate import MOST_EVAL_SAMPLES, Measured, fixed_subset
from tests.training.fake_clock import FakeClock
from tests.training.results import without_clocks

N_VAL = 2500


def recall(n_val=N_VAL, seq_len=14):
    """Delayed recall whose validation samples are sorted by class, as those of a file may be."""
    task = make_delayed_recall(seq_len=seq_len, num_classes=3, n_train=40, n_val=n_val, n_test=9)

    def make_split(name, epoch):
        split = task.make_split(name, epoch)
        order = split.y.argsort(stable=True)
        return Split(split.x[order], split.y[order], split.lengths[order]) if name == "val" else split

    return Task(task.spec, make_split)


def adding(n_val=N_VAL):
    return make_adding(seq_len=6, n_train=40, n_val=n_val, n_test=9)


def begin(task, **options):
    torch.manual_seed(0)
    size = task.spec.input_size or task.spec.vocab_size
    model = SequenceClassifier(task.spec, nn.GRU(size, 7, batch_first=True))
    options = TrainOptions(**{"steps": 12, "batch_size": 10, "eval_every": 4, "gradflow": False} | options)
    return TrainingState.begin(model, task, options, order=torch.Generator().manual_seed(11))


def finish(state):
    continue_training(state)
    return conclude(state)


# --- the subset ---------------------------------------------------------------------------------------


def numbered(n):
    return Split(torch.arange(n), torch.arange(n), torch.ones(n, dtype=torch.int64))


@pytest.mark.parametrize("n", [1, 999, 1000])
def test_a_split_with_no_more_samples_than_are_measured_is_taken_whole(n):
    split = numbered(n)
    assert fixed_subset(split) is split
    assert MOST_EVAL_SAMPLES == 1000


@pytest.mark.parametrize("n", [1001, 5000])
def test_the_subset_is_the_same_in_every_run_and_leaves_the_random_generators_alone(n):
    before = torch.get_rng_state()
    first = fixed_subset(numbered(n))
    torch.manual_seed(7)
    second = fixed_subset(numbered(n))
    torch.set_rng_state(before)
    assert torch.equal(first.y, second.y) and torch.equal(first.x, first.y)
    assert len(first.y.unique()) == len(first) == len(first.lengths) == 1000
    assert torch.equal(torch.get_rng_state(), before)


def test_the_subset_of_samples_that_are_sorted_by_class_holds_every_class_in_about_its_share():
    sorted_labels = torch.arange(10).repeat_interleave(500)
    split = Split(torch.zeros(5000, 1), sorted_labels, torch.ones(5000, dtype=torch.int64))
    counts = fixed_subset(split).y.bincount(minlength=10)
    spread = math.sqrt(1000 * 0.1 * 0.9 * (1 - 1000 / 5000))  # of a draw without replacement
    assert (counts - 100).abs().max() < 4 * spread


# --- what is measured ---------------------------------------------------------------------------------


def by_hand(task, total, every, **options):
    """A loop that evaluates all validation samples: its measurements, the best step, the test result."""
    state = begin(task, **options)
    model, seen, best = state.model, {}, None
    for step in range(total + 1):
        if step > 0:
            training_step(model, state.optimizer, state.stream.next(), state.options.clip)
        if step % every == 0 or step == total:
            loss, accuracy, _ = evaluate(
                model, task.val, tolerance=task.spec.tolerance, device=torch.device("cpu")
            )
            seen[step] = loss, accuracy
            merit = (-loss,) if task.spec.target == "value" else (accuracy, -loss)
            if best is None or merit > best[0]:
                best = merit, step, copy.deepcopy(model.state_dict())
    model.load_state_dict(best[2])
    tested = evaluate(model, task.test, tolerance=task.spec.tolerance, device=torch.device("cpu"))
    return seen, best[1], tested, best[2]


@pytest.mark.parametrize("make", [recall, adding])
@pytest.mark.parametrize("stop_when_solved", [False, True])
def test_with_1000_validation_samples_every_number_is_that_of_a_loop_that_measures_all(
    make, stop_when_solved
):
    task = make(n_val=1000)
    state = begin(task, steps=10, lr=0.05, stop_when_solved=stop_when_solved)
    history = finish(state)
    seen, best, tested, weights = by_hand(task, 10, 4, lr=0.05)
    assert {row.step: (row.val_loss, row.val_accuracy) for row in history.evals} == seen
    assert [row.val_samples for row in history.evals] == [1000] * 4
    assert (history.best_step, history.val_loss, history.val_accuracy) == (best, *seen[best])
    assert (history.test_loss, history.test_accuracy) == tested[:2]
    assert all(torch.equal(weights[name], value) for name, value in state.model.state_dict().items())


@pytest.mark.parametrize("make", [recall, adding])
def test_with_more_samples_a_fixed_part_is_measured_until_the_end_and_then_all(make):
    task = make()
    history = finish(begin(task, steps=10, lr=0.05))
    part = fixed_subset(task.val)
    of_part = Task(task.spec, lambda name, epoch: part if name == "val" else task.make_split(name, epoch))
    on_part, *_ = by_hand(of_part, 10, 4, lr=0.05)
    on_all, *_ = by_hand(task, 10, 4, lr=0.05)
    *rows, last = history.evals
    assert [(row.step, row.val_samples) for row in rows] == [(0, 1000), (4, 1000), (8, 1000)]
    assert [(row.val_loss, row.val_accuracy) for row in rows] == [on_part[row.step] for row in rows]
    assert (last.step, last.val_samples) == (10, N_VAL)
    assert (last.val_loss, last.val_accuracy) == on_all[10]
    assert on_part[10] != on_all[10]
    assert (history.val_loss, history.val_accuracy) == on_all[history.best_step]


# --- the choice ---------------------------------------------------------------------------------------


class Script:
    """Replaces `evaluate`: gives each split its own list of measurements, and notes what it measured."""

    def __init__(self, task, part, whole):
        self.task, self.left, self.calls = task, {"part": list(part), "all": list(whole)}, []

    def __call__(self, model, split, *, tolerance, device):
        name = "test" if split is self.task.test else "all" if split is self.task.val else "part"
        assert name != "part" or len(split) == MOST_EVAL_SAMPLES
        self.calls.append((name, {key: value.clone() for key, value in model.state_dict().items()}))
        return Measured(*((0.1, 0.5) if name == "test" else self.left[name].pop(0)), 0.0)


def equal(one, other):
    return all(torch.equal(one[key], other[key]) for key in one)


PART = [(1.0, 0.3), (0.5, 0.8), (0.6, 0.7)]  # (loss, accuracy) at steps 0, 4 and 8: step 4 is the best


@pytest.mark.parametrize(
    ("part", "last", "best_of_part", "expected"),
    [
        (PART, (0.4, 0.9), (0.5, 0.85), 12),  # the last is better on all samples
        (PART, (0.4, 0.8), (0.5, 0.85), 4),  # the best by the part is better
        (PART, (0.5, 0.85), (0.5, 0.85), 4),  # equal: the earlier one
        (PART, (0.4, 0.85), (0.5, 0.85), 12),  # equal accuracy: the loss
        (PART, (0.6, 0.1), (math.nan, 0.2), 12),  # a loss that is not finite compares with nothing
        ([(0.4, 0.9), (0.5, 0.8), (0.3, 0.9)], (0.4, 0.8), (0.5, 0.85), 8),
        ([(0.4, 0.9), (0.5, 0.8), (0.4, 0.9)], (0.4, 0.8), (0.5, 0.85), 0),
    ],
)
def test_the_best_by_the_part_and_the_last_are_compared_on_all_samples(
    monkeypatch, part, last, best_of_part, expected
):
    task = recall()
    script = Script(task, part, [last, best_of_part])
    monkeypatch.setattr(loop, "evaluate", script)
    state = begin(task, lr=0.1)
    history = finish(state)
    assert [name for name, _ in script.calls] == ["part"] * 3 + ["all", "all", "test"]
    weights = [weights for _, weights in script.calls]
    at = {0: weights[0], 4: weights[1], 8: weights[2], 12: weights[3]}
    assert not any(equal(at[a], at[b]) for a, b in itertools.combinations(at, 2))
    chosen = max(range(3), key=lambda k: (part[k][1], -part[k][0]))
    assert equal(weights[4], at[4 * chosen])  # the second measurement of all is that of the best so far
    assert history.best_step == expected
    assert (history.val_loss, history.val_accuracy) == (last if expected == 12 else best_of_part)
    assert equal(weights[-1], at[expected])  # the test
    assert equal(state.model.state_dict(), at[expected])


def test_until_the_conclusion_the_model_keeps_the_last_weights():
    state = begin(recall(), lr=0.05)
    continue_training(state, until=11)
    loop._advance(state, 12, lambda step: [])
    last = copy.deepcopy(state.model.state_dict())
    continue_training(state)
    assert state.step == 12 and equal(last, state.model.state_dict())


def test_a_diverged_training_measures_its_best_weights_on_all_samples():
    task = adding()
    state = begin(task, optimizer="sgd", lr=1e9, clip=None)
    history = finish(state)
    assert history.diverged and history.test_loss is None and history.best_step == 0
    fresh = begin(task)
    on_all = evaluate(fresh.model, task.val, tolerance=task.spec.tolerance, device=torch.device("cpu"))
    assert (history.val_loss, history.val_accuracy) == on_all[:2]
    assert history.evals[0].val_loss != history.val_loss


# --- solved -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stop", [True, False])
def test_a_task_counts_as_solved_only_when_all_samples_meet_the_threshold(monkeypatch, stop):
    task = recall()
    assert task.spec.solved_accuracy == 0.99
    part = [(1.0, 0.3), (0.2, 0.995), (0.1, 0.99)]
    whole = [(0.3, 0.98), (0.12, 0.991)] + ([(0.3, 0.98)] if stop else [(0.1, 0.97), (0.12, 0.991)])
    script = Script(task, part, whole)
    monkeypatch.setattr(loop, "evaluate", script)
    history = finish(begin(task, lr=0.1, stop_when_solved=stop))
    asked = ["part", "part", "all", "part", "all"]  # steps 0, 4 (not confirmed) and 8 (confirmed)
    asked += ["all"] if stop else ["all", "all"]  # the best before step 8; or step 12 and the best so far
    assert [name for name, _ in script.calls] == [*asked, "test"]
    assert (history.solved_step, history.steps) == (8, 8 if stop else 12)
    assert [row.val_samples for row in history.evals][:3] == [1000, N_VAL, N_VAL]
    assert [row.val_accuracy for row in history.evals][1:3] == [0.98, 0.991]
    # Before the end steps compete by the part, where step 4 (0.995) is better than step 8 (0.99).
    best = equal(script.calls[-2][1], script.calls[1][1])
    assert best
    assert history.best_step == (8 if stop else 4)


# --- the clock ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_val", [8, N_VAL])
@pytest.mark.parametrize("seconds", [2.0**-10, 2.0**10])
def test_no_measurement_and_no_choice_depends_on_the_clock(monkeypatch, n_val, seconds):
    task = adding(n_val)
    expected = without_clocks(finish(begin(task)))
    clock = FakeClock()
    clock.install(monkeypatch)
    monkeypatch.setattr(loop, "evaluate", clock.taking(seconds, loop.evaluate))
    monkeypatch.setattr(loop, "training_step", clock.taking(1 / seconds, loop.training_step))
    history = finish(begin(task))
    assert history.eval_s == pytest.approx((5 if n_val == 8 else 6) * seconds, rel=1e-3)
    assert without_clocks(history) == expected


def test_train_chooses_as_its_parts_do():
    task = recall()
    parts = begin(task, lr=0.05)
    whole = begin(task, lr=0.05)
    expected = without_clocks(finish(parts))
    history = train(whole.model, task, whole.options, order=torch.Generator().manual_seed(11))
    assert without_clocks(history) == expected
