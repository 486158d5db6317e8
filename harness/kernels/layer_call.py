"""The arguments of a fused layer beside its tensors, and the supported dtypes."""

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
"""The dtypes that the loops compute in."""


@dataclass
class GradientFlow:
    """The gradient flow of one layer: empty until a backward pass fills it, overwritten by the next one.

    Attributes:
        h: (T,) float64, Σ_b ‖∂L/∂h_t‖ over the sequences b of the batch.
        c: the same for the cell state of an LSTM; empty for other cells.
    """

    h: np.ndarray = field(default_factory=lambda: np.empty(0))
    c: np.ndarray = field(default_factory=lambda: np.empty(0))


@dataclass(frozen=True)
class LayerCall:
    """One call of a layer.

    Attributes:
        cell: name of the cell, a key of `STOCK_CELLS`.
        lengths: (B,) int64: return the output at each sequence's last valid step only.
        flow: filled in the backward pass.
        keep: whether a backward pass may follow, so that its inputs must be kept.
    """

    cell: str
    lengths: Tensor | None = None
    flow: GradientFlow | None = None
    keep: bool = True
