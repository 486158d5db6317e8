"""The minimal LSTM, whose gates see the input alone, so that all steps are computed at once."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from harness.cells.zoo.base import StackedCell
from harness.cells.zoo.scan import linear_scan


class MinLSTMLayer(nn.Module):
    """One layer: h_t = f′_t ⊙ h_{t−1} + i′_t ⊙ h̃_t, with gates that add up to 1."""

    def __init__(self, input_size: int, hidden_size: int):
        super().__init__()
        self.f = nn.Linear(input_size, hidden_size)
        self.i = nn.Linear(input_size, hidden_size)
        self.candidate = nn.Linear(input_size, hidden_size)

    def step(self, x_BD: Tensor, h_BH: Tensor) -> Tensor:
        """One step as in the paper: the readable twin of `forward`."""
        f_BH, i_BH = torch.sigmoid(self.f(x_BD)), torch.sigmoid(self.i(x_BD))
        return (f_BH * h_BH + i_BH * self.candidate(x_BD)) / (f_BH + i_BH)

    def forward(self, x_BTD: Tensor, h_BH: Tensor | None) -> Tensor:
        """All steps by a scan, (B, T, H).

        f / (f + i) = σ(log f − log i), which is right where both gates underflow, too.
        """
        difference_BTH = F.logsigmoid(self.f(x_BTD)) - F.logsigmoid(self.i(x_BTD))
        b_BTH = torch.sigmoid(-difference_BTH) * self.candidate(x_BTD)
        return linear_scan(torch.sigmoid(difference_BTH), b_BTH, h_BH)


class MinLSTM(StackedCell):
    """minLSTM of Feng et al. 2024, "Were RNNs All We Needed?", arXiv 2410.01201, section 3.2.

    f_t = σ(W_f x_t + b_f), i_t = σ(W_i x_t + b_i), h̃_t = W_h x_t + b_h; f′ = f / (f + i), i′ = i / (f + i).
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        batch_first: bool = False,
        dropout: float = 0.0,
    ):
        super().__init__(MinLSTMLayer, input_size, hidden_size, num_layers, batch_first, dropout)
