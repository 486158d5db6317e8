"""What a fused layer is asked beside its tensors, and the types these may have."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

DTYPES: dict[torch.dtype, np.dtype[Any]] = {
    torch.float32: np.dtype(np.float32),
    torch.float64: np.dtype(np.float64),
}
"""What the loops calculate in."""


@dataclass
class Flow:
    """Room for the gradient flow of one layer, filled on the way back.

    Attributes:
        h: (T,) float64, Σ_b ‖∂L/∂h_t‖ over the sequences b of the batch.
        c: the same for the cell state of an LSTM; empty for other cells.
    """

    h: np.ndarray = field(default_factory=lambda: np.empty(0))
    c: np.ndarray = field(default_factory=lambda: np.empty(0))


@dataclass(frozen=True)
class Call:
    """One call of a layer.

    Attributes:
        name: of the cell: `rnn_tanh`, `rnn_relu`, `lstm` or `gru`.
        lengths: (B,) int64: the output is wanted at each sequence's last valid step alone.
        flow: to be filled on the way back.
        keep: whether there may be a way back, for which to keep what it needs.
    """

    name: str
    lengths: Tensor | None = None
    flow: Flow | None = None
    keep: bool = True
