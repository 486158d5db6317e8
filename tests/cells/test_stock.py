"""Stock cells taken apart: the layers share the parameters, and together they are the stock module."""

import itertools

import pytest
import torch
from torch import nn

from harness.cells import is_stock, lstm_output_gate, split_layers

STOCK = [
    pytest.param(nn.RNN, {"nonlinearity": "tanh"}, id="tanh"),
    pytest.param(nn.RNN, {"nonlinearity": "relu"}, id="relu"),
    pytest.param(nn.LSTM, {}, id="lstm"),
    pytest.param(nn.GRU, {}, id="gru"),
]


def make(kind, options, layers, bias=True, batch_first=True):
    torch.manual_seed(0)
    cell = kind(3, 5, num_layers=layers, bias=bias, batch_first=batch_first, dtype=torch.float64, **options)
    return cell.eval()


def run_through(layers, x):
    for layer in layers:
        x, _ = layer(x)
    return x


@pytest.mark.parametrize(("kind", "options"), STOCK)
@pytest.mark.parametrize(("layers", "bias"), list(itertools.product((1, 2, 3), (True, False))))
def test_layers_one_after_the_other_compute_what_the_stock_module_computes(kind, options, layers, bias):
    cell = make(kind, options, layers, bias)
    x = torch.randn(4, 7, 3, dtype=torch.float64)
    parts = split_layers(cell)
    assert [type(part) for part in parts] == [kind] * layers
    assert torch.allclose(run_through(parts, x), cell(x)[0], rtol=1e-13, atol=1e-14)


def test_time_first_cells_stay_time_first():
    cell = make(nn.GRU, {}, 2, batch_first=False)
    x = torch.randn(7, 4, 3, dtype=torch.float64)
    assert torch.allclose(run_through(split_layers(cell), x), cell(x)[0], rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize(("kind", "options"), STOCK)
@pytest.mark.parametrize("bias", [True, False])
def test_layers_hold_the_very_parameters_of_the_cell(kind, options, bias):
    cell = make(kind, options, 3, bias)
    parts = split_layers(cell)
    shared = [id(p) for part in parts for p in part.parameters()]
    assert sorted(shared) == sorted(id(p) for p in cell.parameters())
    for index, part in enumerate(parts):
        for name, parameter in part.named_parameters():
            assert parameter is getattr(cell, name.replace("_l0", f"_l{index}"))


@pytest.mark.parametrize(("kind", "options"), STOCK)
def test_gradients_land_in_the_cell(kind, options):
    cell = make(kind, options, 3)
    x = torch.randn(4, 7, 3, dtype=torch.float64)
    cell(x)[0].sin().sum().backward()
    whole = [p.grad.clone() for p in cell.parameters()]
    cell.zero_grad()
    run_through(split_layers(cell), x).sin().sum().backward()
    for expected, parameter in zip(whole, cell.parameters(), strict=True):
        assert torch.allclose(parameter.grad, expected, rtol=1e-10, atol=1e-12)


def test_an_update_of_the_cell_is_seen_by_its_layers():
    cell = make(nn.LSTM, {}, 2)
    parts = split_layers(cell)
    x = torch.randn(4, 7, 3, dtype=torch.float64)
    before = run_through(parts, x)
    with torch.no_grad():
        for parameter in cell.parameters():
            parameter.mul_(1.5)
    after = run_through(parts, x)
    assert not torch.allclose(before, after)
    assert torch.allclose(after, cell(x)[0], rtol=1e-13, atol=1e-14)


def test_splitting_draws_no_random_numbers():
    cell = make(nn.GRU, {}, 3)
    before = torch.get_rng_state()
    split_layers(cell)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("bias", [True, False])
def test_output_gate_is_the_one_of_an_lstm_step_worked_by_hand(bias):
    torch.manual_seed(1)
    layer = nn.LSTM(3, 2, bias=bias, batch_first=True, dtype=torch.float64)
    x, h, c = (torch.randn(4, size, dtype=torch.float64) for size in (3, 2, 2))
    layer.requires_grad_(False)
    gate = lstm_output_gate(layer, x, h)
    _, (h_next, c_next) = layer(x[:, None], (h[None], c[None]))
    for b in range(4):
        for unit in range(2):
            row = 3 * 2 + unit  # gates lie in the order i, f, g, o
            total = sum(float(layer.weight_ih_l0[row, k] * x[b, k]) for k in range(3))
            total += sum(float(layer.weight_hh_l0[row, k] * h[b, k]) for k in range(2))
            if bias:
                total += float(layer.bias_ih_l0[row] + layer.bias_hh_l0[row])
            assert float(gate[b, unit]) == pytest.approx(
                1 / (1 + torch.exp(torch.tensor(-total).double()).item())
            )
    # And torch's own step obeys h_t = o_t tanh c_t with it.
    assert torch.allclose(gate * c_next[0].tanh(), h_next[0], rtol=1e-12, atol=0)


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        (nn.RNN(2, 3), True),
        (nn.LSTM(2, 3, num_layers=2), True),
        (nn.GRU(2, 3, bias=False), True),
        (nn.GRU(2, 3, bidirectional=True), False),
        (nn.LSTM(2, 3, proj_size=2), False),
        (nn.Linear(2, 3), False),
        (type("Mine", (nn.LSTM,), {})(2, 3), False),
    ],
)
def test_only_the_plain_torch_classes_are_stock(cell, expected):
    assert is_stock(cell) is expected
