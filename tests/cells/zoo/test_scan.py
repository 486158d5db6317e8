"""The scans against the recurrence written down step by step, in values and gradients."""

import pytest
import torch

from harness.cells.zoo import scan
from harness.cells.zoo.scan import linear_scan, parallel_scan, step_by_step

SCANS = [step_by_step, parallel_scan]


def recurrence(a_BTH, b_BTH, h_BH):
    states = []
    for t in range(b_BTH.shape[1]):
        h_BH = a_BTH[:, t] * h_BH + b_BTH[:, t]
        states.append(h_BH)
    return torch.stack(states, dim=1)


@pytest.fixture(params=SCANS)
def every_scan(request, monkeypatch):
    """Each way to compute the states, here on the CPU."""
    monkeypatch.setattr(scan, "_states", request.param)


@pytest.mark.parametrize("batch", [1, 2])  # of the factors: 1 is for all sequences
@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128])
@pytest.mark.parametrize("T", [1, 2, 3, 8, 33])
def test_a_scan_is_the_recurrence_with_and_without_a_first_state(every_scan, T, dtype, batch):
    torch.manual_seed(T)
    a, b, h = (torch.randn(n, *size, 3, dtype=dtype, requires_grad=True)
               for n, size in ((batch, [T]), (2, [T]), (2, [])))  # fmt: skip
    for first, state in ((h, h), (None, torch.zeros_like(h))):
        found, expected = linear_scan(a, b, first), recurrence(a, b, state)
        assert torch.allclose(found, expected, rtol=1e-12, atol=1e-12)
        weights = torch.randn(found.shape, dtype=dtype)
        wanted = [a, b] + ([] if first is None else [h])
        losses = [(out * weights).abs().sum() for out in (found, expected)]
        grads = [torch.autograd.grad(loss, wanted, materialize_grads=True) for loss in losses]
        for one, other in zip(*grads, strict=True):
            assert torch.allclose(one, other, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("states", SCANS)
def test_a_long_memory_keeps_its_digits_in_float32(states):
    T = 4096
    a, b = torch.full((1, T, 1), 1 - 2**-13), torch.zeros(1, T, 1)  # exact in float32
    b[:, 0] = 1.0
    assert float(states(a, b)[0, -1, 0]) == pytest.approx((1 - 2**-13) ** (T - 1), rel=1e-4)


def test_the_arguments_are_left_as_they_are():
    a, b = torch.rand(2, 5, 3), torch.rand(2, 5, 3)
    before = a.clone(), b.clone()
    for states in SCANS:
        states(a, b)
    assert torch.equal(a, before[0]) and torch.equal(b, before[1])
