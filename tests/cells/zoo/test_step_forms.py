"""The cells that are computed by a scan against their paper's step, in values and gradients, in float64."""

import pytest
import torch

from harness.cells.zoo.indrnn import IndRNN
from harness.cells.zoo.lru import LRU
from harness.cells.zoo.mingru import MinGRU
from harness.cells.zoo.minlstm import MinLSTM

B, T, D, H = 3, 21, 4, 5


def both_gradients(cell, outputs):
    weights = torch.randn(outputs[0].shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    return [torch.autograd.grad((out * weights).sum(), list(cell.parameters())) for out in outputs]


@pytest.mark.parametrize("scale", [1.0, 30.0])  # 30: gates that are 0 or 1
@pytest.mark.parametrize("kind", [MinGRU, MinLSTM])
def test_the_parallel_form_is_the_step_form(kind, scale):
    torch.manual_seed(0)
    cell = kind(D, H, num_layers=2, batch_first=True).double()
    x = scale * torch.randn(B, T, D, dtype=torch.float64)
    states, first = [], torch.randn(2, B, H, dtype=torch.float64)
    h = list(first)
    for t in range(T):
        below = x[:, t]
        for index, layer in enumerate(cell.layers):
            below = h[index] = layer.step(below, h[index])
        states.append(below)
    output, last = cell(x, first)
    assert torch.allclose(output, torch.stack(states, dim=1), rtol=1e-11, atol=1e-12)
    assert torch.allclose(last, torch.stack(h), rtol=1e-11, atol=1e-12)
    for one, other in zip(*both_gradients(cell, (output, torch.stack(states, dim=1))), strict=True):
        assert torch.allclose(one, other, rtol=1e-9, atol=1e-10)


def test_a_minlstm_whose_gates_are_both_shut_keeps_their_ratio():
    layer = MinLSTM(1, 1, batch_first=True).layers[0]
    with torch.no_grad():
        for linear, bias in ((layer.f, -200.0), (layer.i, -200.0), (layer.candidate, 3.0)):
            linear.weight.zero_()
            linear.bias.fill_(bias)
        states = layer(torch.zeros(1, 3, 1), None).flatten().tolist()
    assert states == pytest.approx([1.5, 2.25, 2.625])  # σ(−200) is 0 in float32, the ratio is 1/2


def test_the_recurrence_of_an_lru_is_its_step_form_and_its_radii_lie_in_the_ring():
    torch.manual_seed(0)
    cell = LRU(D, 64, batch_first=True, r_min=0.5, r_max=0.8, max_phase=0.3).double()
    layer = cell.blocks[0].recurrence
    radius, phase = layer.decay().abs(), layer.decay().angle()
    assert 0.5 <= radius.min() < 0.55 and 0.75 < radius.max() <= 0.8
    assert 0 < phase.min() < 0.05 and 0.25 < phase.max() <= 0.3
    assert torch.allclose(layer.gamma.exp(), (1 - radius**2).sqrt(), rtol=1e-5)
    x, s = torch.randn(B, T, 64, dtype=torch.float64), torch.zeros(B, 64, dtype=torch.complex128)
    outputs = []
    for t in range(T):
        y, s = layer.step(x[:, t], s)
        outputs.append(y)
    found, last = layer(x, None)
    assert torch.allclose(found, torch.stack(outputs, dim=1), rtol=1e-11, atol=1e-12)
    assert torch.allclose(last, s, rtol=1e-11, atol=1e-12)
    for one, other in zip(*both_gradients(layer, (found, torch.stack(outputs, dim=1))), strict=True):
        assert torch.allclose(one, other, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("drawn", [0.0, 1 - 2**-24])
@pytest.mark.parametrize("ring", [{"r_min": 0.0, "r_max": 1.0}, {"r_min": 0.999, "r_max": 1.0}])
def test_an_lru_at_the_edges_of_the_ring_is_finite(ring, drawn, monkeypatch):
    monkeypatch.setattr(torch, "rand", lambda size: torch.full((size,), drawn))
    cell = LRU(D, H, batch_first=True, **ring).blocks[0].recurrence
    assert all(parameter.isfinite().all() for parameter in cell.parameters())
    assert cell.decay().abs().max() < 1


@pytest.mark.parametrize("wrong", [{"r_min": -0.1}, {"r_min": 0.5, "r_max": 0.5}, {"r_max": 1.1},
                                   {"max_phase": 0.0}, {"max_phase": 7.0}])  # fmt: skip
def test_a_ring_that_is_none_is_refused(wrong):
    with pytest.raises(ValueError, match=f"{'|'.join(wrong)}"):
        LRU(D, H, **wrong)


def test_an_indrnn_is_a_relu_rnn_with_a_diagonal_matrix_and_bounded_weights():
    torch.manual_seed(0)
    cell = IndRNN(D, H, batch_first=True, seq_len=T).double()
    layer, x = cell.layers[0], torch.randn(B, T, D, dtype=torch.float64)
    plain = torch.nn.RNN(D, H, nonlinearity="relu", batch_first=True).double()
    with torch.no_grad():
        layer.u[0] = 3.0  # beyond the bound, as an update may leave it
        plain.weight_ih_l0.copy_(layer.w.weight)
        plain.bias_ih_l0.copy_(layer.w.bias)
        plain.bias_hh_l0.zero_()
        plain.weight_hh_l0.copy_(torch.diag(layer.u.clamp(max=2 ** (1 / T))))
    assert torch.allclose(cell(x)[0], plain(x)[0], rtol=1e-12, atol=1e-13)


def test_the_units_of_an_indrnn_keep_between_half_and_twice_their_state_in_the_top_layer():
    torch.manual_seed(0)
    below, top = IndRNN(D, 500, num_layers=2, seq_len=T).layers
    assert 0 <= below.u.min() < 0.01 and 1.02 < below.u.max() <= 2 ** (1 / T)
    assert 0.5 <= (top.u**T).min() < 0.51 and 1.95 < (top.u**T).max() <= 2 + 1e-4
