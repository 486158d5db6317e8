"""The stock cells of torch: one table of what they are, and functions on their modules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeGuard

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class StockCell:
    """What a stock cell is.

    Attributes:
        name: key of `STOCK_CELLS`, such as `rnn_tanh`.
        torch_class: its class in `torch.nn`.
        nonlinearity: the argument of `nn.RNN`; None for the gated cells.
        gates: letters of the paper for the blocks of H rows in the weights, in torch's order. A plain RNN
            has one block, that of its state h.
        has_cell_state: whether there is a cell state c beside the hidden state h.
        revision: raised when a change of this package alters the numbers of the cell; 0 is neutral.
    """

    name: str
    torch_class: type[nn.RNNBase]
    nonlinearity: str | None
    gates: tuple[str, ...]
    has_cell_state: bool = False
    revision: int = 0

    @property
    def num_gates(self) -> int:
        """Blocks of H rows in each weight matrix and bias of a layer."""
        return len(self.gates)

    def rows_of(self, gate: str, hidden_size: int) -> slice:
        """The rows of a gate in the weights and biases of a layer.

        >>> STOCK_CELLS["gru"].rows_of("z", hidden_size=5)
        slice(5, 10, None)
        """
        start = self.gates.index(gate) * hidden_size
        return slice(start, start + hidden_size)


STOCK_CELLS: dict[str, StockCell] = {
    cell.name: cell
    for cell in (
        StockCell("rnn_tanh", nn.RNN, "tanh", ("h",)),  # Elman 1990
        StockCell("rnn_relu", nn.RNN, "relu", ("h",)),
        StockCell("lstm", nn.LSTM, None, ("i", "f", "g", "o"), has_cell_state=True),  # Gers et al. 2000
        StockCell("gru", nn.GRU, None, ("r", "z", "n")),  # Cho et al. 2014
    )
}
"""The one table of stock cells, by name."""


def stock_cell_made_by(target: Any, nonlinearity: str | None = None) -> StockCell | None:
    """The stock cell that a class makes; None for a subclass, a function and any other class.

    Args:
        target: what is called to make the cell.
        nonlinearity: the argument of `nn.RNN`, `tanh` when None; other classes ignore it.
    """
    wanted = (nonlinearity or "tanh") if target is nn.RNN else None
    matches = (
        cell for cell in STOCK_CELLS.values() if cell.torch_class is target and cell.nonlinearity == wanted
    )
    return next(matches, None)


def stock_cell_of(cell: nn.Module, *, bidirectional: bool = False) -> StockCell | None:
    """The entry of a module in the table.

    None unless the module is exactly `nn.RNN`, `nn.LSTM` or `nn.GRU` (a subclass may compute something else),
    in one direction, without projection, and without hooks: equations and compiled loops would skip them.

    Args:
        cell: any module.
        bidirectional: let a cell that reads in both directions pass too.
    """
    if not isinstance(cell, nn.RNNBase) or cell.proj_size or (cell.bidirectional and not bidirectional):
        return None
    if has_hooks(cell):
        return None
    return stock_cell_made_by(type(cell), getattr(cell, "nonlinearity", None))


def is_stock(cell: nn.Module) -> TypeGuard[nn.RNNBase]:
    """Whether a module is a stock cell, see `stock_cell_of`."""
    return stock_cell_of(cell) is not None


def is_torch_cell(cell: nn.Module) -> TypeGuard[nn.RNNBase]:
    """Whether a module is exactly `nn.RNN`, `nn.LSTM` or `nn.GRU`, with whatever options, without hooks."""
    return type(cell) in {known.torch_class for known in STOCK_CELLS.values()} and not has_hooks(cell)


def has_hooks(cell: nn.Module) -> bool:
    """Whether hooks, or a `forward` of its own, take part in a module's call: nothing else runs them."""
    return bool(
        cell._forward_hooks
        or cell._forward_pre_hooks
        or cell._backward_hooks
        or cell._backward_pre_hooks
        or "forward" in vars(cell)
    )


def class_and_options(cell: nn.Module) -> str:
    """The class of a cell, and of a torch cell what makes it no stock cell, for messages.

    >>> class_and_options(nn.LSTM(2, 3, proj_size=1)), class_and_options(nn.Linear(2, 3))
    ('LSTM with projection', 'Linear')
    """
    name = type(cell).__name__
    if not isinstance(cell, nn.RNNBase):
        return name
    made = {"hooks": has_hooks(cell), "projection": bool(cell.proj_size)}
    return (
        " with ".join([name, " and ".join(what for what in made if made[what])])
        if any(made.values())
        else name
    )


def gates_of(target: Any) -> int | None:
    """Number of gates of a stock class or a subclass of one; None for anything else.

    >>> gates_of(nn.LSTM), gates_of(nn.Linear)
    (4, None)
    """
    if not isinstance(target, type):
        return None
    matches = (cell.num_gates for cell in STOCK_CELLS.values() if issubclass(target, cell.torch_class))
    return next(matches, None)


def split_layers(cell: nn.RNNBase) -> list[nn.RNNBase]:
    """The layers of a stock cell as one-layer cells that share its parameters.

    Applied one after another, with `cell.dropout` in between, they compute what the cell computes, and their
    gradients accumulate in the parameters of `cell`.

    Args:
        cell: a stock cell (see `is_stock`).

    Returns:
        One cell per layer, the layer that reads the input first.
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
        layer: an LSTM of one layer.
        x_BD: the input at t.
        h_BH: the hidden state at t − 1.

    Returns:
        (B, H), from 0 to 1.
    """
    rows = STOCK_CELLS["lstm"].rows_of("o", layer.hidden_size)
    weights: dict[str, Tensor] = dict(layer.named_parameters())
    gate = x_BD @ weights["weight_ih_l0"][rows].T + h_BH @ weights["weight_hh_l0"][rows].T
    if layer.bias:
        gate = gate + weights["bias_ih_l0"][rows] + weights["bias_hh_l0"][rows]
    return torch.sigmoid(gate)
