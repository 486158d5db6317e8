"""A stacked stock cell, taken apart: its layers one by one, and the gate that hides an LSTM's state."""

from __future__ import annotations

from typing import Any, TypeGuard

import torch
from torch import Tensor, nn


def is_stock(cell: nn.Module) -> TypeGuard[nn.RNNBase]:
    """Whether the cell is exactly `nn.RNN`, `nn.LSTM` or `nn.GRU`, in one direction, without projection."""
    return (
        isinstance(cell, nn.RNNBase)
        and type(cell) in (nn.RNN, nn.LSTM, nn.GRU)  # a subclass may compute something else
        and not cell.bidirectional
        and cell.proj_size == 0
    )


def split_layers(cell: nn.RNNBase) -> list[nn.RNNBase]:
    """The layers of a stock cell as cells of one layer that share its parameters.

    Running them one after the other, with `cell.dropout` between, computes what the cell computes, and
    gradients land in the parameters of `cell`.

    Args:
        cell: a stock cell (see `is_stock`).

    Returns:
        One cell a layer, the one that sees the input first.
    """
    if cell.num_layers == 1:
        return [cell]
    make: Any = type(cell)
    options = {"nonlinearity": cell.nonlinearity} if isinstance(cell, nn.RNN) else {}
    layers = []
    for index in range(cell.num_layers):
        size = cell.input_size if index == 0 else cell.hidden_size
        with torch.device("meta"):  # its own weights are never used: allocate none
            layer = make(size, cell.hidden_size, bias=cell.bias, batch_first=cell.batch_first, **options)
        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
            if hasattr(cell, f"{name}_l{index}"):
                setattr(layer, f"{name}_l0", getattr(cell, f"{name}_l{index}"))
        layers.append(layer)
    return layers


def lstm_output_gate(layer: nn.LSTM, x_BD: Tensor, h_BH: Tensor) -> Tensor:
    """The output gate o_t = σ(W_io x_t + b_io + W_ho h_{t−1} + b_ho) of a one-layer `nn.LSTM`.

    Args:
        layer: an LSTM of one layer; its gates lie in the order i, f, g, o.
        x_BD: the input at t.
        h_BH: the hidden state at t − 1.

    Returns:
        (B, H), from 0 to 1.
    """
    rows = slice(3 * layer.hidden_size, None)
    weights: dict[str, Tensor] = dict(layer.named_parameters())
    gate = x_BD @ weights["weight_ih_l0"][rows].T + h_BH @ weights["weight_hh_l0"][rows].T
    if layer.bias:
        gate = gate + weights["bias_ih_l0"][rows] + weights["bias_hh_l0"][rows]
    return torch.sigmoid(gate)
