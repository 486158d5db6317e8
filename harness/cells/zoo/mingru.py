"""The minimal GRU, whose gate sees the input alone, so that all steps are computed at once."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from harness.cells.zoo.base import StackedCell
from harness.cells.zoo.scan import linear_scan


class MinGRULayer(nn.Module):
    """One layer: h_t = (1 − z_t) ⊙ h_{t−1} + z_t ⊙ h̃_t."""

    def __init__(self, input_size: int, hidden_size: int):
        super().__init__()
        self.z = nn.Linear(input_size, hidden_size)
        self.candidate = nn.Linear(input_size, hidden_size)

    def step(self, x_BD: Tensor, h_BH: Tensor) -> Tensor:
        """One step as in the paper: the readable twin of `forward`."""
        z_BH = torch.sigmoid(self.z(x_BD))
        return (1 - z_BH) * h_BH + z_BH * self.candidate(x_BD)

    def forward(self, x_BTD: Tensor, h_BH: Tensor | None) -> Tensor:
        """All steps by a scan, (B, T, H)."""
        z_BTH = self.z(x_BTD)
        return linear_scan(torch.sigmoid(-z_BTH), torch.sigmoid(z_BTH) * self.candidate(x_BTD), h_BH)


class MinGRU(StackedCell):
    """minGRU of Feng et al. 2024, "Were RNNs All We Needed?", arXiv 2410.01201, section 3.1.

    z_t = σ(W_z x_t + b_z), h̃_t = W_h x_t + b_h. The candidate is not made positive, as in the paper's
    log-space form: this scan takes no logarithms.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        batch_first: bool = False,
        dropout: float = 0.0,
    ):
        super().__init__(MinGRULayer, input_size, hidden_size, num_layers, batch_first, dropout)
