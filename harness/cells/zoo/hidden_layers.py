"""Hidden layers applied at each step alone: what the cells without a recurrence are made of."""

from __future__ import annotations

from torch import nn

from harness.cells.zoo.base import SequenceCell


def hidden_layers(input_size: int, hidden_size: int, num_layers: int, dropout: float) -> nn.Sequential:
    """`num_layers` times a linear map and a ReLU, with dropout in between."""
    layers: list[nn.Module] = []
    for index in range(num_layers):
        layers += [nn.Dropout(dropout)] if index > 0 else []
        layers += [nn.Linear(input_size if index == 0 else hidden_size, hidden_size), nn.ReLU()]
    return nn.Sequential(*layers)


class HiddenLayersCell(SequenceCell):
    """A cell whose output at a step is that of hidden layers on what its `read` shows them."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        batch_first: bool = False,
        dropout: float = 0.0,
    ):
        super().__init__(input_size, hidden_size, num_layers, batch_first, dropout)
        self.layers = hidden_layers(input_size, hidden_size, num_layers, dropout)
