"""The operation count against the one of torch and a value computed by hand."""

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from harness.cells import gates_of
from harness.timing.flops import Flops, cell_flops
from harness.timing.measure import onednn_off


@pytest.mark.parametrize("kind", [nn.RNN, nn.GRU, nn.LSTM])
@pytest.mark.parametrize("num_layers", [1, 3])
@pytest.mark.parametrize("directions", [1, 2])
@pytest.mark.parametrize("input_grad", [False, True])
def test_the_operations_are_those_that_torch_counts(kind, num_layers, input_grad, directions):
    T, B, D, H = 5, 3, 2, 4
    cell = kind(D, H, num_layers=num_layers, batch_first=True, bidirectional=directions == 2)
    x = torch.randn(B, T, D, requires_grad=input_grad)
    with onednn_off(), FlopCounterMode(display=False) as counter:
        output = cell(x)[0]
        forward = counter.get_total_flops()
        output.sum().backward()
        backward = counter.get_total_flops() - forward
    counted = cell_flops(
        gates=gates_of(kind), seq_len=T, batch_size=B, input_size=D, hidden_size=H, num_layers=num_layers,
        directions=directions, input_grad=input_grad,
    )  # fmt: skip
    assert counted == Flops(forward, backward)


def test_a_value_computed_by_hand():
    # T=2, B=1, D=3, H=1, one gate. Forward: 2 steps of 3 + 1 multiply-adds, 2 * 4 * 2 = 16 operations.
    # Backward: 16 for the weights, 2 for the state's gradient at one of the two steps. Together 34.
    counted = cell_flops(gates=1, seq_len=2, batch_size=1, input_size=3, hidden_size=1)
    assert counted == Flops(16, 18)
    assert counted.step == 34
