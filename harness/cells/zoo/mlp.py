"""A network on the whole sequence at once, flattened: order without recurrence, weights for each step."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor, nn

from harness.cells.zoo.base import SequenceCell
from harness.cells.zoo.hidden_layers import hidden_layers


class MLP(SequenceCell):
    """Hidden layers on the flattened sequence, in which the steps behind the current one are zeros.

    So an output sees no later step, and padding counts as zeros. The first layer has a matrix for each step;
    its sum over the steps so far is a cumulative one.

    Args:
        num_layers: hidden layers of `hidden_size` units.
        seq_len: steps T of the task's sequences.
    """

    why_no_state: ClassVar[str | None] = (
        "it has no state: each output is computed from the inputs of all steps so far at once"
    )

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
        super().__init__(input_size, hidden_size, num_layers, batch_first, dropout)
        bound = 1 / math.sqrt(seq_len * input_size)  # as nn.Linear(seq_len · input_size, hidden_size) draws
        self.weight = nn.Parameter(torch.empty(seq_len, input_size, hidden_size).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(hidden_size).uniform_(-bound, bound))
        self.drop = nn.Dropout(dropout)
        self.layers = hidden_layers(hidden_size, hidden_size, num_layers - 1, dropout)

    def read(self, x_BTD: Tensor, state: Tensor | None) -> tuple[Tensor, None]:
        """The hidden units at every step.

        Raises:
            ValueError: the input has more steps than the task.
        """
        T = x_BTD.shape[1]
        if len(self.weight) < T:
            raise ValueError(
                f"the network is made for {len(self.weight)} steps, the input has {T}; use cell=bag or a "
                "recurrent cell"
            )
        parts_TBH = torch.bmm(x_BTD.transpose(0, 1), self.weight[:T])
        h_BTH = torch.relu(parts_TBH.cumsum(dim=0) + self.bias).transpose(0, 1)
        return self.layers(self.drop(h_BTH)) if self.num_layers > 1 else h_BTH, None
