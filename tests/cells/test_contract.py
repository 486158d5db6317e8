"""The contract of a cell: built with the arguments of `torch.nn.RNN`, checked, refused with a reason."""

import pytest
import torch
from torch import nn

from harness.cells import make_cell, output_size


@pytest.mark.parametrize("kind", [nn.RNN, nn.LSTM, nn.GRU])
def test_a_stock_cell_gets_its_sizes_and_options_and_is_batch_first(kind):
    cell = make_cell(kind, 3, 5, num_layers=2, dropout=0.25, bias=False)
    assert (cell.input_size, cell.hidden_size, cell.num_layers) == (3, 5, 2)
    assert (cell.dropout, cell.bias, cell.batch_first) == (0.25, False, True)


def test_a_function_can_make_the_cell():
    cell = make_cell(lambda *sizes, **options: nn.GRU(*sizes, bidirectional=True, **options), 3, 5)
    assert output_size(cell, 3) == 10


def test_a_target_that_returns_no_module_is_refused_by_name():
    def make_dict(input_size, hidden_size, batch_first):
        return {}

    with pytest.raises(TypeError, match=r"must be a torch\.nn\.Module, .*make_dict returned a dict"):
        make_cell(make_dict, 3, 5)
    with pytest.raises(TypeError, match="batch_first"):
        make_cell(nn.Linear, 3, 5)


class HandsOptionsOn(nn.Linear):
    """A constructor that accepts anything, and one above it that does not."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)


@pytest.mark.parametrize(
    ("target", "options", "reason"),
    [
        (nn.Linear, {}, "unexpected keyword argument 'batch_first'"),
        (HandsOptionsOn, {}, "unexpected keyword argument 'batch_first'"),
        (lambda hidden_size, *, batch_first: None, {}, "too many positional arguments"),
        (lambda x, h, batch_first: None, {"num_layers": 1}, "unexpected keyword argument 'num_layers'"),
    ],
)
def test_another_constructor_is_refused_and_the_adapter_named(target, options, reason):
    with pytest.raises(TypeError, match=f"{reason}.*leave a key out .*adapter: docs/extending.md"):
        make_cell(target, 3, 5, **options)


def test_an_error_inside_a_constructor_stays_what_it_is():
    def fails(input_size, hidden_size, batch_first):
        raise TypeError("of its own")

    with pytest.raises(TypeError, match="^of its own$"):
        make_cell(fails, 3, 5)


@pytest.mark.parametrize(
    ("cell", "size"),
    [
        (nn.RNN(3, 5, batch_first=True), 5),
        (nn.LSTM(3, 5, batch_first=True, proj_size=2), 2),
        (nn.GRU(3, 5, batch_first=True, bidirectional=True, dtype=torch.float64), 10),
    ],
)
@pytest.mark.filterwarnings("ignore:LSTM with projections")
def test_output_size_is_measured_and_leaves_the_cell_unchanged(cell, size):
    for training in (True, False):
        cell.train(training)
        before = (torch.get_rng_state(), [p.clone() for p in cell.parameters()])
        assert output_size(cell, 3) == size
        assert cell.training is training
        assert torch.equal(before[0], torch.get_rng_state())
        assert all(torch.equal(a, b) for a, b in zip(before[1], cell.parameters(), strict=True))
        assert all(p.grad is None for p in cell.parameters())


class Returns(nn.Module):
    """Returns what a given function makes of the input."""

    def __init__(self, make):
        super().__init__()
        self.make = make

    def forward(self, x):
        return self.make(x)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda x: x, "must return .output, state., as torch.nn.RNN does; Returns returned Tensor"),
        (lambda x: (x, x, x), "Returns returned tuple"),
        (lambda x: [x, x], "Returns returned list"),
        (lambda x: (None, x), "Returns returned tuple"),
        (
            lambda x: (x[:, 0], x),
            r"shape \(batch, steps, features\); Returns returned \(1, 3\) for an input of shape \(1, 1, 3\)",
        ),
        (lambda x: (x.repeat(1, 2, 1), x), r"Returns returned \(1, 2, 3\) for"),
    ],
)
def test_another_return_value_is_refused_and_named(make, message):
    with pytest.raises(TypeError, match=message):
        output_size(Returns(make), 3)


def test_a_module_without_parameters_can_be_a_cell():
    assert output_size(Returns(lambda x: (x.repeat(1, 1, 4), None)), 3) == 12
