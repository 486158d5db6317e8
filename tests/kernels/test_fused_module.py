"""A fused cell as a torch module: copies, state dicts, shared weights, changes of dtype."""

import copy
import io
import pickle

import pytest
import torch
from torch import nn

from harness.kernels import FusedCell
from tests.kernels.compare import CELLS, F32, F64, MOST, assert_close, draw, first_state, outcome, stock

ALL = pytest.mark.parametrize("name", list(CELLS))
X = draw(3, 6, 4)


@ALL
def test_a_copy_has_the_same_numbers_and_its_own_weights(name):
    cell = FusedCell(stock(name, 4, 5, layers=2))
    expected = cell(X)[0].detach()
    buffer = io.BytesIO()
    torch.save(cell, buffer)
    buffer.seek(0)
    copies = [copy.deepcopy(cell), pickle.loads(pickle.dumps(cell)), torch.load(buffer, weights_only=False)]
    with torch.no_grad():
        for parameter in cell.parameters():
            parameter.zero_()
    for one in copies:
        assert torch.equal(one(X)[0], expected)
    assert not torch.equal(cell(X)[0], expected)


@ALL
def test_a_state_dict_restores_the_cell(name):
    cell, other = FusedCell(stock(name, 4, 5, layers=2)), FusedCell(stock(name, 4, 5, layers=2, seed=9))
    assert not torch.equal(other(X)[0], cell(X)[0])
    assert other.load_state_dict(cell.state_dict()).missing_keys == []
    assert torch.equal(other(X)[0], cell(X)[0])
    assert {key.removeprefix("cell.") for key in cell.state_dict()} == set(cell.cell.state_dict())


def test_weights_are_shared_with_the_wrapped_cell():
    plain = stock("lstm", 4, 5, layers=2)
    cell = FusedCell(plain)
    assert [id(p) for p in cell.parameters()] == [id(p) for p in plain.parameters()]
    for stepped in (cell, plain):
        before = plain(X)[0].detach()
        optimizer = torch.optim.SGD(stepped.parameters(), lr=0.1)
        cell(X)[0].square().sum().backward()
        optimizer.step()
        optimizer.zero_grad()
        assert not torch.allclose(plain(X)[0], before)
        assert_close({"output": cell(X)[0].detach()}, {"output": plain(X)[0].detach()}, MOST[F64])


def test_a_change_of_dtype_after_wrapping_has_its_effect():
    plain = stock("lstm", 4, 5, layers=2, dtype=F32)
    cell = nn.Sequential(FusedCell(plain)).to(F64)[0]
    x = X.clone().requires_grad_()
    state = first_state("lstm", 2, 3, 5)
    assert cell.dtype == F64
    assert_close(outcome(cell, x, state), outcome(plain, x, state), MOST[F64])


def test_weights_can_have_any_memory_layout():
    plain, x = stock("gru", 4, 8), X.clone().requires_grad_()
    expected = outcome(plain, x)
    for parameter in plain.parameters():
        spread = torch.zeros(*parameter.shape, 2, dtype=F64)
        spread[..., 1] = parameter.detach()
        parameter.data = spread[..., 1]
        assert not parameter.is_contiguous()
    assert_close(outcome(FusedCell(plain), x), expected, MOST[F64])
