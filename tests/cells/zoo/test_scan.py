"""The parallel scan against the recurrence step by step, in values and gradients."""

import pytest
import torch

from harness.cells.zoo.scan import linear_scan


def step_by_step(a_BTH, b_BTH, h_BH):
    states = []
    for t in range(b_BTH.shape[1]):
        h_BH = a_BTH[:, t] * h_BH + b_BTH[:, t]
        states.append(h_BH)
    return torch.stack(states, dim=1)


@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128])
@pytest.mark.parametrize("T", [1, 2, 3, 7, 8, 33])
def test_the_scan_is_the_recurrence_with_and_without_a_first_state(T, dtype):
    torch.manual_seed(T)
    a, b, h = (torch.randn(*size, dtype=dtype, requires_grad=True) for size in ((2, T, 3), (2, T, 3), (2, 3)))
    for first, state in ((h, h), (None, torch.zeros_like(h))):
        found, expected = linear_scan(a, b, first), step_by_step(a, b, state)
        assert torch.allclose(found, expected, rtol=1e-12, atol=1e-12)
        weights = torch.randn(found.shape, dtype=dtype)
        wanted = [a, b] + ([] if first is None else [h])
        losses = [(out * weights).abs().sum() for out in (found, expected)]
        grads = [torch.autograd.grad(loss, wanted, materialize_grads=True) for loss in losses]
        for one, other in zip(*grads, strict=True):
            assert torch.allclose(one, other, rtol=1e-10, atol=1e-12)


def test_one_factor_for_all_sequences_is_broadcast():
    a, b = torch.rand(1, 11, 3).double(), torch.randn(4, 11, 3).double()
    assert torch.allclose(linear_scan(a, b), linear_scan(a.expand(4, -1, -1), b), rtol=1e-13)


def test_a_long_memory_keeps_its_digits_in_float32():
    T = 4096
    a, b = torch.full((1, T, 1), 0.9999), torch.zeros(1, T, 1)
    b[:, 0] = 1.0
    assert float(linear_scan(a, b)[0, -1, 0]) == pytest.approx(
        0.9999 ** (T - 1), rel=1e-3
    )  # of float32 0.9999
