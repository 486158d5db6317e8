"""Hidden layers applied at each step alone: what the cells without a recurrence are made of."""

from __future__ import annotations

from torch import nn


def hidden_layers(input_size: int, hidden_size: int, num_layers: int, dropout: float) -> nn.Sequential:
    """`num_layers` times a linear map and a ReLU, with dropout in between."""
    layers: list[nn.Module] = []
    for index in range(num_layers):
        layers += [nn.Dropout(dropout)] if index > 0 else []
        layers += [nn.Linear(input_size if index == 0 else hidden_size, hidden_size), nn.ReLU()]
    return nn.Sequential(*layers)
