"""Any module with the constructor and the call of `torch.nn.RNN`, made and checked as a cell."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn


def make_cell(target: Callable[..., Any], input_size: int, hidden_size: int, **options: Any) -> nn.Module:
    """Calls `target(input_size, hidden_size, batch_first=True, **options)`.

    Args:
        target: a class or function with the constructor of `torch.nn.RNN`.
        input_size: features of a step.
        hidden_size: units in each layer.
        options: the other arguments, such as `num_layers` and `dropout`.

    Raises:
        TypeError: the constructor does not take these arguments, or does not return a module.
    """
    cell = target(input_size, hidden_size, batch_first=True, **options)
    if not isinstance(cell, nn.Module):
        raise TypeError(f"a cell must be a torch.nn.Module, {_name(target)} made a {type(cell).__name__}")
    return cell


def output_size(cell: nn.Module, input_size: int) -> int:
    """Features of a step of the cell's output, found by running it on one step of zeros.

    Raises:
        TypeError: the cell does not return (output, state) with an output of shape (batch, steps, features).
    """
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
            f"a cell's output must have shape (batch, steps, features); {type(cell).__name__} made "
            f"{tuple(result[0].shape)} from (1, 1, {input_size})"
        )
    return result[0].shape[2]


def _name(target: Callable[..., Any]) -> str:
    return getattr(target, "__qualname__", repr(target))
