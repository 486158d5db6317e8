"""The training loop against a plain torch loop, and what it promises: best step, divergence, clocks."""

import itertools
import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from harness.tasks import Split, Task, TaskSpec, make_adding, make_delayed_recall
from harness.training import (
    History,
    SequenceClassifier,
    TrainingState,
    TrainOptions,
    clip_rate,
    conclude,
    continue_training,
    loop,
    probes,
    step,
    train,
)
from harness.training.clock import Seconds
from harness.training.evaluate import Measured
from harness.training.history import Segment, divergence, mean
from harness.training.probes import GradientFlowProbe, Observation
from harness.training.sample_stream import SampleStream
from tests.training.fake_clock import FakeClock
from tests.training.results import without_clocks

ADDING = {"seq_len": 10, "n_train": 25, "n_val": 8, "n_test": 9}
RECALL = {"seq_len": 6, "num_classes": 3, "n_train": 25, "n_val": 8, "n_test": 9}


def model_for(task, kind=nn.GRU, seed=0, **options):
    torch.manual_seed(seed)
    size = task.spec.input_size or task.spec.vocab_size
    return SequenceClassifier(task.spec, kind(size, 7, batch_first=True, **options))


def order(seed=11):
    return torch.Generator().manual_seed(seed)


def options_of(**options):
    return TrainOptions(**{"steps": 12, "batch_size": 10, "eval_every": 4, "gradflow": False} | options)


def run(task, *, model=None, **options):
    return train(model or model_for(task), task, options_of(**options), order=order())


# --- the arithmetic of a step -------------------------------------------------------------------------


def plain_loop(task, steps, optimizer, clip):
    """As in a tutorial: losses, norms before clipping and counts of right answers of each step; the model."""
    model, generator = model_for(task), order()
    optimizer = optimizer(model.parameters())
    losses, norms, correct, batches = [], [], [], []
    for _ in range(steps):
        if not batches:
            batches = list(torch.randperm(len(task.train), generator=generator).split(10))
        rows = batches.pop(0)
        x, y = task.train.x[rows], task.train.y[rows]
        if task.spec.vocab_size:
            x = F.one_hot(x, task.spec.vocab_size).float()
        optimizer.zero_grad()
        answer = model.head(model.cell(x)[0][:, -1])
        if task.spec.target == "value":
            loss = ((answer[:, 0] - y) ** 2).mean()
            correct.append(int(((answer[:, 0] - y).abs() < 0.04).sum()))
        else:
            loss = F.cross_entropy(answer, y)
            correct.append(int((answer.argmax(1) == y).sum()))
        loss.backward()
        limit = math.inf if clip is None else clip
        norms.append(float(torch.nn.utils.clip_grad_norm_(model.parameters(), limit)))
        optimizer.step()
        losses.append(float(loss.detach()))
    return losses, norms, correct, model


OPTIMIZERS = {
    "adam": lambda p: torch.optim.Adam(p, lr=0.01, weight_decay=0.1),
    "adamw": lambda p: torch.optim.AdamW(p, lr=0.01, weight_decay=0.1),
    "rmsprop": lambda p: torch.optim.RMSprop(p, lr=0.01, weight_decay=0.1),
    "sgd": lambda p: torch.optim.SGD(p, lr=0.01, momentum=0.9, weight_decay=0.1),
}


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("clipped", [False, True])
@pytest.mark.parametrize("make", [lambda: make_adding(**ADDING), lambda: make_delayed_recall(**RECALL)])
def test_every_step_equals_that_of_a_plain_torch_loop(optimizer, clipped, make):
    task = make()
    clip = sorted(plain_loop(task, 20, OPTIMIZERS[optimizer], None)[1])[10] if clipped else None
    losses, norms, correct, model = plain_loop(task, 20, OPTIMIZERS[optimizer], clip)
    ours = model_for(task)
    history = run(
        task, model=ours, steps=20, eval_every=1, optimizer=optimizer, lr=0.01, weight_decay=0.1, clip=clip
    )
    assert [row.train_loss for row in history.evals[1:]] == pytest.approx(losses, rel=1e-5)
    assert history.norms == pytest.approx(norms, rel=1e-4)
    assert not clipped or max(norms) > clip > min(norms)  # norms on both sides of the threshold
    sizes = [10, 10, 5] * 7
    accuracies = [right / size for right, size in zip(correct, sizes, strict=False)]
    assert [row.train_accuracy for row in history.evals[1:]] == pytest.approx(accuracies)
    assert history.evals[-1].clip_rate in (0.0, 1.0)
    if history.best_step == 20:  # else these are the weights of an earlier step
        for got, expected in zip(ours.parameters(), model.parameters(), strict=True):
            assert torch.allclose(got, expected, rtol=1e-3, atol=1e-5)


def test_a_row_holds_the_means_since_the_previous_row():
    task = make_adding(**ADDING)
    losses, norms, correct, _ = plain_loop(task, 10, OPTIMIZERS["adam"], 0.3)
    history = run(task, steps=10, eval_every=4, lr=0.01, weight_decay=0.1, clip=0.3)
    first, *rest = history.evals
    assert [row.step for row in history.evals] == [0, 4, 8, 10]
    assert (first.train_loss, first.train_accuracy, first.grad_norm_mean, first.grad_norm_max) == (None,) * 4
    assert (first.clip_rate, first.samples_per_s, first.epoch) == (None, None, 0.0)
    assert first.train_s >= 0
    sizes = [10, 10, 5] * 4
    for row, (a, b) in zip(rest, ((0, 4), (4, 8), (8, 10)), strict=True):
        assert row.train_loss == pytest.approx(sum(losses[a:b]) / (b - a), rel=1e-5)
        assert row.grad_norm_mean == pytest.approx(sum(norms[a:b]) / (b - a), rel=1e-4)
        assert row.grad_norm_max == pytest.approx(max(norms[a:b]), rel=1e-4)
        assert row.train_accuracy == pytest.approx(sum(correct[a:b]) / sum(sizes[a:b]))
        assert row.clip_rate == sum(norm > 0.3 for norm in norms[a:b]) / (b - a)
        assert row.epoch == pytest.approx(sum(sizes[:b]) / 25)
    assert sum(row.train_s > 0 and row.samples_per_s > 0 for row in rest) == 3


@pytest.mark.parametrize(
    ("budget", "steps", "samples"), [({"steps": 7}, 7, 60), ({"epochs": 3}, 9, 75), ({"steps": 1}, 1, 10)]
)
def test_training_ends_at_exactly_the_budget(budget, steps, samples):
    history = run(make_adding(**ADDING), **budget)
    assert (history.steps, len(history.norms), history.samples) == (steps, steps, samples)
    assert history.evals[-1].step == steps
    assert history.evals[-1].epoch == pytest.approx(samples / 25)


def test_each_pass_over_the_samples_has_an_order_of_its_own():
    number = torch.arange(7)
    spec = TaskSpec(
        name="numbered", variant="v", target="class", seq_len=1, vocab_size=7, num_classes=7,
        chance_accuracy=1 / 7, data_source="generated", citation="none",
    )  # fmt: skip
    task = Task(spec, lambda split, epoch: Split(number[:, None], number, torch.ones(7, dtype=torch.int64)))
    stream = SampleStream(task, 3, order(1))
    batches = [stream.next() for _ in range(12)]
    assert [len(y) for _, y, _ in batches] == [3, 3, 1] * 4
    passes = [[int(i) for _, y, _ in batches[k : k + 3] for i in y] for k in range(0, 12, 3)]
    assert all(sorted(once) == list(range(7)) for once in passes)
    assert len({tuple(once) for once in passes}) == 4


def test_batches_equal_those_of_the_split_drawn_with_the_same_generator():
    task, generator = make_adding(**ADDING), order(1)
    stream = SampleStream(task, 10, order(1))
    for _ in range(3):
        for expected in task.train.batches(10, generator):
            for got, right in zip(stream.next(), expected, strict=True):
                assert torch.equal(got, right)


def test_fresh_training_samples_differ_in_each_pass_and_depend_on_its_number_alone():
    task = make_adding(**ADDING, fresh=True)
    stream = SampleStream(task, 25, order(1))
    passes = [stream.next()[1].sort().values for _ in range(3)]
    assert not any(torch.equal(passes[a], passes[b]) for a in range(3) for b in range(a))
    again = make_adding(**ADDING, fresh=True)
    for number, seen in enumerate(passes):
        assert torch.equal(again.epoch(number).y.sort().values, seen)
    fixed = make_adding(**ADDING)
    assert fixed.epoch(2) is fixed.train


# --- the best step, the test set ----------------------------------------------------------------------


class Script:
    """Replaces `evaluate`: returns given measurements and records each split with its weights."""

    def __init__(self, task, measurements, test=(0.125, 0.5)):
        self.task, self.left, self.test, self.calls = task, list(measurements), test, []

    def __call__(self, model, split, *, tolerance, device):
        name = {id(self.task.val): "val", id(self.task.test): "test"}[id(split)]
        self.calls.append((name, {key: value.clone() for key, value in model.state_dict().items()}))
        return Measured(*(self.left.pop(0) if name == "val" else self.test), sequence_accuracy=0.25)


def same(weights, others):
    return all(torch.equal(weights[key], others[key]) for key in weights)


@pytest.mark.parametrize(
    ("make", "measurements", "best"),
    [
        # Classes: the accuracy decides, then the loss, then the earlier step.
        (lambda: make_delayed_recall(**RECALL), [(1.0, 0.3), (0.9, 0.7), (0.5, 0.6), (0.4, 0.5)], 1),
        (lambda: make_delayed_recall(**RECALL), [(1.0, 0.3), (0.9, 0.7), (0.8, 0.7), (0.1, 0.2)], 2),
        (lambda: make_delayed_recall(**RECALL), [(1.0, 0.3), (0.9, 0.7), (0.9, 0.7), (0.9, 0.7)], 1),
        (lambda: make_delayed_recall(**RECALL), [(0.1, 0.9), (0.05, 0.7), (0.05, 0.6), (0.05, 0.7)], 0),
        # Values: the loss decides.
        (lambda: make_adding(**ADDING), [(1.0, 0.3), (0.9, 0.7), (0.5, 0.1), (0.6, 0.9)], 2),
    ],
)
def test_the_best_step_is_chosen_on_validation_data_and_the_test_set_measured_once_with_its_weights(
    monkeypatch, make, measurements, best
):
    task = make()
    script = Script(task, measurements)
    monkeypatch.setattr(loop, "evaluate", script)
    model = model_for(task)
    history = run(task, model=model, lr=0.1)
    assert [name for name, _ in script.calls] == ["val"] * 4 + ["test"]
    assert history.best_step == 4 * best
    assert (history.val_loss, history.val_accuracy) == measurements[best]
    assert (history.test_loss, history.test_accuracy) == (0.125, 0.5)
    weights = [weights for _, weights in script.calls]
    assert not any(same(weights[a], weights[b]) for a in range(4) for b in range(a))
    assert same(weights[-1], weights[best])
    assert same(model.state_dict(), weights[best])


@pytest.mark.parametrize("stop", [True, False])
def test_the_first_evaluation_that_meets_the_threshold_is_the_solved_step_and_may_end_training(
    monkeypatch, stop
):
    task = make_delayed_recall(**RECALL)
    script = Script(task, [(1.0, 0.3), (0.9, 0.98), (0.8, 0.99), (0.1, 1.0)])
    monkeypatch.setattr(loop, "evaluate", script)
    history = run(task, stop_when_solved=stop)
    assert history.solved_step == 8
    assert history.steps == (8 if stop else 12)
    assert history.best_step == (8 if stop else 12)
    assert [name for name, _ in script.calls] == ["val"] * (3 if stop else 4) + ["test"]


def test_a_task_that_is_not_solved_has_no_solved_step(monkeypatch):
    task = make_adding(**ADDING)
    monkeypatch.setattr(loop, "evaluate", Script(task, [(0.06, 1.0)] * 4))
    history = run(task, stop_when_solved=True)
    assert history.solved_step is None
    assert history.steps == 12


def test_the_reported_test_numbers_are_those_of_the_returned_model():
    task = make_delayed_recall(**RECALL)
    model = model_for(task)
    history = run(task, model=model, lr=0.03)
    answer = model.head(model.cell(F.one_hot(task.test.x, 6).float())[0][:, -1])
    assert history.test_loss == pytest.approx(float(F.cross_entropy(answer, task.test.y).detach()), rel=1e-5)
    assert history.test_accuracy == pytest.approx(float((answer.argmax(1) == task.test.y).float().mean()))


# --- divergence ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
@pytest.mark.parametrize("make", [lambda: make_adding(**ADDING), lambda: make_delayed_recall(**RECALL)])
def test_a_huge_learning_rate_diverges_and_leaves_no_test_numbers(monkeypatch, make, optimizer):
    task = make()
    split_names = []
    real = loop.evaluate
    monkeypatch.setattr(
        loop,
        "evaluate",
        lambda model, split, **k: (split_names.append(split is task.test), real(model, split, **k))[1],
    )
    history = run(task, lr=1e9, optimizer=optimizer)
    assert "loss" in history.diverged
    assert history.steps == 4
    assert history.test_loss is history.test_accuracy is None
    assert split_names == [False, False]
    assert history.best_step == 0  # of the finite evaluation before the first step


@pytest.mark.parametrize("poisoned", ["train", "val"])
def test_a_loss_of_nan_counts_as_divergence(poisoned):
    task = make_adding(**ADDING)
    getattr(task, poisoned).x.fill_(math.nan)  # after the check of the split, which would refuse it
    history = run(task)
    word, step = {"train": ("training", 4), "val": ("validation", 0)}[poisoned]
    first = "; the first loss or gradient norm not finite is that of step 1" if poisoned == "train" else ""
    assert history.diverged == f"{word} loss is nan at step {step}{first}"
    assert history.first_nonfinite_step == (1 if poisoned == "train" else None)
    assert history.test_loss is None


def test_the_mean_is_nan_if_one_value_is_and_none_without_values():
    assert math.isnan(mean([1.0, math.nan, 2.0]))
    assert mean([]) is None


def test_divergence_is_a_loss_over_the_factor_times_the_first_validation_loss():
    def after_a_step(train_losses, val_loss):
        history, segment = History(), Segment()
        history.close(Segment(), n_train=1, val_loss=2.0, val_accuracy=0.0, val_samples=1, clip=None)
        for loss in train_losses:
            segment.losses.append(torch.tensor(loss))
            segment.norms.append(torch.tensor(1.0))
            segment.counts.append(torch.tensor([1, 0, 0]))
            segment.samples += 1
        segment.spent = Seconds(1.0, 1.0)
        history.close(segment, n_train=1, val_loss=val_loss, val_accuracy=0.0, val_samples=1, clip=None)
        first, last = history.evals
        assert divergence(first, first) is None
        assert (divergence(last, first, 100.0) or "") == (history.diverged or "").partition(";")[0]
        return history.diverged

    assert after_a_step([200.0], 200.0) is None
    assert after_a_step([100.0, 301.0], 200.0) == (
        "training loss 200 at step 2 is over 100 times the 2 at the start"
    )
    assert after_a_step([1.0], 201.0) == "validation loss 201 at step 1 is over 100 times the 2 at the start"
    assert after_a_step([1.0, math.inf], 201.0) == (
        "training loss is inf at step 2; the first loss or gradient norm not finite is that of step 2"
    )


class Explodes(nn.GRU):
    """The gradient of its third training call is so large that its square is infinite in float32."""

    factor, calls = 1e25, 0

    def forward(self, x, state=None):
        output, state = super().forward(x, state)
        self.calls += self.training
        if self.training and self.calls == 3:
            output.register_hook(lambda grad: grad * self.factor)
        return output, state


def test_a_norm_whose_squares_overflow_is_a_number_and_training_goes_on():
    history = run(make_adding(**ADDING), model=model_for(make_adding(**ADDING), Explodes), lr=1e-3)
    assert 1e22 < max(history.norms) == history.norms[2] < math.inf
    assert history.diverged is None and history.first_nonfinite_step is None and history.steps == 12


def test_the_step_of_an_infinite_norm_is_named_in_history_log_and_divergence(caplog):
    model = model_for(make_adding(**ADDING), Explodes)
    model.cell.factor = math.inf
    history = run(make_adding(**ADDING), model=model)
    assert history.first_nonfinite_step == 3
    assert history.diverged.endswith("; the first loss or gradient norm not finite is that of step 3")
    assert any("step 3: the loss or the gradient norm" in line for line in caplog.messages)


# --- determinism, clocks, small things ----------------------------------------------------------------


@pytest.mark.parametrize("kind", [nn.RNN, nn.LSTM, nn.GRU])
def test_the_same_seed_gives_the_same_history_to_the_bit(kind):
    def outcome():
        task = make_delayed_recall(**RECALL)
        model = model_for(task, kind, num_layers=2, dropout=0.2)
        return without_clocks(run(task, model=model, gradflow=True))

    first = outcome()
    assert first["norms"] and first["probes"]["gradflow"]
    assert outcome() == first


def test_another_order_gives_another_history():
    task = make_adding(**ADDING)
    options = options_of(steps=5, eval_every=5)
    a, b = (train(model_for(task), task, options, order=order(seed)).norms for seed in (1, 2))
    assert a != b


def with_one_second_a_step(monkeypatch):
    """A clock on which a training step takes 1 s, an evaluation 100 s, and a probe 1000 s more."""
    clock = FakeClock()
    clock.install(monkeypatch)
    monkeypatch.setattr(loop, "evaluate", clock.taking(100, lambda *_, **__: Measured(1.0, 0.0, 0.0)))
    monkeypatch.setattr(step, "loss_of", clock.taking(1, step.loss_of))

    class SlowProbe(GradientFlowProbe):
        def observe(self, model, batch):
            answer, rows = clock.taking(500, super().observe)(model, batch)
            return Observation(answer, clock.taking(500, rows))

    monkeypatch.setattr(probes, "PROBES", (SlowProbe,))
    return clock


def test_the_clocks_of_training_leave_out_evaluations_and_probes(monkeypatch):
    clock = with_one_second_a_step(monkeypatch)
    history = run(make_adding(**ADDING), gradflow=True)
    assert {row.step for row in history.probes["gradflow"]} == {1, 4, 8, 12}
    assert history.eval_s == 5 * 100  # four on validation data, one on the test set
    assert history.train_s == pytest.approx(12.0)  # twelve steps, four of them probed
    assert history.train_cpu_s == pytest.approx(12.0 * clock.CPU_SHARE)
    assert (history.evals[0].train_s, history.evals[-1].train_s) == (0.0, history.train_s)
    rates = [row.samples_per_s for row in history.evals[1:]]
    seconds = [b.train_s - a.train_s for a, b in itertools.pairwise(history.evals)]
    assert [rate * s for rate, s in zip(rates, seconds, strict=True)] == pytest.approx([35, 35, 30])


@pytest.mark.parametrize("gradflow", [False, True])  # a pass may begin at a probed step
def test_building_fresh_samples_is_off_the_clocks(monkeypatch, gradflow):
    clock = with_one_second_a_step(monkeypatch)
    monkeypatch.setattr(Task, "epoch", clock.taking(10_000, Task.epoch))
    history = run(make_adding(**ADDING, fresh=True), gradflow=gradflow)
    assert history.train_s == pytest.approx(12.0)
    assert history.train_cpu_s == pytest.approx(12.0 * clock.CPU_SHARE)


@pytest.mark.parametrize("fresh", [False, True])
@pytest.mark.parametrize("gradflow", [False, True])
def test_the_clocks_of_a_training_that_was_stopped_count_all_its_steps_once(monkeypatch, fresh, gradflow):
    clock = with_one_second_a_step(monkeypatch)
    monkeypatch.setattr(Task, "epoch", clock.taking(10_000, Task.epoch))
    task = make_adding(**ADDING, fresh=fresh)
    for stop in range(12):
        states = [
            TrainingState.begin(model_for(task), task, options_of(gradflow=gradflow), order=order())
            for _ in range(2)
        ]
        continue_training(states[0], until=stop)
        clock.pass_seconds(1e5)  # while it is stopped
        states[1].load_state_dict(states[0].state_dict())
        continue_training(states[1])
        history = conclude(states[1])
        assert history.train_s == pytest.approx(12.0)
        assert history.train_cpu_s == pytest.approx(12.0 * clock.CPU_SHARE)
        assert history.eval_s == 5 * 100


def test_a_segment_whose_steps_were_all_probed_counts_their_whole_duration():
    assert Segment(
        [torch.tensor(1.0)], spent=Seconds(7, 5), probed=1, spent_probed=Seconds(6, 4)
    ).training == (Seconds(7, 5))


@pytest.mark.parametrize(
    ("norms", "clip", "expected"),
    [([], 1.0, None), ([0.5, 1.0], None, 0.0), ([0.5, 1.0, 1.5, math.nan], 1.0, 0.5), ([0.1], 1.0, 0.0)],
)
def test_clip_rate_is_the_share_of_norms_above_the_threshold(norms, clip, expected):
    assert clip_rate(norms, clip) == expected


def test_frozen_parameters_are_unchanged():
    task = make_adding(**ADDING)
    model = model_for(task)
    model.cell.requires_grad_(False)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    history = run(task, model=model)
    assert history.diverged is None
    changed = {key for key, value in model.state_dict().items() if not torch.equal(value, before[key])}
    assert changed == {"head.weight", "head.bias"}


def test_sequences_of_unequal_length_are_classified_at_their_own_last_step():
    # The class is the last valid symbol; the padding after it holds other symbols.
    torch.manual_seed(0)
    spec = TaskSpec(
        name="last", variant="v", target="class", seq_len=5, vocab_size=3, num_classes=3,
        chance_accuracy=1 / 3, solved_accuracy=1.0, data_source="generated", citation="none",
    )  # fmt: skip

    def make_split(name, epoch):
        x, lengths = torch.randint(0, 3, (200, 5)), torch.randint(1, 6, (200,))
        return Split(x, x[torch.arange(200), lengths - 1], lengths)

    task = Task(spec, make_split)
    history = run(task, steps=150, eval_every=50, lr=0.03, gradflow=True)
    assert history.test_accuracy == 1.0
