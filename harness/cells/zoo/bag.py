"""A network on the mean of the inputs: it sees what occurred and how often, but not in which order."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from harness.cells.zoo.hidden_layers import HiddenLayersCell


class Bag(HiddenLayersCell):
    """Hidden layers on the mean of the inputs up to each step.

    At the last valid step that is the mean of the sequence, whatever its padding.

    Args:
        num_layers: hidden layers of `hidden_size` units.
    """

    why_no_state: ClassVar[str | None] = (
        "it has no state: each output is computed from the mean of the inputs so far"
    )

    def read(self, x_BTD: Tensor, state: Tensor | None) -> tuple[Tensor, None]:
        """The hidden units at every step."""
        count_T = torch.arange(1, x_BTD.shape[1] + 1, device=x_BTD.device)
        return self.layers(x_BTD.cumsum(dim=1) / count_T[:, None]), None
