"""A network that sees one step: what a task asks beyond its last input is out of its reach."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from harness.cells.zoo.base import SequenceCell
from harness.cells.zoo.hidden_layers import hidden_layers


class LastStep(SequenceCell):
    """Hidden layers on the input of each step alone; the readout `last` answers from the last step.

    Args:
        num_layers: hidden layers of `hidden_size` units.
    """

    why_no_state: ClassVar[str | None] = (
        "it has no state: each output is computed from the input of its own step"
    )

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

    def read(self, x_BTD: Tensor, state: Tensor | None) -> tuple[Tensor, None]:
        """The hidden units at every step."""
        return self.layers(x_BTD), None
