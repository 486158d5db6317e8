"""What the cells of this folder share: the constructor and the call of `torch.nn.RNN`, and stacked layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class SequenceCell(nn.Module):
    """A cell with the call of `torch.nn.RNN`: `cell(x, state)` returns (output, state).

    The output at a step depends on that step and earlier ones only. A subclass computes `read`.

    Attributes:
        revision: raised when a change of this package alters the numbers of the cell; 0 is neutral.
        why_no_state: why the cell hands no state on; None: it does.
    """

    revision: ClassVar[int] = 0
    why_no_state: ClassVar[str | None] = None

    def __init__(self, input_size: int, hidden_size: int, num_layers: int, batch_first: bool, dropout: float):
        super().__init__()
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.batch_first, self.dropout = batch_first, dropout

    def read(self, x_BTD: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """(B, T, H) and the state behind the last step, (layers, B, …); None where there is none."""
        raise NotImplementedError

    def forward(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """Output and state; x is (B, T, D) with `batch_first`, else (T, B, D), and so is the output.

        Raises:
            ValueError: a state is given to a cell that has none.
        """
        if state is not None and self.why_no_state is not None:
            raise ValueError(f"{type(self).__name__} takes no state: {self.why_no_state}")
        output_BTH, state = self.read(x if self.batch_first else x.transpose(0, 1), state)
        return output_BTH if self.batch_first else output_BTH.transpose(0, 1), state


class StackedCell(SequenceCell):
    """Recurrent layers one after another with dropout in between, as `torch.nn.RNN` stacks them.

    A layer maps (B, T, D) and its state before the first step, (B, H) or None, to its states (B, T, H).
    """

    def __init__(
        self,
        make_layer: Callable[[int, int], nn.Module],
        input_size: int,
        hidden_size: int,
        num_layers: int,
        batch_first: bool,
        dropout: float,
    ):
        super().__init__(input_size, hidden_size, num_layers, batch_first, dropout)
        widths = [input_size, *[hidden_size] * (num_layers - 1)]
        self.layers = nn.ModuleList(make_layer(width, hidden_size) for width in widths)

    def read(self, x_BTD: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor]:
        """The states of the top layer, and the last state of every layer, (layers, B, H)."""
        h_BTH, last = x_BTD, []
        for index, layer in enumerate(self.layers):
            if index > 0:
                h_BTH = F.dropout(h_BTH, self.dropout, self.training)
            h_BTH = layer(h_BTH, None if state is None else state[index])
            last.append(h_BTH[:, -1])
        return h_BTH, torch.stack(last)
