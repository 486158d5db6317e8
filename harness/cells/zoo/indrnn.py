"""The independently recurrent network: each unit sees its own last state alone."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from harness.cells.zoo.base import StackedCell


class IndRNNLayer(nn.Module):
    """One layer: h_t = relu(W x_t + u ⊙ h_{t−1} + b), with |u| ≤ `largest`."""

    def __init__(self, input_size: int, hidden_size: int, smallest: float, largest: float):
        super().__init__()
        self.w = nn.Linear(input_size, hidden_size)
        self.u = nn.Parameter(torch.empty(hidden_size).uniform_(smallest, largest))
        self.largest = largest

    def forward(self, x_BTD: Tensor, h_BH: Tensor | None) -> Tensor:
        """All steps, (B, T, H), one after another: the ReLU stands between them."""
        u_H = self.u.clamp(-self.largest, self.largest)
        steps = self.w(x_BTD).unbind(1)
        h_BH = torch.zeros_like(steps[0]) if h_BH is None else h_BH
        states = []
        for wx_BH in steps:
            h_BH = torch.relu(torch.addcmul(wx_BH, u_H, h_BH))
            states.append(h_BH)
        return torch.stack(states, dim=1)


class IndRNN(StackedCell):
    """IndRNN of Li et al. 2018, arXiv 1803.04831, with ReLU.

    |u| is at most 2^(1/T), so that a gradient grows by at most 2 over the sequence. u starts uniformly up to
    that: from 2^(−1/T) in the top layer, where the answer is read, so that it falls by at most 2, and from 0
    in the layers below. Batch normalisation, which the paper can add, would join the sequences of a batch.

    Args:
        seq_len: steps T of the task's sequences; others can be read too.
    """

    other_lengths = True

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        batch_first: bool = False,
        dropout: float = 0.0,
        *,
        seq_len: int,
    ):
        largest = 2 ** (1 / seq_len)
        below = [0.0] * (num_layers - 1)
        smallest = iter([*below, 1 / largest])
        super().__init__(
            lambda width, size: IndRNNLayer(width, size, next(smallest), largest),
            input_size, hidden_size, num_layers, batch_first, dropout,
        )  # fmt: skip
