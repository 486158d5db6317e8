"""For random shapes, a fused cell gives the numbers of torch's module with the same weights."""

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from harness.kernels import FusedCell
from tests.kernels.compare import CELLS, F32, F64, assert_close, draw, first_state, outcome, stock

MOST = {F32: 1e-5, F64: 1e-10}
"""Relative to the largest number of a tensor, absolute below 1: slopes of units near ±1 and sums over
steps and sequences are small differences of large numbers, in which torch is no more exact."""

SIZES = {
    "B": st.integers(1, 40), "T": st.integers(1, 24), "D": st.integers(1, 40), "H": st.integers(1, 70),
    "layers": st.integers(1, 3), "bias": st.booleans(), "given_state": st.booleans(),
    "seed": st.integers(0, 2**20),
}  # fmt: skip
ONE = {"B": 1, "T": 1, "D": 1, "H": 1, "layers": 1, "bias": True, "given_state": False, "seed": 0}


@pytest.mark.parametrize(
    ("name", "dtype"),
    # In float32 rounding may put a ReLU unit near 0 on either side of its kink.
    [(name, dtype) for name in CELLS for dtype in (F32, F64) if (name, dtype) != ("rnn_relu", F32)],
)
@settings(max_examples=30, deadline=None, derandomize=True)
@given(**SIZES)
@example(**ONE)
@example(**(ONE | {"H": 17}))
@example(**(ONE | {"D": 17, "bias": False, "seed": 1}))
@example(**(ONE | {"B": 20, "T": 20, "D": 35, "bias": False, "seed": 216}))
@example(**(ONE | {"T": 9, "H": 33, "given_state": True}))
def test_outputs_states_and_gradients_equal_torchs(name, dtype, B, T, D, H, layers, bias, given_state, seed):
    cell = stock(name, D, H, layers=layers, dtype=dtype, seed=seed, bias=bias)
    x = draw(B, T, D, dtype=dtype, seed=seed).requires_grad_()
    state = first_state(name, layers, B, H, dtype) if given_state else None
    assert_close(outcome(FusedCell(cell), x, state), outcome(cell, x, state), MOST[dtype], least=1.0)


@pytest.mark.parametrize("name", list(CELLS))
@settings(max_examples=30, deadline=None, derandomize=True)
@given(**{key: SIZES[key] for key in ("B", "T", "D", "H", "seed")})
def test_last_valid_steps_and_their_gradients_equal_torchs(name, B, T, D, H, seed):
    cell = stock(name, D, H, seed=seed)
    x = draw(B, T, D, seed=seed).requires_grad_()
    lengths = torch.randint(1, T + 1, (B,), generator=torch.Generator().manual_seed(seed))
    answers = {
        "fused": FusedCell(cell).last_valid(x, lengths),
        "stock": cell(x)[0][torch.arange(B), lengths - 1],
    }
    found = {}
    for kernel, answer in answers.items():
        leaves = {"x": x} | dict(cell.named_parameters())
        grads = torch.autograd.grad((answer * draw(B, H, seed=70)).sum(), list(leaves.values()))
        found[kernel] = {"answer": answer.detach()} | dict(zip(leaves, grads, strict=True))
    assert_close(found["fused"], found["stock"], MOST[F64], least=1.0)
