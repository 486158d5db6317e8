"""The equations against torch's modules, with gradients; shared weights; and what docs/cells.md shows."""

import ast
import inspect
import re
from pathlib import Path

import pytest
import torch
from torch import nn

from harness.cells import equations, make_cell, output_size, split_layers

PAGE = Path(__file__).parents[2] / "docs" / "cells.md"
TWINS = {
    equations.RNN: (nn.RNN, {}),
    equations.ReluRNN: (nn.RNN, {"nonlinearity": "relu"}),
    equations.LSTM: (nn.LSTM, {}),
    equations.GRU: (nn.GRU, {}),
}
PRECISIONS = [(torch.float32, 1e-6), (torch.float64, 1e-12)]
T, B, D, H = 12, 4, 3, 5


def twin_of(cell_class, dtype=torch.float64, **options):
    kind, more = TWINS[cell_class]
    torch.manual_seed(1)
    return kind(D, H, batch_first=True, dtype=dtype, **more, **options)


def outputs_and_gradients(cell, x, state):
    """The output, the last states, and the gradients of all parameters, the input and the first states."""
    leaves = [x.detach().requires_grad_(), *(part.detach().requires_grad_() for part in state)]
    x, *state = leaves
    output, last = cell(x, tuple(state) if len(state) > 1 else state[0])
    lasts = last if isinstance(last, tuple) else (last,)
    wanted = [*leaves, *cell.parameters()]
    loss = output.square().sum() + sum((k + 2) * part.sum() for k, part in enumerate(lasts))
    return [output, *lasts], torch.autograd.grad(loss, wanted)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(("dtype", "error"), PRECISIONS)
@pytest.mark.parametrize("cell_class", TWINS)
def test_outputs_and_gradients_are_those_of_torch(cell_class, dtype, error, bias):
    twin = twin_of(cell_class, dtype, bias=bias)
    cell = cell_class.from_torch(twin)
    x = torch.randn(B, T, D, dtype=dtype)
    state = torch.randn(2 if cell_class is equations.LSTM else 1, 1, B, H, dtype=dtype).unbind(0)
    for ours, theirs in zip(*(outputs_and_gradients(one, x, state) for one in (cell, twin)), strict=True):
        assert len(ours) == len(theirs)
        for a, b in zip(ours, theirs, strict=True):
            assert a.shape == b.shape
            assert (a - b).detach().abs().max() <= error * max(1.0, float(b.detach().abs().max()))


@pytest.mark.parametrize("cell_class", TWINS)
def test_both_share_their_parameters_in_both_directions(cell_class):
    twin = twin_of(cell_class)
    cell = cell_class.from_torch(twin)
    back = cell.to_torch()
    assert type(back) is type(twin)
    x = torch.randn(B, T, D, dtype=torch.float64)
    with torch.no_grad():
        twin.weight_hh_l0.mul_(0.5)
    assert torch.allclose(cell(x)[0], twin(x)[0], atol=1e-12)
    assert torch.equal(back(x)[0], twin(x)[0])
    cell(x)[0].sum().backward()
    assert twin.weight_hh_l0.grad is back.weight_hh_l0.grad is cell.weight_hh_l0.grad is not None
    # A fresh one of either kind takes over the saved weights of the other.
    own = cell_class(D, H).double()
    own.load_state_dict(twin.state_dict())
    assert torch.equal(own(x)[0], cell(x)[0])
    other = twin_of(cell_class)
    other.load_state_dict(own.state_dict())
    assert torch.equal(other(x)[0], twin(x)[0])


def test_an_equation_cell_can_be_trained_as_any_cell():
    cell = make_cell(equations.LSTM, D, H)
    assert output_size(cell, D) == H
    output, (h, c) = cell(torch.zeros(B, T, D))
    assert output.shape == (B, T, H) and h.shape == c.shape == (1, B, H)
    time_first = equations.GRU(D, H, batch_first=False)
    assert time_first(torch.zeros(T, B, D))[0].shape == (T, B, H)
    assert time_first.to_torch()(torch.zeros(T, B, D))[0].shape == (T, B, H)


def test_gates_are_returned_at_every_step():
    twin = twin_of(equations.LSTM)
    x = torch.randn(B, T, D, dtype=torch.float64)
    whole = equations.unroll_layer(twin, x)
    assert list(whole.gates) == ["i", "f", "g", "o"]
    h, c = whole.states
    assert all(gate.shape == (B, T, H) for gate in (*whole.gates.values(), h, c))
    i, f, g, o = whole.gates.values()
    assert torch.allclose(c[:, 1:], f[:, 1:] * c[:, :-1] + i[:, 1:] * g[:, 1:], atol=1e-14)
    assert torch.allclose(h, o * c.tanh(), atol=1e-14)
    assert torch.equal(whole.last[1], c[:, -1])


def test_layers_of_a_stacked_cell_are_unrolled_one_by_one():
    twin = twin_of(equations.GRU, num_layers=2)
    x = output = torch.randn(B, T, D, dtype=torch.float64)
    for layer in split_layers(twin):
        output = equations.unroll_layer(layer, output).states[0]
    assert torch.allclose(output, twin(x)[0], atol=1e-12)


def test_a_reset_before_the_product_differs_from_one_after_it():
    twin = twin_of(equations.GRU)
    x = torch.randn(B, T, D, dtype=torch.float64)
    before = equations.GRUResetBefore.from_torch(twin)
    assert (before(x)[0] - twin(x)[0]).abs().max() > 1e-3
    with torch.no_grad():  # the product commutes with the gate where it is unit by unit, and has no bias
        twin.weight_hh_l0[2 * H :] = torch.diag(torch.rand(H))
        twin.bias_hh_l0[2 * H :] = 0
    assert torch.allclose(before(x)[0], twin(x)[0], atol=1e-12)


def test_modules_without_equations_are_refused():
    for module, named in ((nn.LSTM(D, H, bidirectional=True), "LSTM"), (nn.Linear(D, H), "Linear")):
        with pytest.raises(ValueError, match=rf"in one direction, not of {named}"):
            equations.weights_of(module)
    with pytest.raises(ValueError, match="one by one"):
        equations.LSTM.from_torch(nn.LSTM(D, H, num_layers=2))
    with pytest.raises(ValueError, match=r"the twin of LSTM is lstm, not GRU\(3, 5\)"):
        equations.LSTM.from_torch(nn.GRU(D, H))


# --- docs/cells.md ---------------------------------------------------------------------------------------

STEP_FUNCTIONS = ("rnn_tanh_step", "lstm_step", "gru_step", "gru_reset_before_step")


def assignments(function):
    """The lines of a step function that compute something: what is set, and their text."""
    tree = ast.parse(inspect.getsource(getattr(equations, function)))
    [body] = [node.body for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    return [(line.targets[0].id, line) for line in body
            if isinstance(line, ast.Assign) and isinstance(line.targets[0], ast.Name)]  # fmt: skip


def data_flow(function):
    """Which values go into which: (from, to), states at the step before as `h0` and `c0`."""
    edges, known = set(), {"h": "h0", "c": "c0", "x": "x"}
    for target, line in assignments(function):
        read = {node.id for node in ast.walk(line.value) if isinstance(node, ast.Name)} - {"w", "torch"}
        edges |= {(known.get(name, name), target) for name in read}
        known[target] = target
    return edges


@pytest.mark.parametrize("function", STEP_FUNCTIONS)
def test_the_page_shows_each_line_of_the_code(function):
    text = PAGE.read_text(encoding="utf-8")
    table = re.search(rf"\| equation \| `{function}` \|\n\|[- |]+\|\n((?:\|.*\n)+)", text)[1]
    shown = [row.strip("| ").split(" | ")[-1].strip("`") for row in table.splitlines()]
    assert shown == [ast.unparse(line) for _, line in assignments(function)]


@pytest.mark.parametrize("function", STEP_FUNCTIONS[:3])
def test_the_drawings_show_the_data_flow_of_the_code(function):
    text = PAGE.read_text(encoding="utf-8")
    part = text[text.index(f"| equation | `{function}` |") :]
    drawing = re.search(r"```mermaid\nflowchart LR\n(.*?)```", part, flags=re.DOTALL)[1]
    edges = set()
    for line in drawing.splitlines():
        if "-->" in line:
            left, right = (
                re.findall(r"\b(\w+)(?:\[.*?\])?(?= &|$)", side.strip()) for side in line.split("-->")
            )
            edges |= {(a, b) for a in left for b in right}
    assert edges == data_flow(function)


def test_the_data_flow_is_the_same_with_a_reset_before_the_product():
    assert data_flow("gru_reset_before_step") == data_flow("gru_step")
