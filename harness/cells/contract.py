"""The contract of a cell: the constructor and the call of `torch.nn.RNN`."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from harness.cells.copied import modes_restored
from harness.cells.stock import is_torch_cell, stock_cell_made_by
from harness.cells.tokens import input_dtype, random_inputs
from harness.cells.zoo.base import SequenceCell

ADAPTER = "docs/extending.md, An adapter"
"""Where an adapter of ten lines is shown."""


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
    name = getattr(target, "__qualname__", repr(target))
    if "batch_first" in options:
        raise TypeError(f"every cell is made with batch_first=True; leave batch_first of {name} out")
    options["batch_first"] = True
    try:
        cell = _called(target, input_size, hidden_size, options)
    except _SignatureError as reason:
        keys = ", ".join(f"{key}={value!r}" for key, value in options.items())
        raise TypeError(
            f"{name} cannot be made as {name}({input_size}, {hidden_size}, {keys}), with the arguments of "
            f"torch.nn.RNN: {reason}; leave a key out (~cell.NAME), or write an adapter: {ADAPTER}"
        ) from reason.__cause__
    if not isinstance(cell, nn.Module):
        raise TypeError(f"a cell must be a torch.nn.Module, but {name} returned a {type(cell).__name__}")
    return cell


class _SignatureError(Exception):
    """What the arguments of a callable, or of one that it calls with them, are not."""


def _called(target: Callable[..., Any], input_size: int, hidden_size: int, options: dict[str, Any]) -> Any:
    try:
        inspect.signature(target).bind(input_size, hidden_size, **options)
    except TypeError as error:
        raise _SignatureError(str(error)) from error
    except ValueError:  # some compiled modules have no signature
        pass
    try:
        return target(input_size, hidden_size, **options)
    except TypeError as error:  # `**options` may be handed on to a constructor that does not have them
        if "unexpected keyword argument" in str(error) and any(f"'{key}'" in str(error) for key in options):
            raise _SignatureError(str(error)) from error
        raise


def output_size(cell: nn.Module, input_size: int) -> int:
    """Features of a time step of the cell's output: known of torch's own cells, else measured on one step.

    Raises:
        TypeError: the cell does not return (output, state) with an output of shape (batch, steps, features).
    """
    if is_torch_cell(cell):
        return (cell.proj_size or cell.hidden_size) * (2 if cell.bidirectional else 1)
    step = torch.zeros_like(random_inputs(cell, (1, 1), input_size))
    with torch.no_grad(), modes_restored(cell):
        return checked_output(cell, step, cell.eval()(step)).shape[2]


def checked_output(cell: nn.Module, x: Tensor, result: Any) -> Tensor:
    """The output in what a cell returned for x, (B, T, D), or (B, T) token ids.

    Raises:
        TypeError: it is not (output, state) with an output of shape (B, T, features), of floating numbers.
    """
    name = type(cell).__name__
    if not (isinstance(result, tuple) and len(result) == 2 and isinstance(result[0], Tensor)):
        raise TypeError(
            f"a cell must return (output, state), as torch.nn.RNN does; {name} returned "
            f"{type(result).__name__}; an adapter can add the state: {ADAPTER}"
        )
    output: Tensor = result[0]
    if output.dim() != 3 or output.shape[:2] != x.shape[:2]:
        raise TypeError(
            f"a cell's output must have shape (batch, steps, features); {name} returned "
            f"{tuple(output.shape)} for an input of shape {tuple(x.shape)}"
        )
    wanted = input_dtype(cell) if x.is_floating_point() else torch.get_default_dtype()
    if output.dtype != wanted:
        raise TypeError(
            f"a cell's output must be {wanted}, as its input is; {name} returned {output.dtype}; convert it "
            f"in the cell or in an adapter: {ADAPTER}"
        )
    return output


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
