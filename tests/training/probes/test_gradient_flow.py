"""Gradient flow against autograd on an unrolled float64 network; its points, probed steps and summary."""

import functools
import itertools
import logging
import math
import random

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from harness.kernels import FusedCell
from harness.results import COLUMNS
from harness.tasks import TaskSpec, make_adding, make_delayed_recall
from harness.training import History, SequenceClassifier, TrainingState, TrainOptions, train, training_process
from harness.training.history import Segment
from harness.training.model import loss_of
from harness.training.probes import GradientFlowProbe
from harness.training.probes.chunked_pass import chunked_forward, why_not_chunked
from harness.training.probes.gradient_flow import FlowRow, flow_points, flow_rows, probe_steps
from tests.training.probes.observed import observed_rows

B, T, D, H = 6, 11, 3, 5

KINDS = [
    pytest.param(nn.RNN, {}, id="tanh"),
    pytest.param(nn.RNN, {"nonlinearity": "relu"}, id="relu"),
    pytest.param(nn.LSTM, {}, id="lstm"),
    pytest.param(nn.GRU, {}, id="gru"),
]
POINTS = [pytest.param(list(range(T)), id="every-step"), pytest.param([0, 1, 4, 8, 10], id="chunks")]


def spec(target="class"):
    return TaskSpec(
        name="t", variant="v", target=target, seq_len=T, input_size=D,
        num_classes=4 if target == "class" else 1, chance_accuracy=0.0,
        data_source="generated", citation="none",
    )  # fmt: skip


def lstm_step(cell, x, h, c):
    """The equations of an LSTM, in which the graph has the path from c_t through h_t = o_t tanh c_t."""
    i, f, g, o = (
        F.linear(x, cell.weight_ih, cell.bias_ih) + F.linear(h, cell.weight_hh, cell.bias_hh)
    ).chunk(4, 1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


def step_cells(rnn):
    """torch's one-step cells with the weights of the stacked module, one per layer."""
    cells = []
    for layer in range(rnn.num_layers):
        size = rnn.input_size if layer == 0 else rnn.hidden_size
        options = {"nonlinearity": rnn.nonlinearity} if isinstance(rnn, nn.RNN) else {}
        kind = {nn.RNN: nn.RNNCell, nn.LSTM: nn.LSTMCell, nn.GRU: nn.GRUCell}[type(rnn)]
        cell = kind(size, rnn.hidden_size, bias=rnn.bias, dtype=torch.float64, **options)
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh") if rnn.bias else ("weight_ih", "weight_hh")
        cell.load_state_dict({name: getattr(rnn, f"{name}_l{layer}").detach().double() for name in names})
        cells.append(cell)
    return cells


def unrolled(rnn, x):
    """Top outputs (B, T, H) and every state {(layer, name, t): (B, H)}, one step and one layer at a time."""
    states, below = {}, list(x.unbind(1))
    for layer, cell in enumerate(step_cells(rnn)):
        h = c = torch.zeros(len(x), rnn.hidden_size, dtype=torch.float64)
        above = []
        for t, x_t in enumerate(below):
            if isinstance(rnn, nn.LSTM):
                expected = cell(x_t, (h, c))
                h, c = lstm_step(cell, x_t, h, c)
                assert torch.allclose(h, expected[0], atol=1e-12)
                assert torch.allclose(c, expected[1], atol=1e-12)
                states[layer, "c", t] = c
            else:
                h = cell(x_t, h)
            states[layer, "h", t] = h
            above.append(h)
        below = above
    return torch.stack(below, dim=1), states


def reference_norms(rnn, x, losses_of):
    """{(layer, state, t): mean over b of ‖∂ℓ_b/∂state‖} by autograd on the unrolled network."""
    output, states = unrolled(rnn, x)
    keys = list(states)
    # ℓ_b depends on sequence b alone, so row b of the gradient of Σ ℓ_b is the gradient of ℓ_b.
    grads = torch.autograd.grad(losses_of(output).sum(), [states[key] for key in keys], allow_unused=True)
    return {
        key: 0.0 if grad is None else float(grad.norm(dim=1).mean())
        for key, grad in zip(keys, grads, strict=True)
    }


def norms_of(rows):
    """{(layer, state, t): norm} of the rows of one training step."""
    norms = {(row.layer, row.state, row.t): row.norm for row in rows}
    assert len(norms) == len(rows)
    return norms


def measured_norms(cell, x, losses_of, points):
    output, ends = chunked_forward(cell, x, points)
    losses_of(output).mean().backward()
    return norms_of(flow_rows(ends, 1))


def batch(seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(B, T, D, generator=generator, dtype=dtype)
    y = torch.randint(0, 4, (B,), generator=generator)
    return x, y, torch.tensor([T, 1, 4, T, 8, 2])


def make(kind, options, layers=1, **more):
    torch.manual_seed(layers)
    return kind(D, H, num_layers=layers, batch_first=True, **{"dtype": torch.float64, **options, **more})


def assert_same(measured, reference, rel):
    assert measured
    for key, norm in measured.items():
        assert norm == pytest.approx(reference[key], rel=rel, abs=1e-300), key


# --- stock cells --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "options"), KINDS)
@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("points", POINTS)
@pytest.mark.parametrize("target", ["class", "value"])
def test_norms_equal_those_of_autograd_on_an_unrolled_network(kind, options, layers, points, target):
    model = SequenceClassifier(spec(target), make(kind, options, layers)).double()
    x, y, lengths = batch()
    if target == "value":
        y = y.double()

    def losses(output):
        answer = model.answer(output, lengths)
        return torch.stack([loss_of(answer[b : b + 1], y[b : b + 1]) for b in range(B)])

    measured = measured_norms(model.cell, x, losses, points)
    states = "hc" if kind is nn.LSTM else "h"
    assert set(measured) == {(layer, s, t) for layer in range(layers) for s in states for t in points}
    assert_same(measured, reference_norms(model.cell, x, losses), rel=1e-10)


@pytest.mark.parametrize(("kind", "options"), KINDS)
@pytest.mark.parametrize("bias", [True, False])
def test_norms_equal_those_of_autograd_with_a_loss_on_every_output(kind, options, bias):
    cell = make(kind, options, 2, bias=bias)
    x, _, _ = batch()
    weight = torch.randn(T, H, dtype=torch.float64)

    def losses(output):
        return ((output * weight).sin() ** 2).sum(dim=(1, 2))

    measured = measured_norms(cell, x, losses, [0, 3, 4, 10])
    assert_same(measured, reference_norms(cell, x, losses), rel=1e-10)


def test_the_gradient_before_the_last_step_includes_the_path_through_later_steps():
    # retain_grad() on the output of one call over the whole sequence gives zero before the last step.
    cell = make(nn.GRU, {})
    x, _, _ = batch()
    direct, _ = cell(x)
    direct.retain_grad()
    direct[:, -1].sum().backward()
    assert float(direct.grad[:, :-1].norm()) == 0
    measured = measured_norms(cell, x, lambda output: output[:, -1].sum(1), [0, 5, 10])
    assert min(measured.values()) > 0


def test_a_state_after_the_readout_has_no_gradient():
    cell = make(nn.LSTM, {})
    x, _, _ = batch()
    output, ends = chunked_forward(cell, x, [0, 4, 10])
    output[:, 4].sum().backward()
    rows = {(row.state, row.t): row for row in flow_rows(ends, 7)}
    for state in "hc":
        assert (rows[state, 10].norm, rows[state, 10].log10_norm) == (0.0, -math.inf)
        assert rows[state, 4].log10_norm == pytest.approx(math.log10(rows[state, 4].norm))
    assert {row.step for row in flow_rows(ends, 7)} == {7}


@pytest.mark.parametrize(("kind", "options"), KINDS)
def test_norms_in_float32_agree_with_float64(kind, options):
    cell = make(kind, options, 2, dtype=torch.float32)
    x, _, _ = batch(dtype=torch.float32)

    def losses(output):
        return output[:, -1].double().square().sum(1)

    measured = measured_norms(cell, x, losses, [0, 2, 5, 9, 10])
    assert_same(measured, reference_norms(cell, x.double(), losses), rel=1e-4)


@pytest.mark.parametrize(("kind", "options"), KINDS)
@pytest.mark.parametrize("layers", [1, 2])
def test_a_chunked_pass_has_the_outputs_and_parameter_gradients_of_a_single_call(kind, options, layers):
    cell = make(kind, options, layers)
    x, _, _ = batch()
    whole, _ = cell(x)
    whole.sin().sum().backward()
    ordinary = [p.grad.clone() for p in cell.parameters()]
    cell.zero_grad()
    output, _ = chunked_forward(cell, x, flow_points(T, 4))
    assert torch.allclose(output, whole, rtol=1e-12, atol=1e-13)
    output.sin().sum().backward()
    for parameter, expected in zip(cell.parameters(), ordinary, strict=True):
        assert torch.allclose(parameter.grad, expected, rtol=1e-9, atol=1e-12)


def test_norms_do_not_depend_on_the_batch_size():
    cell = make(nn.LSTM, {}, 2)
    x, _, _ = batch()
    once = measured_norms(cell, x, lambda output: output[:, -1].square().sum(1), [0, 5, 10])
    four = measured_norms(cell, x.repeat(4, 1, 1), lambda output: output[:, -1].square().sum(1), [0, 5, 10])
    assert_same(four, once, rel=1e-12)


def test_dropout_acts_between_layers_in_training_mode_only():
    cell = make(nn.GRU, {}, 2, dropout=0.5)
    x, _, _ = batch()
    plain = cell.eval()(x)[0]
    assert torch.allclose(chunked_forward(cell, x, [0, 5, 10])[0], plain, rtol=1e-12, atol=1e-13)
    torch.manual_seed(0)
    dropped = chunked_forward(cell.train(), x, [0, 5, 10])[0]
    assert not torch.allclose(dropped, plain)
    torch.manual_seed(0)
    assert torch.allclose(dropped, cell(x)[0], rtol=1e-12, atol=1e-13)  # the masks that the cell draws itself


def test_the_norm_of_very_small_gradients_does_not_underflow():
    # Squares of numbers below 1e-23 are zero in float32: the norm is taken in float64.
    cell = make(nn.RNN, {}, dtype=torch.float32)
    x, _, _ = batch(dtype=torch.float32)
    rows = {}
    for scale in (1.0, 1e-30):
        output, ends = chunked_forward(cell, x, [5, 10])
        (output[:, -1].sum() * scale).backward()
        rows[scale] = [row.log10_norm for row in flow_rows(ends, 1)]
    assert rows[1e-30] == pytest.approx([log - 30 for log in rows[1.0]], abs=1e-4)


# --- third-party cells --------------------------------------------------------------------------------


class Elman(nn.Module):
    """A cell written by a user; for one sequence of one step, output and state are the same tensor."""

    def __init__(self, input_size=D, hidden_size=H):
        super().__init__()
        torch.manual_seed(3)
        self.inner = nn.RNNCell(input_size, hidden_size, dtype=torch.float64)
        self.hidden_size = hidden_size

    def forward(self, x, state=None):
        h = x.new_zeros(len(x), self.hidden_size) if state is None else state[0]
        hs = []
        for x_t in x.unbind(1):
            h = self.inner(x_t, h)
            hs.append(h)
        output = torch.stack(hs, dim=1)
        if output.shape[:2] == (1, 1):
            return output, output
        return output, output[:, -1:].transpose(0, 1)


def as_rnn(cell):
    rnn = nn.RNN(D, H, batch_first=True, dtype=torch.float64)
    rnn.load_state_dict({f"{name}_l0": value for name, value in cell.inner.state_dict().items()})
    return rnn


@pytest.mark.parametrize("size", [1, B])
@pytest.mark.parametrize("points", POINTS)
def test_the_gradient_of_a_tensor_that_is_output_and_state_is_counted_once(size, points):
    cell = Elman()
    assert why_not_chunked(cell, D) is None
    x = batch()[0][:size]

    def losses(output):
        return output.square().sum(dim=(1, 2))

    measured = measured_norms(cell, x, losses, points)
    assert set(measured) == {(0, "h", t) for t in points}
    assert_same(measured, reference_norms(as_rnn(cell), x, losses), rel=1e-10)


class Counting(nn.Module):
    """Its state holds the number of steps so far too, which has no gradient."""

    def __init__(self):
        super().__init__()
        self.inner = make(nn.GRU, {})

    def forward(self, x, state=None):
        h, count = (None, torch.zeros(1, len(x), 1)) if state is None else state
        output, h = self.inner(x, h)
        return output, (h, count + x.shape[1])


def test_a_part_of_the_state_may_have_no_gradient():
    cell = Counting()
    assert why_not_chunked(cell, D) is None
    x, _, _ = batch()

    def losses(output):
        return output[:, -1].square().sum(1)

    measured = measured_norms(cell, x, losses, [0, 5, 10])
    assert_same(measured, reference_norms(cell.inner, x, losses), rel=1e-10)


@pytest.mark.filterwarnings("ignore:LSTM with projections")
@pytest.mark.parametrize("layers", [1, 2])
def test_a_projected_lstm_is_measured_at_its_output(layers):
    torch.manual_seed(0)
    cell = nn.LSTM(D, H, num_layers=layers, proj_size=2, batch_first=True, dtype=torch.float64)
    assert why_not_chunked(cell, D) is None
    x, _, _ = batch()
    measured = measured_norms(cell, x, lambda output: output[:, -1].square().sum(1), [0, 5, 10])
    assert set(measured) == {(layers - 1, "h", t) for t in (0, 5, 10)}
    # Second source: the gradient with respect to h_5, given to a second call as its initial state.
    _, state = cell(x[:, :6])
    handed = state[0].detach().requires_grad_()
    grad = torch.autograd.grad(cell(x[:, 6:], (handed, state[1].detach()))[0][:, -1].square().sum(), handed)[
        0
    ]
    assert measured[layers - 1, "h", 5] == pytest.approx(float(grad[-1].norm(dim=1).mean()), rel=1e-10)


class Wrapped(nn.Module):
    """A stock GRU whose call is replaced by the function `change`."""

    def __init__(self, change, **options):
        super().__init__()
        self.inner, self.change = make(nn.GRU, options), change

    def forward(self, x, state=None):
        return self.change(self, x, state)


def forgets(self, x, state):
    return self.inner(x)


def no_state(self, x, state):
    return self.inner(x, state)[0], None


def gated_output(self, x, state):
    output, state = self.inner(x, state)
    return output * 0.5, state


def raises(self, x, state):
    if state is not None:
        raise RuntimeError("takes no state")
    return self.inner(x)


UNSUPPORTED = [
    (no_state, "it returns no state"),
    (
        lambda self, x, state: (self.inner(x)[0], ({"h": 1},)),
        "its state cannot be handed on: TypeError: "
        "a state must be a tensor, or tuples and lists of tensors, not dict",
    ),
    (forgets, "handing its state on does not continue the sequence"),
    (gated_output, "its output is not its hidden state"),
    (raises, "its state cannot be handed on: RuntimeError: takes no state"),
]


@pytest.mark.parametrize(("change", "reason"), UNSUPPORTED)
def test_a_cell_whose_flow_cannot_be_measured_is_trained_and_the_reason_is_logged_and_recorded(
    change, reason, caplog
):
    task = make_adding(seq_len=5, n_train=20, n_val=5, n_test=5)
    torch.manual_seed(0)
    cell = Wrapped(change)
    cell.inner = nn.GRU(2, H, batch_first=True)
    assert why_not_chunked(cell, 2) == reason
    assert cell.training
    with caplog.at_level(logging.WARNING, "harness.training"):
        history = run(cell, task)
    assert history.probes == {"gradflow": []}
    assert history.notes == {"gradflow": reason}
    assert history.steps == 4
    assert [record.getMessage() for record in caplog.records] == [
        f"the probe gradflow does not measure this run: {reason}"
    ]


def test_the_flow_of_a_bidirectional_cell_is_not_measured(caplog):
    task = make_adding(seq_len=5, n_train=20, n_val=5, n_test=5)
    history = run(nn.GRU(2, H, batch_first=True, bidirectional=True), task)
    assert history.probes == {"gradflow": []}
    assert history.test_loss is not None
    assert "reads in both directions" in caplog.text
    assert "reads in both directions" in history.notes["gradflow"]


def run(cell, task, **options):
    torch.manual_seed(0)
    options = TrainOptions(**({"steps": 4, "batch_size": 5, "eval_every": 2, "gates": False} | options))
    return train(SequenceClassifier(task.spec, cell), task, options, order=torch.Generator().manual_seed(0))


class Noisy(nn.Module):
    """An Elman cell that draws from every random generator and counts in buffers, in both modes."""

    def __init__(self):
        super().__init__()
        self.inner = nn.RNN(2, H, batch_first=True)
        self.register_buffer("calls", torch.zeros(()))
        self.register_buffer("rows_seen", torch.zeros(()))

    def forward(self, x, state=None):
        self.calls += 1  # in place
        self.rows_seen = self.rows_seen + len(x)  # another tensor
        torch.rand(1), np.random.rand(), random.random()
        return self.inner(x, state)


def test_the_check_of_a_cell_leaves_generators_buffers_and_mode_as_they_are():
    cell = Noisy()
    cell(torch.randn(3, 4, 2))
    cell.eval()
    before = torch.get_rng_state(), np.random.get_state()[1:3], random.getstate()
    assert why_not_chunked(cell, 2) is None
    assert torch.equal(torch.get_rng_state(), before[0])
    assert (np.random.get_state()[1] == before[1][0]).all() and np.random.get_state()[2] == before[1][1]
    assert random.getstate() == before[2]
    assert (int(cell.calls), int(cell.rows_seen)) == (1, 3)
    assert {name for name, _ in cell.named_buffers()} == {"calls", "rows_seen"}
    assert not cell.training


# --- in the training loop -----------------------------------------------------------------------------


def test_the_first_rows_of_a_training_are_the_flow_of_its_first_step():
    task = make_delayed_recall(seq_len=T, num_classes=3, n_train=12, n_val=3, n_test=3)
    torch.manual_seed(5)
    cell = nn.LSTM(6, H, batch_first=True)
    model = SequenceClassifier(task.spec, cell)
    head, weights = model.head.weight.detach().double(), {k: v.clone() for k, v in cell.state_dict().items()}
    bias = model.head.bias.detach().double()
    history = train(
        model, task, TrainOptions(steps=5, batch_size=4, eval_every=5), order=torch.Generator().manual_seed(9)
    )
    rows = torch.randperm(12, generator=torch.Generator().manual_seed(9))[:4]
    start = nn.LSTM(6, H, batch_first=True)
    start.load_state_dict(weights)
    y = task.train.y[rows]

    def losses(output):
        return F.cross_entropy(output[:, -1] @ head.T + bias, y, reduction="none")

    reference = reference_norms(start, F.one_hot(task.train.x[rows], 6).double(), losses)
    measured = norms_of([row for row in history.probes["gradflow"] if row.step == 1])
    assert set(measured) == set(reference)
    assert_same(measured, reference, rel=1e-4)
    assert {row.step for row in history.probes["gradflow"]} == {1, 5}


def test_measuring_the_flow_of_a_torch_cell_changes_nothing():
    task = make_adding(seq_len=8, n_train=30, n_val=5, n_test=5)
    histories = []
    for gradflow in (True, False):
        torch.manual_seed(2)
        histories.append(run(nn.GRU(2, H, batch_first=True), task, gradflow=gradflow, steps=12))
    with_flow, without = histories
    assert with_flow.norms == without.norms
    assert with_flow.test_loss == without.test_loss
    assert without.probes == {}
    assert len(with_flow.probes["gradflow"]) == (1 + 6) * 8


# --- points and steps ---------------------------------------------------------------------------------


@settings(max_examples=150, deadline=None)
@given(seq_len=st.integers(1, 2000), num_points=st.integers(1, 40))
def test_points_are_evenly_spread_from_the_first_step_to_the_last(seq_len, num_points):
    points = flow_points(seq_len, num_points)
    assert points[-1] == seq_len - 1
    assert len(points) == min(seq_len, num_points)
    if len(points) > 1:
        gaps = [after - before for before, after in itertools.pairwise(points)]
        assert points[0] == 0
        assert min(gaps) >= 1
        assert max(gaps) - min(gaps) <= 1


def evaluations(total, every):
    return [step for step in range(total + 1) if step % every == 0 or step == total]


@functools.cache
def model_and_task():
    task = make_adding(seq_len=3, n_train=3, n_val=2, n_test=2)
    return SequenceClassifier(task.spec, nn.RNN(2, 2, batch_first=True)), task


def state_of(**options):
    model, task = model_and_task()
    return TrainingState.begin(model, task, TrainOptions(**options), order=torch.Generator())


@settings(max_examples=150, deadline=None)
@given(total=st.integers(1, 500), every=st.integers(1, 600))
def test_evaluations_come_before_the_first_step_at_each_interval_and_after_the_last(total, every):
    state, made = state_of(steps=total, eval_every=every), []
    while (step := state.next_evaluation) is not None:
        made.append(step)
        state.history.norms = [1.0] * step
        state.history.close(Segment(), n_train=3, val_loss=1.0, val_accuracy=0.0, val_samples=2, clip=None)
    assert made == evaluations(total, every)


@settings(max_examples=150, deadline=None)
@given(total=st.integers(1, 500), every=st.integers(1, 600), most=st.integers(1, 30))
def test_probed_steps_are_the_first_the_last_and_evenly_spread_evaluations(total, every, most):
    evaluated = evaluations(total, every)[1:]
    probed = probe_steps(total, every, most)
    assert {1, total} <= probed <= {1, *evaluated}
    assert len(probed - {1}) <= most
    if len(evaluated) <= most:
        assert probed == {1, *evaluated}
    chosen = [number for number, step in enumerate(evaluated) if step in probed - {1}]
    assert len({after - before for before, after in itertools.pairwise(chosen)}) <= 1


def test_the_mean_is_over_the_sequences_that_have_not_ended():
    torch.manual_seed(0)
    cell = nn.GRU(2, 4, batch_first=True).double()
    x, lengths = torch.randn(5, 9, 2).double(), torch.tensor([9, 3, 3, 3, 3])

    def norms(x, lengths):
        output, ends = chunked_forward(cell, x, list(range(x.shape[1])))
        cell.zero_grad()
        output[torch.arange(len(x)), lengths - 1].square().sum(1).mean().backward()
        return {t: norm for (_, _, t), norm in norms_of(flow_rows(ends, 1, lengths)).items()}

    mixed, alone = norms(x, lengths), norms(x[:1], lengths[:1])
    for t in range(3, 9):
        assert mixed[t] == pytest.approx(alone[t], rel=1e-10)
    assert norms(x, torch.tensor([4, 4, 4, 4, 4])).keys() == {0, 1, 2, 3}


# --- the probe ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("points", [1, 4, 16, None])
@pytest.mark.parametrize("target", ["class", "value"])
def test_the_probe_measures_its_points_in_the_models_own_step(points, target):
    model = SequenceClassifier(spec(target), make(nn.LSTM, {}, 2)).double()
    x, y, lengths = batch()
    y = y.double() if target == "value" else y
    rows = observed_rows(GradientFlowProbe(points), model, (x, y, lengths), 3)
    assert {row.step for row in rows} == {3}
    assert {row.t for row in rows} == set(flow_points(T, points))

    def losses(output):
        answer = model.answer(output, lengths)
        return torch.stack([loss_of(answer[b : b + 1], y[b : b + 1]) for b in range(B)])

    share = {t: float((lengths > t).double().mean()) for t in range(T)}  # of the sequences not ended at t
    expected = {key: norm / share[key[2]] for key, norm in reference_norms(model.cell, x, losses).items()}
    assert_same(norms_of(rows), expected, rel=1e-10)


def test_the_options_choose_the_points_or_switch_the_probe_off():
    assert GradientFlowProbe.from_options(TrainOptions(gradflow=False)) is None
    assert GradientFlowProbe.from_options(TrainOptions(gradflow_points=3)) == GradientFlowProbe(3)
    assert GradientFlowProbe.from_options(TrainOptions(gradflow_points=None)).settings == {"points": None}


@pytest.mark.parametrize(
    ("points", "recorded", "covered"),
    [
        (16, 16, True),
        (16, 17, True),
        (16, 15, False),
        (16, None, True),
        (None, 16, False),
        (None, None, True),
    ],
)
def test_a_table_covers_a_probe_with_at_most_as_many_points(points, recorded, covered):
    assert GradientFlowProbe(points).covers({"points": recorded}) is covered


def line_rows(step, layer, state, slope, seq_len):
    """Rows of a norm of 10^(slope · steps back)."""
    logs = {t: slope * (seq_len - 1 - t) for t in range(seq_len)}
    return [
        FlowRow(step=step, layer=layer, state=state, t=t, norm=10.0**y, log10_norm=y) for t, y in logs.items()
    ]


def test_the_summary_takes_the_top_layer_at_the_first_the_best_and_the_last_probe():
    task = make_adding(seq_len=6, n_train=4, n_val=2, n_test=2)
    slopes = {1: -1.0, 50: -0.5, 100: -0.25}
    rows = [row for step, slope in slopes.items() for row in line_rows(step, 1, "h", slope, 6)]
    decoys = [
        row for step in slopes for args in ((0, "h"), (1, "c")) for row in line_rows(step, *args, -3.0, 6)
    ]
    for best_step, nearest in ((1, 1), (60, 50), (75, 50), (76, 100), (0, 1), (None, None)):
        summary = GradientFlowProbe().summary([*decoys, *rows], task, History(best_step=best_step))
        for moment, step in (("init", 1), ("best", nearest), ("end", 100)):
            expected = None if step is None else pytest.approx(5 * slopes[step])
            assert summary[f"gradflow_decades_{moment}"] == expected
        assert summary["gradflow_slope_init"] == pytest.approx(-1.0)
        assert summary["gradflow_slope"] == pytest.approx(-0.25)
        assert summary["gradflow_half_life"] == pytest.approx(math.log10(2))
        assert set(summary) <= set(COLUMNS)


@pytest.mark.parametrize("points", [1, 16])
def test_the_summary_is_empty_where_sequences_differ_in_length_or_one_point_is_recorded(points):
    task = make_adding(seq_len=6, n_train=4, n_val=2, n_test=2)
    rows = line_rows(1, 0, "h", -1.0, 6)
    if points == 1:
        rows = rows[-1:]
    else:
        task.train.lengths[0] = 3
    summary = GradientFlowProbe(points).summary(rows, task, History(best_step=1))
    assert summary.pop("gradflow_underflow") == ""
    assert len(summary) == 11 and set(summary.values()) == {None}
    assert GradientFlowProbe(points).summary([], task, History()) == summary | {"gradflow_underflow": ""}


def leaky(factor, batch_size, fused, points, length):
    """The summary of h_t = factor · h_{t−1} + 1 with ∂ℓ/∂h_{T−1} = 1: ∂ℓ/∂h_t = factor^(T−1−t)."""
    cell = nn.RNN(D, H, nonlinearity="relu", batch_first=True)
    with torch.no_grad():
        for name, value in (("weight_ih_l0", 0.0), ("bias_ih_l0", 1.0), ("bias_hh_l0", 0.0)):
            getattr(cell, name).fill_(value)
        cell.weight_hh_l0.copy_(factor * torch.eye(H))
    task = make_adding(seq_len=length, n_train=batch_size, n_val=1, n_test=1)
    model = SequenceClassifier(spec("value"), FusedCell(cell) if fused else cell)
    nn.init.ones_(model.head.weight)
    nn.init.zeros_(model.head.bias)
    x, lengths = torch.zeros(batch_size, length, D), torch.full((batch_size,), length)
    y = model(x, lengths).detach() - 0.5  # the derivative of (a - y)² is then 1
    probe = GradientFlowProbe(points)
    return probe.summary(observed_rows(probe, model, (x, y, lengths)), task, History(best_step=1))


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("points", [16, None])
def test_the_summary_of_a_linear_rnn_is_that_of_its_factor(fused, points):
    summary = leaky(0.8, 7, fused, points, 100)
    per_step = math.log10(0.8)
    for moment in ("init", "best", "end"):
        assert summary[f"gradflow_decades_{moment}"] == pytest.approx(99 * per_step, rel=1e-5)
        assert summary[f"gradflow_reach_{moment}"] == pytest.approx(-1 / per_step, rel=1e-5)
    assert summary["gradflow_r2_init"] == summary["gradflow_r2"] == pytest.approx(1)
    assert summary["gradflow_slope_init"] == summary["gradflow_slope"] == pytest.approx(per_step, rel=1e-5)
    assert summary["gradflow_half_life"] == pytest.approx(math.log10(2) / -per_step, rel=1e-5)
    assert summary["gradflow_underflow"] == ""


@pytest.mark.parametrize("fused", [True, False])
def test_a_norm_that_underflows_gives_an_upper_bound_that_holds(fused):
    # ∂L/∂h of each of 4 sequences is 2^-2 at the last step and 2^-127 at the first: just too small.
    with training_process(threads=1, keep_memory=False) as process:
        summary = leaky(0.5, 4, fused, 16, 126)
        longer = leaky(0.5, 4, fused, 16, 300)
    assert process["flush_denormal"]
    bound, true = summary["gradflow_decades_init"], -125 * math.log10(2)
    assert summary["gradflow_underflow"] == longer["gradflow_underflow"] == "init,best,end"
    assert true < bound == pytest.approx(-124 * math.log10(2)) == longer["gradflow_decades_init"]
    assert summary["gradflow_reach_init"] == pytest.approx(1 / math.log10(2))
    assert summary["gradflow_slope"] is summary["gradflow_r2_init"] is summary["gradflow_half_life"] is None
