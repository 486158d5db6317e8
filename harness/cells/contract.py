"""The contract of a cell: the constructor and the call of `torch.nn.RNN`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from harness.cells.stock import is_torch_cell, stock_cell_made_by
from harness.cells.zoo.base import SequenceCell


def make_cell(target: Callable[..., Any], input_size: int, hidden_size: int, **options: Any) -> nn.Module:
    """Calls `target(input_size, hidden_size, batch_first=True, **options)`.

    Args:
        target: a class or function with the constructor of `torch.nn.RNN`.
        input_size: features of a time step.
        hidden_size: units of each layer.
        options: the other arguments, such as `num_layers` and `dropout`.

    Raises:
        TypeError: the constructor does not accept these arguments, or does not return a module.
    """
    cell = target(input_size, hidden_size, batch_first=True, **options)
    if not isinstance(cell, nn.Module):
        name = getattr(target, "__qualname__", repr(target))
        raise TypeError(f"a cell must be a torch.nn.Module, but {name} returned a {type(cell).__name__}")
    return cell


def output_size(cell: nn.Module, input_size: int) -> int:
    """Features of a time step of the cell's output: known of torch's own cells, else measured on one step.

    Raises:
        TypeError: the cell does not return (output, state) with an output of shape (batch, steps, features).
    """
    if is_torch_cell(cell):
        return (cell.proj_size or cell.hidden_size) * (2 if cell.bidirectional else 1)
    training = cell.training
    parameter = next(cell.parameters(), torch.empty(0))
    step = torch.zeros(1, 1, input_size, device=parameter.device, dtype=parameter.dtype)
    with torch.no_grad():
        result = cell.eval()(step)
    cell.train(training)
    if not (isinstance(result, tuple) and len(result) == 2 and isinstance(result[0], torch.Tensor)):
        raise TypeError(
            f"a cell must return (output, state), as torch.nn.RNN does; {type(cell).__name__} returned "
            f"{type(result).__name__}"
        )
    if result[0].dim() != 3 or result[0].shape[:2] != (1, 1):
        raise TypeError(
            f"a cell's output must have shape (batch, steps, features); {type(cell).__name__} returned "
            f"{tuple(result[0].shape)} for an input of shape (1, 1, {input_size})"
        )
    return result[0].shape[2]


def revision_of(target: Callable[..., Any], nonlinearity: str | None = None) -> int:
    """The revision of a stock cell or of a cell of this package; 0 of any other, whose code is hashed.

    Args:
        target: makes the cell.
        nonlinearity: the argument of `nn.RNN`.
    """
    if isinstance(target, type) and issubclass(target, SequenceCell):
        return target.revision
    stock = stock_cell_made_by(target, nonlinearity)
    return 0 if stock is None else stock.revision
