"""A small causal transformer encoder: each step attends to itself and to earlier ones."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from harness.cells.zoo.base import SequenceCell

POSITIONS = ("sinusoidal", "learnt")


class CausalBlock(nn.Module):
    """x + attention(norm(x)), then x + feed-forward(norm(x)), each with dropout.

    With heads that divide the size it computes what `torch.nn.TransformerEncoderLayer(norm_first=True)` does
    under a causal mask. Other sizes, as `match_params` chooses them, have ⌈size / heads⌉ features a head.
    """

    def __init__(self, size: int, num_heads: int, dropout: float):
        super().__init__()
        self.num_heads, self.head_size = num_heads, math.ceil(size / num_heads)
        inner = num_heads * self.head_size
        self.norm1, self.norm2 = nn.LayerNorm(size), nn.LayerNorm(size)
        self.qkv, self.out = nn.Linear(size, 3 * inner), nn.Linear(inner, size)
        self.up, self.down = nn.Linear(size, 4 * size), nn.Linear(4 * size, size)
        self.dropout = dropout

    def forward(self, x_BTH: Tensor) -> Tensor:
        """(B, T, H)."""
        x_BTH = x_BTH + self._drop(self.out(self._attend(self.norm1(x_BTH))))
        wide = self._drop(torch.relu(self.up(self.norm2(x_BTH))))
        return x_BTH + self._drop(self.down(wide))

    def _attend(self, x_BTH: Tensor) -> Tensor:
        parts = self.qkv(x_BTH).chunk(3, dim=-1)
        q, k, v = (part.unflatten(-1, (self.num_heads, self.head_size)).transpose(1, 2) for part in parts)
        dropped = self.dropout if self.training else 0.0
        heads = F.scaled_dot_product_attention(q, k, v, is_causal=True, dropout_p=dropped)
        return heads.transpose(1, 2).flatten(2)

    def _drop(self, x_BTH: Tensor) -> Tensor:
        return F.dropout(x_BTH, self.dropout, self.training)


class Transformer(SequenceCell):
    """A causal encoder after Vaswani et al. 2017, arXiv 1706.03762, with the norm first (Xiong et al. 2020).

    Args:
        hidden_size: features of the residual stream; the feed-forward layers have four times as many.
        num_layers: blocks.
        dropout: of the attention weights and behind each map of a block.
        num_heads: of the attention.
        positions: `sinusoidal`, for any length, or `learnt`, a vector for each of the `seq_len` steps.
        seq_len: steps T of the task's sequences, for `learnt`.

    Raises:
        ValueError: an argument is outside its range.
    """

    why_no_state: ClassVar[str | None] = (
        "it has no state: each output attends to the inputs of all steps so far"
    )

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        batch_first: bool = False,
        dropout: float = 0.0,
        num_heads: int = 4,
        positions: str = "sinusoidal",
        seq_len: int | None = None,
    ):
        super().__init__(input_size, hidden_size, num_layers, batch_first, dropout)
        if positions not in POSITIONS:
            raise ValueError(f"cell.positions must be one of {', '.join(POSITIONS)}, not {positions!r}")
        if not isinstance(num_heads, int) or num_heads < 1:
            raise ValueError(f"cell.num_heads must be a whole number of at least 1, not {num_heads!r}")
        if positions == "learnt" and seq_len is None:
            raise ValueError("cell.positions=learnt needs seq_len, the number of steps")
        self.embed = nn.Linear(input_size, hidden_size)
        self.other_lengths = positions == "sinusoidal"
        self.learnt = (
            None if self.other_lengths else nn.Parameter(0.02 * torch.randn(seq_len or 0, hidden_size))
        )
        self.blocks = nn.Sequential(
            *(CausalBlock(hidden_size, num_heads, dropout) for _ in range(num_layers))
        )
        self.norm = nn.LayerNorm(hidden_size)

    def read(self, x_BTD: Tensor, state: Tensor | None) -> tuple[Tensor, None]:
        """The residual stream behind the last block, normalised."""
        x_BTH = self.embed(x_BTD) + self._positions(x_BTD)
        return self.norm(self.blocks(F.dropout(x_BTH, self.dropout, self.training))), None

    def _positions(self, x_BTD: Tensor) -> Tensor:
        """(T, H) for the steps of the input."""
        T = x_BTD.shape[1]
        if self.learnt is None:
            return sinusoidal(T, self.hidden_size).to(x_BTD)
        if len(self.learnt) < T:
            raise ValueError(
                f"positions are learnt for {len(self.learnt)} steps, the input has {T}; "
                "use cell.positions=sinusoidal"
            )
        return self.learnt[:T]


def sinusoidal(seq_len: int, size: int) -> Tensor:
    """(T, size): sines in even columns 2i and cosines in odd ones, of t / 10000^(2i / size).

    >>> sinusoidal(2, 2).tolist()[0], round(float(sinusoidal(2, 2)[1, 0]), 4)
    ([0.0, 1.0], 0.8415)
    """
    even = torch.arange(0, size, 2, dtype=torch.float64)
    angles = torch.arange(seq_len, dtype=torch.float64)[:, None] / 10_000 ** (even / size)
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)[:, :size]
