"""Cells that read in both directions: the backward half begins at each sequence's last valid step."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from harness.cells.stock import class_and_options, is_torch_cell

REVISION = 1
"""Raised when a change alters how such cells are read. 0, of version 0.2: padding entered the backward half,
and both halves were read at the last valid step."""


def is_bidirectional(cell: nn.Module) -> bool:
    """Whether a cell says that it reads in both directions, by its attribute `bidirectional`."""
    return bool(getattr(cell, "bidirectional", False))


def why_needs_one_length(cell: nn.Module) -> str | None:
    """Why a cell is right only where all sequences have one length, or None when lengths may differ."""
    if not is_bidirectional(cell) or is_torch_cell(cell):
        return None
    return (
        f"{class_and_options(cell)} reads in both directions and is not a cell of torch.nn, so it may read "
        "padding before it reads the sequence"
    )


def outputs_of(cell: nn.Module, x_BTD: Tensor, lengths: Tensor) -> Tensor:
    """(B, T, features), the outputs of a cell of any kind; at valid steps padding has no effect on them.

    Args:
        cell: with the call of `torch.nn.RNN` and `batch_first=True`.
        x_BTD: padded on the right.
        lengths: (B,) int64, valid steps from 1 to T.

    Raises:
        ValueError: the cell needs one length, see `why_needs_one_length`, and the lengths differ from T.
    """
    if not is_bidirectional(cell) or bool((lengths == x_BTD.shape[1]).all()):
        return cell(x_BTD)[0]
    reason = why_needs_one_length(cell)
    if reason is not None:
        raise ValueError(f"{reason}: give it sequences of {x_BTD.shape[1]} steps each")
    packed = pack_padded_sequence(x_BTD, lengths.cpu(), batch_first=True, enforce_sorted=False)
    return pad_packed_sequence(cell(packed)[0], batch_first=True, total_length=x_BTD.shape[1])[0]


def last_of_both(output_BTF: Tensor, lengths: Tensor) -> Tensor:
    """(B, F), the forward half at each sequence's last valid step beside the backward half at step 0.

    Each half has then read the whole sequence.
    """
    half = output_BTF.shape[2] // 2
    rows = torch.arange(len(lengths), device=output_BTF.device)
    return torch.cat([output_BTF[rows, lengths - 1, :half], output_BTF[:, 0, half:]], dim=1)
