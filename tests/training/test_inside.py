"""One sequence through a model: against `torch.nn` step by step, finite differences, and the model itself."""

import dataclasses

import numpy as np
import pytest
import torch
from torch import nn

from harness.tasks import NO_LABEL, make_adding
from harness.training import SequenceClassifier, evaluate
from harness.training.inside import look_inside
from harness.training.model import loss_of
from tests.outside import LeakyCell, NoState
from tests.training.probes.third_party import DetachedState, InPlace, NotInTheState
from tests.training.test_model import CELLS, classes_spec

SPEC = classes_spec(input_size=5)


@pytest.fixture
def sequence():
    """A padded sequence of 7 valid steps, and its class."""
    torch.manual_seed(0)
    return torch.randn(9, 5, dtype=torch.float64), torch.tensor(2), 7


def model_of(cell, spec=SPEC, **options):
    torch.manual_seed(1)
    return SequenceClassifier(spec, cell, **options).double().eval()


@pytest.mark.parametrize(("kind", "options"), CELLS)
def test_states_answer_and_loss_are_those_of_the_model(sequence, kind, options):
    x, y, length = sequence
    model = model_of(kind(5, 6, batch_first=True, **options))
    inside = look_inside(model, x, y, length)
    logits = model(x[None], torch.tensor([length]))
    np.testing.assert_allclose(inside.answer, logits.softmax(-1)[0].detach(), rtol=1e-12)
    assert inside.loss == pytest.approx(loss_of(logits, y[None]).item(), rel=1e-12)
    states, last = model.cell(x[None, :length])
    assert [layer.layer for layer in inside.layers] == list(range(model.cell.num_layers))
    np.testing.assert_allclose(inside.layers[-1].states["h"], states[0].detach(), atol=1e-12)
    if kind is nn.LSTM:
        np.testing.assert_allclose(inside.layers[-1].states["c"][-1], last[1][0, 0].detach(), atol=1e-12)
    for t in range(length):  # the head at each step: the model on the sequence up to there
        so_far = model(x[None], torch.tensor([t + 1])).softmax(-1)[0]
        np.testing.assert_allclose(inside.at_each_step[t], so_far.detach(), atol=1e-12)
    assert inside.note == "" and inside.x.shape == (7, 5)


@pytest.mark.parametrize(("kind", "options"), CELLS)
def test_gradients_are_finite_differences_of_the_loss_by_each_state(sequence, kind, options):
    x, y, length = sequence
    model = model_of(kind(5, 6, batch_first=True, **(options | {"num_layers": 1})))
    (layer,) = look_inside(model, x, y, length).layers
    names = list(layer.states)

    def loss_from(t, name, step):
        """The loss where the state at t is moved along a fixed direction; h moves with c."""
        parts = {n: torch.tensor(layer.states[n][t]) for n in names}
        parts[name] = parts[name] + step * torch.linspace(-1, 1, 6).double()
        if name == "c":
            parts["h"] = torch.tensor(layer.gates["o"][t]) * parts["c"].tanh()
        state = tuple(part.view(1, 1, 6) for part in parts.values())
        later = model.cell(x[None, t + 1 : length], state if len(state) > 1 else state[0])[0]
        return loss_of(model.head(later[:, -1]), y[None]).item()

    for t in range(length - 1):
        for name in names:
            by_difference = (loss_from(t, name, 1e-5) - loss_from(t, name, -1e-5)) / 2e-5
            along = layer.gradients[name][t] @ np.linspace(-1, 1, 6)
            assert along == pytest.approx(by_difference, rel=1e-5, abs=1e-10)


def test_gates_write_the_cell_state(sequence):
    inside = look_inside(model_of(nn.LSTM(5, 6, batch_first=True)), *sequence)
    gates, c = inside.layers[0].gates, inside.layers[0].states["c"]
    before = np.vstack([np.zeros(6), c[:-1]])
    np.testing.assert_allclose(c, gates["f"] * before + gates["i"] * gates["g"], atol=1e-12)
    np.testing.assert_allclose(inside.layers[0].states["h"], gates["o"] * np.tanh(c), atol=1e-12)


def test_a_cell_of_others_shows_its_output_and_gradient(sequence):
    x, y, length = sequence
    model = model_of(LeakyCell(5, 6, batch_first=True))
    inside = look_inside(model, *sequence)
    (layer,) = inside.layers
    assert layer.gates == {} and "no gates: LeakyCell" in inside.note and "gradients" not in inside.note
    output, _ = model.cell(x[None, :length])
    np.testing.assert_allclose(layer.states["h"], output[0].detach(), atol=1e-12)
    h = output[:, -1].detach().requires_grad_()
    loss_of(model.head(h), y[None]).backward()
    np.testing.assert_allclose(layer.gradients["h"][-1], h.grad[0], atol=1e-12)
    assert layer.gradients["h"].shape == (7, 6) and np.abs(layer.gradients["h"][0]).max() > 0


@pytest.mark.parametrize(
    ("cell", "why"),
    [
        (NoState(5, 6), "it returns no state"),
        (nn.GRU(5, 6, bidirectional=True, batch_first=True), "both directions"),
    ],
)
def test_what_cannot_be_measured_is_empty_with_a_reason(sequence, cell, why):
    inside = look_inside(model_of(cell), *sequence)
    assert inside.layers[0].gradients == {} and inside.layers[0].gates == {}
    assert why in inside.note
    assert (inside.at_each_step is None) == isinstance(cell, nn.GRU)


def test_labels_at_steps_have_an_answer_at_each(sequence):
    x, _, length = sequence
    spec = dataclasses.replace(SPEC, target="steps")
    y = torch.tensor([1, NO_LABEL, 3, 0, NO_LABEL, 2, 1, NO_LABEL, NO_LABEL])
    model = model_of(nn.GRU(5, 6, batch_first=True), spec)
    inside = look_inside(model, x, y, length)
    assert inside.answer.shape == (7, 4) and inside.at_each_step is None
    assert inside.loss == pytest.approx(loss_of(model(x[None, :7], torch.tensor([7])), y[None, :7]).item())


def test_the_model_is_left_as_it_was(sequence):
    model = model_of(nn.GRU(5, 6, batch_first=True)).train()
    grads = [torch.randn_like(p) for p in model.parameters()]
    for parameter, grad in zip(model.parameters(), grads, strict=True):
        parameter.grad = grad
    look_inside(model, *sequence)
    assert model.training and all(p.grad is g for p, g in zip(model.parameters(), grads, strict=True))


@pytest.mark.parametrize(
    ("cell", "why"),
    [
        (DetachedState, "the gradient of the input at t = 4 differs"),
        (NotInTheState, "its output step by step is not that of one call"),
    ],
)
def test_a_cell_that_is_another_step_by_step_is_shown_as_one_call_makes_it(cell, why):
    torch.manual_seed(2)
    task = make_adding(seq_len=6, n_train=4, n_val=4, n_test=4)
    model = SequenceClassifier(task.spec, cell(2, 4))
    x, y = task.val.x[0], task.val.y[0]
    inside = look_inside(model, x, y, 6)
    assert why in inside.note and inside.layers[0].gradients == {}
    assert inside.answer == pytest.approx(model(x[None], torch.tensor([6])).item(), rel=1e-5)


def test_a_cell_that_changes_its_input_is_shown_the_sequence_as_it_is():
    task = make_adding(seq_len=6, n_train=4, n_val=4, n_test=4)
    model = SequenceClassifier(task.spec, InPlace(2, 4))
    before = task.val.x.clone()
    inside = look_inside(model, task.val.x[0], task.val.y[0], 6)
    evaluate(model, task.val, tolerance=None, device=torch.device("cpu"))
    assert torch.equal(task.val.x, before)
    assert (inside.x == before[0].numpy()).all() and inside.layers[0].gradients
