"""Cells that read token ids themselves, such as a language model with an embedding of its own."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def reads_tokens(cell: nn.Module) -> bool:
    """Whether a cell says that its input is token ids (B, T), int64, by a true attribute `reads_tokens`.

    Its `input_size` is the number of symbols. Other cells get ids one-hot or embedded.
    """
    return bool(getattr(cell, "reads_tokens", False))


def input_dtype(cell: nn.Module) -> torch.dtype:
    """The dtype of a cell's inputs: that of its first real parameter, else torch's default."""
    real = (parameter.dtype for parameter in cell.parameters() if parameter.is_floating_point())
    return torch.int64 if reads_tokens(cell) else next(real, torch.get_default_dtype())


def random_inputs(cell: nn.Module, shape: tuple[int, int], input_size: int, seed: int = 0) -> Tensor:
    """(B, T, D) from a normal distribution, or (B, T) token ids below D; from a generator of their own."""
    generator = torch.Generator().manual_seed(seed)
    device = next((parameter.device for parameter in cell.parameters()), torch.device("cpu"))
    if reads_tokens(cell):
        return torch.randint(input_size, shape, generator=generator).to(device)
    return torch.randn(*shape, input_size, generator=generator).to(device, input_dtype(cell))
