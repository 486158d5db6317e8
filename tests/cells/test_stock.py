"""The table of stock cells against torch's modules; the layers of a stacked cell compute what it computes."""

import itertools

import pytest
import torch
from torch import nn

from harness.cells import (
    STOCK_CELLS,
    gates_of,
    is_stock,
    lstm_output_gate,
    split_layers,
    stock_cell_made_by,
    stock_cell_of,
)

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
def test_layers_in_sequence_compute_what_the_stock_module_computes(kind, options, layers, bias):
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
def test_layers_share_the_parameters_of_the_cell(kind, options, bias):
    cell = make(kind, options, 3, bias)
    parts = split_layers(cell)
    shared = [id(p) for part in parts for p in part.parameters()]
    assert sorted(shared) == sorted(id(p) for p in cell.parameters())
    for index, part in enumerate(parts):
        for name, parameter in part.named_parameters():
            assert parameter is getattr(cell, name.replace("_l0", f"_l{index}"))


@pytest.mark.parametrize(("kind", "options"), STOCK)
def test_gradients_accumulate_in_the_cell(kind, options):
    cell = make(kind, options, 3)
    x = torch.randn(4, 7, 3, dtype=torch.float64)
    cell(x)[0].sin().sum().backward()
    whole = [p.grad.clone() for p in cell.parameters()]
    cell.zero_grad()
    run_through(split_layers(cell), x).sin().sum().backward()
    for expected, parameter in zip(whole, cell.parameters(), strict=True):
        assert torch.allclose(parameter.grad, expected, rtol=1e-10, atol=1e-12)


def test_an_update_of_the_cell_changes_its_layers():
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


def test_splitting_draws_no_random_number():
    cell = make(nn.GRU, {}, 3)
    before = torch.get_rng_state()
    split_layers(cell)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("bias", [True, False])
def test_the_output_gate_equals_that_of_an_lstm_step_computed_by_hand(bias):
    torch.manual_seed(1)
    layer = nn.LSTM(3, 2, bias=bias, batch_first=True, dtype=torch.float64)
    x, h, c = (torch.randn(4, size, dtype=torch.float64) for size in (3, 2, 2))
    layer.requires_grad_(False)
    gate = lstm_output_gate(layer, x, h)
    _, (h_next, c_next) = layer(x[:, None], (h[None], c[None]))
    for b in range(4):
        for unit in range(2):
            row = 3 * 2 + unit  # the order of gates is i, f, g, o
            total = sum(float(layer.weight_ih_l0[row, k] * x[b, k]) for k in range(3))
            total += sum(float(layer.weight_hh_l0[row, k] * h[b, k]) for k in range(2))
            if bias:
                total += float(layer.bias_ih_l0[row] + layer.bias_hh_l0[row])
            assert float(gate[b, unit]) == pytest.approx(
                1 / (1 + torch.exp(torch.tensor(-total).double()).item())
            )
    # torch's own step satisfies h_t = o_t tanh c_t with this gate.
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
    assert (stock_cell_of(cell) is not None) is expected


MODULES = {
    "rnn_tanh": nn.RNN(3, 5),
    "rnn_relu": nn.RNN(3, 5, nonlinearity="relu"),
    "lstm": nn.LSTM(3, 5),
    "gru": nn.GRU(3, 5),
}


@pytest.mark.parametrize("name", list(MODULES))
def test_an_entry_of_the_table_describes_the_module_of_torch(name):
    module, entry = MODULES[name], STOCK_CELLS[name]
    assert entry.name == name
    assert stock_cell_of(module) is entry
    assert stock_cell_made_by(type(module), getattr(module, "nonlinearity", None)) is entry
    assert entry.num_gates * 5 == len(module.weight_hh_l0)
    state = module(torch.zeros(1, 1, 3))[1]
    assert entry.has_cell_state is isinstance(state, tuple)
    assert entry.revision == 0


def test_the_table_holds_these_cells_only():
    assert set(STOCK_CELLS) == set(MODULES)


@pytest.mark.parametrize(
    ("target", "nonlinearity", "name"),
    [
        (nn.RNN, None, "rnn_tanh"),
        (nn.RNN, "relu", "rnn_relu"),
        (nn.GRU, "relu", "gru"),
        (nn.GRUCell, None, None),
        (type("Mine", (nn.LSTM,), {}), None, None),
        (lambda *sizes: nn.LSTM(*sizes), None, None),
    ],
)
def test_the_entry_of_a_class_is_that_of_the_modules_it_makes(target, nonlinearity, name):
    assert stock_cell_made_by(target, nonlinearity) is (STOCK_CELLS[name] if name else None)


def test_gates_are_also_known_for_subclasses_and_for_nothing_else():
    assert [gates_of(kind) for kind in (nn.RNN, nn.LSTM, nn.GRU)] == [1, 4, 3]
    assert gates_of(type("Mine", (nn.LSTM,), {})) == 4
    assert gates_of(nn.Linear) is gates_of(nn.RNNBase) is gates_of(lambda *sizes: None) is None


def step_of_torch(name, zeroed, only):
    """One step of torch from a state of ones, all weights 0 except the rows of the gates in `only`."""
    module = {"lstm": nn.LSTM, "gru": nn.GRU}[name](1, 2, bias=True, dtype=torch.float64)
    entry = STOCK_CELLS[name]
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.zero_()
        for gate in only:
            module.bias_ih_l0[entry.rows_of(gate, 2)] = zeroed
    ones = torch.ones(1, 1, 2, dtype=torch.float64)
    state = (ones, ones) if name == "lstm" else ones
    return module(torch.zeros(1, 1, 1, dtype=torch.float64), state)


def test_the_letters_of_the_lstms_gates_are_those_of_its_equations():
    # A bias of 50 or -50 makes a gate 1 or 0; the others stay at sigmoid(0) = 1/2 or tanh(0) = 0.
    tanh = torch.tanh(torch.tensor([0.5, 1.0, 0.0, 1.5], dtype=torch.float64))

    def c_and_h(value, gate):
        _, (h, c) = step_of_torch("lstm", value, gate)
        return c.flatten().tolist(), h.flatten().tolist()

    assert c_and_h(50.0, "f")[0] == pytest.approx([1.0, 1.0])  # c' = f c + i g = 1
    assert c_and_h(-50.0, "f")[0] == pytest.approx([0.0, 0.0], abs=1e-12)
    assert c_and_h(50.0, "g")[0] == pytest.approx([1.0, 1.0])  # c' = 1/2 + 1/2
    assert c_and_h(50.0, "ig")[0] == pytest.approx([1.5, 1.5])  # c' = 1/2 + 1
    assert c_and_h(50.0, "o")[1] == pytest.approx([float(tanh[0])] * 2)  # h' = tanh(1/2)
    assert c_and_h(-50.0, "o")[1] == pytest.approx([0.0, 0.0], abs=1e-12)


def test_the_letters_of_the_grus_gates_are_those_of_its_equations():
    def h(value, gate):
        return step_of_torch("gru", value, gate)[1].flatten().tolist()

    assert h(50.0, "z") == pytest.approx([1.0, 1.0])  # h' = (1 - z) n + z h = h
    assert h(-50.0, "z") == pytest.approx([0.0, 0.0], abs=1e-12)  # h' = n = 0
    assert h(50.0, "n") == pytest.approx([1.0, 1.0])  # h' = 1/2 + 1/2
    assert h(50.0, "r") == pytest.approx([0.5, 0.5])  # r alone changes nothing without weights
