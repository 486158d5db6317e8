"""The temporal convolutional network against torch's weight-normed convolutions, and how far it sees."""

import pytest
import torch
from torch import nn
from torch.nn.utils.parametrizations import weight_norm

from harness.cells.zoo.tcn import TCN, CausalConv


def test_a_causal_convolution_is_torchs_with_weight_norm_on_an_input_padded_on_the_left():
    torch.manual_seed(0)
    conv, x = CausalConv(3, 5, 4, dilation=2).double(), torch.randn(2, 3, 20, dtype=torch.float64)
    plain = nn.Conv1d(3, 5, 4, dilation=2).double()
    with torch.no_grad():
        assert torch.allclose(conv.g, conv.v.norm(dim=(1, 2), keepdim=True))  # as drawn
        conv.g.mul_(torch.linspace(0.5, 2, 5)[:, None, None])
        plain.bias.copy_(conv.bias)
    normed = weight_norm(plain)
    normed.parametrizations.weight.original0.data.copy_(conv.g)
    normed.parametrizations.weight.original1.data.copy_(conv.v)
    padded = torch.cat([torch.zeros(2, 3, 6, dtype=torch.float64), x], dim=2)
    assert torch.allclose(conv(x), normed(padded), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize(("kernel_size", "blocks", "num_layers"), [(2, 2, 2), (3, 3, 1)])
def test_an_output_sees_as_many_steps_as_it_says(kernel_size, blocks, num_layers):
    torch.manual_seed(0)
    cell = TCN(1, 16, num_layers, batch_first=True, kernel_size=kernel_size, blocks=blocks).double()
    x = torch.randn(1, cell.steps_seen + 5, 1, dtype=torch.float64, requires_grad=True)
    cell(x)[0][0, -1].sum().backward()
    seen = x.grad[0, :, 0] != 0
    assert len(cell.blocks) == blocks * num_layers
    assert not seen[:5].any() and seen[5] and seen[-1]


@pytest.mark.parametrize("seq_len", [1, 2, 28, 100, 784])
@pytest.mark.parametrize("num_layers", [1, 2])
def test_it_has_as_many_blocks_as_the_sequence_takes(seq_len, num_layers):
    cell = TCN(1, 2, num_layers, seq_len=seq_len)
    fewer = len(cell.blocks) // num_layers - 1
    assert cell.steps_seen >= seq_len
    assert fewer == 0 or TCN(1, 2, num_layers, blocks=fewer).steps_seen < seq_len


@pytest.mark.parametrize(
    "wrong", [{"kernel_size": 1}, {"kernel_size": 2.5}, {"blocks": 0}, {"blocks": "3"}, {"seq_len": None}]
)
def test_what_sees_no_other_step_is_refused(wrong):
    with pytest.raises(ValueError, match="(kernel_size|blocks) must be a whole number of at least"):
        TCN(1, 4, **{"seq_len": 9} | wrong)
