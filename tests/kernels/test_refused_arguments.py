"""Inputs, states, lengths and weights that a fused cell refuses, each in one line."""

import pytest
import torch

from harness.kernels import FusedCell
from tests.kernels.compare import draw, stock

X = draw(3, 6, 4)
H, C = draw(2, 3, 5), draw(2, 3, 5)
BAD_INPUTS = {
    "features": X[:, :, :3],
    "no batch": X[0],
    "a number": X[0, 0, 0],
    "four dimensions": X[None],
    "no sequence": X[:0],
    "no step": X[:, :0],
    "float32": X.float(),
    "half": X.half(),
    "whole numbers": X.long(),
    "meta": X.to("meta"),
}
BAD_LSTM_STATES = {
    "one part": H,
    "three parts": (H, C, C),
    "no part": (),
    "layers": (H[:1], C[:1]),
    "sequences": (H[:, :2], C[:, :2]),
    "sequences that would broadcast": (H[:, :1], C[:, :1]),
    "units": (H[..., :4], C[..., :4]),
    "units that would broadcast": (H[..., :1], C),
    "no batch": (H[:, 0], C[:, 0]),
    "float32": (H.float(), C.float()),
    "float32 c": (H, C.float()),
    "meta": (H.to("meta"), C.to("meta")),
}
BAD_LENGTHS = {
    "zero": torch.tensor([6, 0, 1]),
    "below zero": torch.tensor([6, -1, 1]),
    "too long": torch.tensor([7, 1, 1]),
    "int32": torch.tensor([6, 1, 1], dtype=torch.int32),
    "real numbers": torch.tensor([6.0, 1.0, 1.0]),
    "too few": torch.tensor([6, 1]),
    "too many": torch.tensor([6, 1, 1, 1]),
    "a column": torch.tensor([[6], [1], [1]]),
    "a number": torch.tensor(3),
    "none": torch.empty(0, dtype=torch.int64),
    "meta": torch.tensor([6, 1, 1], device="meta"),
}


def assert_refused(part, call):
    with pytest.raises(ValueError, match=part) as caught:
        call()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("case", list(BAD_INPUTS))
def test_wrong_inputs_are_refused(case):
    cell = FusedCell(stock("lstm", 4, 5, layers=2))
    assert_refused("^x must be", lambda: cell(BAD_INPUTS[case]))
    assert_refused("^x must be", lambda: cell(BAD_INPUTS[case], (H, C)))
    assert_refused("^x must be", lambda: cell.last_valid(BAD_INPUTS[case], torch.tensor([6, 1, 1])))


@pytest.mark.parametrize("case", list(BAD_LSTM_STATES))
def test_wrong_states_are_refused(case):
    cell = FusedCell(stock("lstm", 4, 5, layers=2))
    assert_refused("^the state must be 2 of", lambda: cell(X, BAD_LSTM_STATES[case]))


@pytest.mark.parametrize("name", ["rnn_tanh", "rnn_relu", "gru"])
def test_a_cell_without_a_cell_state_takes_one_part(name):
    cell = FusedCell(stock(name, 4, 5, layers=2))
    for state in ((H, C), H[:1], H.float()):
        assert_refused("^the state must be 1 of", lambda state=state: cell(X, state))


@pytest.mark.parametrize("case", list(BAD_LENGTHS))
def test_wrong_lengths_are_refused(case):
    cell = FusedCell(stock("gru", 4, 5))
    assert_refused(r"^lengths must be \(3,\) int64", lambda: cell.last_valid(X, BAD_LENGTHS[case]))


def test_a_list_of_both_parts_is_a_state():
    cell = FusedCell(stock("lstm", 4, 5, layers=2))
    assert torch.equal(cell(X, [H, C])[0], cell(X, (H, C))[0])


@pytest.mark.parametrize("change", [lambda m: m.half(), lambda m: m.to("meta"), lambda m: m.bfloat16()])
def test_weights_of_another_dtype_or_device_are_refused(change):
    cell = change(FusedCell(stock("gru", 4, 5)))
    for x in (X, X.to(cell.dtype), X.to(next(cell.parameters()).device)):
        assert_refused("^the weights must", lambda x=x: cell(x))
    mixed_dtypes = FusedCell(stock("gru", 4, 5))
    mixed_dtypes.cell.weight_hh_l0.data = mixed_dtypes.cell.weight_hh_l0.data.float()
    assert_refused("^the weights must", lambda: mixed_dtypes(X))
