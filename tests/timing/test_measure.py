"""The timers on a fake clock and on real steps; options outside their range."""

import statistics

import pytest
import torch
from torch import nn

from harness.tasks import make_adding
from harness.timing.measure import (
    PHASES,
    PRODUCT,
    ConfigurationTimer,
    MatrixProduct,
    RepeatedCall,
    TimingOptions,
    TrainingStep,
    interleave,
    onednn_off,
)
from harness.training import SequenceClassifier, TrainOptions
from harness.training.optimizer import Optimizer

OPTIONS = TimingOptions(min_seconds=0.01)


class FakeClock:
    """A clock that moves only when a test advances it."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


class Slow(nn.Module):
    """A model whose forward pass takes 3 s on a fake clock and its backward pass 5 s."""

    def __init__(self, clock):
        super().__init__()
        self.weight, self.clock = nn.Parameter(torch.ones(1)), clock

    def forward(self, x, lengths):
        self.clock.now += 3
        value = self.weight * x.flatten(1).sum(1)
        value.register_hook(self._take_five)
        return value

    def _take_five(self, gradient):
        self.clock.now += 5
        return gradient


class SlowOptimizer(Optimizer):
    """Takes 2 s on a fake clock."""

    def __init__(self, parameters, clock):
        super().__init__(parameters, TrainOptions(optimizer="sgd"))
        self.clock = clock

    def step(self):
        self.clock.now += 2
        super().step()


BATCH = (torch.ones(4, 3, 1), torch.zeros(4), torch.full((4,), 3))


def slow_timer(clock, product=None):
    model = Slow(clock)
    step = TrainingStep(model, SlowOptimizer(model.parameters(), clock), BATCH, 1.0, clock)
    return ConfigurationTimer(step, product, OPTIONS, threads=1, clock=clock)


def real_step(cell=None):
    task = make_adding(seq_len=6, n_train=8, n_val=4, n_test=4)
    model = SequenceClassifier(task.spec, cell or nn.LSTM(2, 4, batch_first=True))
    batch = next(task.train.batches(8))
    return TrainingStep(model, Optimizer(model.parameters(), TrainOptions(lr=0.01)), batch, 1.0)


def test_forward_backward_and_step_are_measured_separately():
    timer = slow_timer(FakeClock())
    timer.warm_up()
    assert timer.visit() == {"forward": 3.0, "backward": 5.0, "step": 10.0}


def test_a_visit_lasts_long_enough_and_excludes_the_warm_up_of_torchs_timer():
    clock = FakeClock()

    def function():
        clock.now += 0.003

    repeated = RepeatedCall(function, threads=1, min_seconds=0.1, clock=clock)
    repeated.warm_up(10)
    assert repeated.repetitions == 34  # 33 would last 0.099 s
    assert repeated.visit() == pytest.approx(0.003)


def test_warm_up_makes_at_least_the_configured_steps():
    timer = slow_timer(FakeClock())
    timer.warm_up()
    assert len(timer.step.laps) >= OPTIONS.warmup


def test_rounds_are_interleaved_so_that_a_drift_affects_all_alike():
    clock, order = FakeClock(), []

    def visit_of(name):
        def visit():
            order.append(name)
            clock.now += 1
            return {"step": clock.now}

        return visit

    rounds = []
    measured = interleave([visit_of("a"), visit_of("b"), visit_of("c")], 3, rounds.append)
    assert "".join(order) == "abcabcabc"
    assert rounds == [1, 2, 3]
    medians = [statistics.median(by_phase["step"]) for by_phase in measured]
    assert medians == [4, 5, 6]  # without interleaving they would be 2, 5 and 8


def test_real_steps_train_and_their_parts_are_shorter_than_the_step():
    step = real_step()
    before = [p.detach().clone() for p in step.optimizer.parameters]
    timer = ConfigurationTimer(
        step, MatrixProduct(8, 4, 16, step.optimizer.parameters[0].detach()), OPTIONS, threads=1
    )
    timer.warm_up()
    seconds = timer.visit()
    assert set(seconds) == {*PHASES, PRODUCT}
    assert min(seconds.values()) > 0
    assert seconds["forward"] + seconds["backward"] < seconds["step"]
    assert any(not torch.equal(old, new) for old, new in zip(before, step.optimizer.parameters, strict=True))


def test_a_timed_step_trains_as_plain_torch_does():
    torch.manual_seed(0)
    step = real_step()
    torch.manual_seed(0)
    other = real_step()
    step()
    x, y, lengths = other.batch
    loss = nn.functional.mse_loss(other.model(x, lengths), y)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(other.model.parameters(), 1.0)
    torch.optim.Adam(other.model.parameters(), lr=0.01).step()
    for got, expected in zip(step.model.parameters(), other.model.parameters(), strict=True):
        torch.testing.assert_close(got, expected)


def test_the_number_of_threads_is_set_during_a_visit_only():
    seen = []
    repeated = RepeatedCall(lambda: seen.append(torch.get_num_threads()), threads=2, min_seconds=1e-9)
    before = torch.get_num_threads()
    repeated.visit()
    assert set(seen) == {2}
    assert torch.get_num_threads() == before


def test_the_matrix_product_counts_its_operations_and_reuses_its_memory():
    product = MatrixProduct(2, 3, 5, torch.zeros(1, dtype=torch.float64))
    address = product.out.data_ptr()
    product()
    assert product.flops == 2 * 2 * 3 * 5
    assert torch.equal(product.out, torch.full((2, 5), 3.0, dtype=torch.float64))
    assert product.out.data_ptr() == address


def graph_names(loss):
    names, todo = set(), [loss.grad_fn]
    while todo:
        node = todo.pop()
        names.add(node.name())
        todo += [parent for parent, _ in node.next_functions if parent is not None]
    return names


def test_without_onednn_the_lstm_does_not_use_its_kernel():
    lstm, x = nn.LSTM(2, 4, batch_first=True), torch.randn(3, 5, 2)
    enabled = torch.backends.mkldnn.enabled
    with onednn_off():
        plain = graph_names(lstm(x)[0].sum())
        assert not torch.backends.mkldnn.enabled
    assert torch.backends.mkldnn.enabled == enabled
    assert not any("Mkldnn" in name for name in plain)
    with onednn_off(False):
        assert torch.backends.mkldnn.enabled == enabled
        if torch.backends.mkldnn.is_available() and enabled:
            assert any("Mkldnn" in name for name in graph_names(lstm(x)[0].sum()))


@pytest.mark.parametrize(
    ("key", "value"),
    [("rounds", 2), ("warmup", 9), ("min_seconds", 0.0), ("min_seconds", float("nan")), ("rounds", True)],
)
def test_options_outside_their_range_are_named(key, value):
    with pytest.raises(ValueError, match=f"timing.{key} must be .*{value}"):
        TimingOptions(**{key: value})
