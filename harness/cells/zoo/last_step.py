"""A network that sees one step: what a task asks beyond its last input is out of its reach."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from harness.cells.zoo.hidden_layers import HiddenLayersCell


class LastStep(HiddenLayersCell):
    """Hidden layers on the input of each step alone; the readout `last` answers from the last step.

    Args:
        num_layers: hidden layers of `hidden_size` units.
    """

    why_no_state: ClassVar[str | None] = (
        "it has no state: each output is computed from the input of its own step"
    )

    def read(self, x_BTD: Tensor, state: Tensor | None) -> tuple[Tensor, None]:
        """The hidden units at every step."""
        return self.layers(x_BTD), None
