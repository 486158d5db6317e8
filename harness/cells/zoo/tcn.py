"""The temporal convolutional network: dilated causal convolutions in residual blocks."""

from __future__ import annotations

from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from harness.cells.zoo.base import SequenceCell


class CausalConv(nn.Module):
    """A convolution over the steps t, t − d, …, t − (k − 1) d, with weight normalisation: w = g v / ‖v‖.

    Steps before the sequence are zeros. g and v start so that w is as torch draws it.
    """

    def __init__(self, in_size: int, out_size: int, kernel_size: int, dilation: int):
        super().__init__()
        drawn = nn.Conv1d(in_size, out_size, kernel_size)
        assert drawn.bias is not None
        self.v, self.bias = nn.Parameter(drawn.weight.detach()), nn.Parameter(drawn.bias.detach())
        self.g = nn.Parameter(self._norm().detach())
        self.dilation, self.reach = dilation, (kernel_size - 1) * dilation

    def _norm(self) -> Tensor:
        return torch.linalg.vector_norm(self.v, dim=(1, 2), keepdim=True)

    def forward(self, x_BDT: Tensor) -> Tensor:
        """(B, H, T)."""
        weights = self.g / self._norm() * self.v
        return F.conv1d(F.pad(x_BDT, (self.reach, 0)), weights, self.bias, dilation=self.dilation)


class ResidualBlock(nn.Module):
    """relu(x + branch(x)), the branch twice a causal convolution, ReLU and dropout.

    Where the number of features changes, x passes a linear map first.
    """

    def __init__(self, in_size: int, size: int, kernel_size: int, dilation: int, dropout: float):
        super().__init__()
        self.first = CausalConv(in_size, size, kernel_size, dilation)
        self.second = CausalConv(size, size, kernel_size, dilation)
        self.shortcut = nn.Identity() if in_size == size else nn.Conv1d(in_size, size, 1)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x_BDT: Tensor) -> Tensor:
        """(B, H, T)."""
        y_BHT = self.dropout(torch.relu(self.first(x_BDT)))
        y_BHT = self.dropout(torch.relu(self.second(y_BHT)))
        return torch.relu(self.shortcut(x_BDT) + y_BHT)


class TCN(SequenceCell):
    """TCN of Bai, Kolter & Koltun 2018, arXiv 1803.01271, whose network is one layer here.

    A layer has `blocks` blocks with dilations 1, 2, 4, …, so that an output sees
    1 + 2 (k − 1) (2^blocks − 1) num_layers steps, see `steps_seen`.

    Args:
        hidden_size: channels of each block.
        num_layers: such networks, one after another.
        dropout: behind each ReLU of a branch; the paper drops whole channels.
        kernel_size: k, at least 2.
        blocks: of a layer; None: as many as it takes to see `seq_len` steps.
        seq_len: steps T of the task's sequences; others can be read too.

    Raises:
        ValueError: kernel or number of blocks is too small, or neither `blocks` nor `seq_len` is given.
    """

    other_lengths = True
    why_no_state: ClassVar[str | None] = (
        "it has no state: a convolution computes each output from the inputs of a window of steps"
    )

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        batch_first: bool = False,
        dropout: float = 0.0,
        kernel_size: int = 3,
        blocks: int | None = None,
        seq_len: int | None = None,
    ):
        super().__init__(input_size, hidden_size, num_layers, batch_first, dropout)
        if not isinstance(kernel_size, int) or kernel_size < 2:
            raise ValueError(f"cell.kernel_size must be a whole number of at least 2, not {kernel_size!r}")
        if blocks is None and seq_len is not None:
            blocks = next(n for n in range(1, 64) if self._seen(kernel_size, n, num_layers) >= seq_len)
        if not isinstance(blocks, int) or blocks < 1:
            raise ValueError(f"cell.blocks must be a whole number of at least 1, not {blocks!r}")
        self.steps_seen = self._seen(kernel_size, blocks, num_layers)
        dilations = [2**index for index in range(blocks)] * num_layers
        widths = [input_size, *[hidden_size] * (len(dilations) - 1)]
        self.blocks = nn.Sequential(
            *(
                ResidualBlock(width, hidden_size, kernel_size, dilation, dropout)
                for width, dilation in zip(widths, dilations, strict=True)
            )
        )

    @staticmethod
    def _seen(kernel_size: int, blocks: int, num_layers: int) -> int:
        """Steps that an output depends on, its own included."""
        return 1 + 2 * (kernel_size - 1) * (2**blocks - 1) * num_layers

    def read(self, x_BTD: Tensor, state: Tensor | None) -> tuple[Tensor, None]:
        """The channels of the last block at every step."""
        return self.blocks(x_BTD.transpose(1, 2)).transpose(1, 2), None
