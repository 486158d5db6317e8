"""Inputs and upstream gradients of any memory layout give torch's numbers."""

import pytest
import torch

from harness.kernels import FusedCell
from tests.kernels.compare import F64, MOST, assert_close, draw, outcome, stock

LAYOUTS = {
    "time first": lambda: draw(6, 4, 3).transpose(0, 1),
    "features first": lambda: draw(4, 3, 6).transpose(1, 2),
    "one sequence for all": lambda: draw(1, 6, 3).expand(4, 6, 3),
    "one step for all": lambda: draw(4, 1, 3).expand(4, 6, 3),
    "one number for all": lambda: draw(1, 1, 1).expand(4, 6, 3),
    "some features": lambda: draw(4, 6, 9)[:, :, 2:5],
    "every third feature": lambda: draw(4, 6, 9)[:, :, ::3],
    "every other step": lambda: draw(4, 12, 3)[:, ::2],
    "every other sequence": lambda: draw(8, 6, 3)[::2],
    "one sequence of many": lambda: draw(4, 6, 3)[2:3],
    "one sequence, features first": lambda: draw(1, 3, 6).transpose(1, 2),
    "one sequence, some features": lambda: draw(1, 6, 9)[:, :, 2:5],
    "one sequence, one step for all": lambda: draw(1, 1, 3).expand(1, 6, 3),
    "one step of many": lambda: draw(4, 6, 3)[:, 2:3],
    "one feature of many": lambda: draw(4, 6, 3)[:, :, 1:2],
    "one feature of many, time first": lambda: draw(6, 4, 3).transpose(0, 1)[:, :, 1:2],
    "time first, some features": lambda: draw(6, 4, 9).transpose(0, 1)[:, :, 4:7],
    "sliding windows": lambda: draw(4, 8).unfold(1, 3, 1),
    "sliding windows, one sequence": lambda: draw(1, 8).unfold(1, 3, 1),
}


@pytest.mark.parametrize("layout", list(LAYOUTS))
@pytest.mark.parametrize("name", ["rnn_tanh", "gru"])
def test_inputs_can_have_any_memory_layout(name, layout):
    x = LAYOUTS[layout]().detach().requires_grad_()
    copied = x.detach().clone(memory_format=torch.contiguous_format).requires_grad_()
    cell = stock(name, x.shape[2], 5)
    assert_close(outcome(FusedCell(cell), x), outcome(cell, copied), MOST[F64])


def test_upstream_gradients_can_have_any_memory_layout():
    x = draw(3, 6, 4).requires_grad_()
    cell = stock("lstm", 4, 8)
    gradients = [
        draw(6, 3, 8).transpose(0, 1),
        draw(3, 8, 6).transpose(1, 2),
        draw(1, 1, 8).expand(3, 6, 8),
        draw(3, 6, 16)[:, :, ::2],
        draw(3, 6, 11)[:, :, 3:],
    ]
    for gradient in gradients:
        grads = [torch.autograd.grad(made(x)[0], [x, *cell.parameters()], gradient)
                 for made in (FusedCell(cell), cell)]  # fmt: skip
        assert_close(*(dict(enumerate(them)) for them in grads), MOST[F64])
