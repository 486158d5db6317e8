"""The linear recurrent unit: a diagonal complex linear recurrence, with all else between its layers."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from harness.cells.zoo.base import SequenceCell
from harness.cells.zoo.scan import linear_scan


class LinearRecurrence(nn.Module):
    """s_t = λ ⊙ s_{t−1} + γ ⊙ B x_t and y_t = Re(C s_t) + D ⊙ x_t, with H complex units in s.

    λ = exp(−exp(ν) + i exp(θ)), so |λ| < 1 whatever is learned; |λ|² is drawn uniformly between the squares
    of `r_min` and `r_max`, the phase up to `max_phase`; γ = √(1 − |λ|²) at first, and is then learned.
    """

    def __init__(self, size: int, r_min: float, r_max: float, max_phase: float):
        super().__init__()
        square_H = (r_min**2 + torch.rand(size) * (r_max**2 - r_min**2)).clamp(1e-6, 1 - 1e-6)
        phase_H = max_phase * (1 - torch.rand(size))  # above 0
        self.nu = nn.Parameter((-0.5 * square_H.log()).log())
        self.theta = nn.Parameter(phase_H.log())
        self.gamma = nn.Parameter(0.5 * torch.log1p(-square_H))
        self.b = nn.Parameter(torch.randn(2, size, size) / math.sqrt(2 * size))
        self.c = nn.Parameter(torch.randn(2, size, size) / math.sqrt(size))
        self.d = nn.Parameter(torch.randn(size))

    def drive(self, x: Tensor) -> Tensor:
        """γ ⊙ B x, complex."""
        scaled_2HH = self.gamma.exp()[:, None] * self.b
        return torch.complex(F.linear(x, scaled_2HH[0]), F.linear(x, scaled_2HH[1]))

    def decay(self) -> Tensor:
        """λ, (H,) complex."""
        return torch.exp(torch.complex(-self.nu.exp(), self.theta.exp()))

    def read_out(self, s: Tensor, x: Tensor) -> Tensor:
        """y from the states and the inputs."""
        return F.linear(s.real, self.c[0]) - F.linear(s.imag, self.c[1]) + self.d * x

    def step(self, x_BH: Tensor, s_BH: Tensor) -> tuple[Tensor, Tensor]:
        """One step as in the paper, y_t and s_t: the readable twin of `forward`."""
        s_BH = self.decay() * s_BH + self.drive(x_BH)
        return self.read_out(s_BH, x_BH), s_BH

    def forward(self, x_BTH: Tensor, s_BH: Tensor | None) -> tuple[Tensor, Tensor]:
        """All steps by a scan: (B, T, H), and the last state, (B, H) complex."""
        s_BTH = linear_scan(self.decay().expand(1, x_BTH.shape[1], -1), self.drive(x_BTH), s_BH)
        return self.read_out(s_BTH, x_BTH), s_BTH[:, -1]


class LRUBlock(nn.Module):
    """x + dropout(GLU(GELU(recurrence(norm(x))))): the nonlinearity acts at each step alone."""

    def __init__(self, size: int, dropout: float, ring: tuple[float, float, float]):
        super().__init__()
        self.norm = nn.LayerNorm(size)
        self.recurrence = LinearRecurrence(size, *ring)
        self.glu = nn.Linear(size, 2 * size)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x_BTH: Tensor, s_BH: Tensor | None) -> tuple[Tensor, Tensor]:
        """(B, T, H), and the last state of the recurrence, (B, H) complex."""
        y_BTH, s_BH = self.recurrence(self.norm(x_BTH), s_BH)
        return x_BTH + self.dropout(F.glu(self.glu(F.gelu(y_BTH)))), s_BH


class LRU(SequenceCell):
    """Deep linear recurrent units of Orvieto et al. 2023, arXiv 2303.06349: an encoder, and blocks.

    The norm is that of a layer; the paper's batch norm would join the sequences of a batch. The state is
    (layers, B, 2H), the real parts before the imaginary ones.

    Args:
        dropout: at the end of each block.
        r_min, r_max: of |λ|, 0 ≤ r_min < r_max ≤ 1; a memory lasts about 1 / (1 − |λ|) steps.
        max_phase: largest phase of λ in radians, above 0.

    Raises:
        ValueError: one of them is outside its range.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        batch_first: bool = False,
        dropout: float = 0.0,
        r_min: float = 0.9,
        r_max: float = 0.999,
        max_phase: float = 2 * math.pi,
    ):
        super().__init__(input_size, hidden_size, num_layers, batch_first, dropout)
        if not 0 <= r_min < r_max <= 1:
            raise ValueError(
                f"r_min={r_min} and r_max={r_max} must satisfy 0 <= r_min < r_max <= 1; try 0.9 and 0.999"
            )
        if not 0 < max_phase <= 2 * math.pi + 0.01:
            raise ValueError(
                f"max_phase must be above 0 and at most 2 pi, not {max_phase}; the usual is 6.283"
            )
        self.encoder = nn.Linear(input_size, hidden_size)
        ring = (r_min, r_max, max_phase)
        self.blocks = nn.ModuleList(LRUBlock(hidden_size, dropout, ring) for _ in range(num_layers))

    def read(self, x_BTD: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor]:
        """The output of the top block, and the states of all recurrences."""
        y_BTH, last = self.encoder(x_BTD), []
        for index, block in enumerate(self.blocks):
            s_BH = None if state is None else torch.complex(*state[index].chunk(2, dim=-1))
            y_BTH, s_BH = block(y_BTH, s_BH)
            last.append(torch.cat([s_BH.real, s_BH.imag], dim=-1))
        return y_BTH, torch.stack(last)
