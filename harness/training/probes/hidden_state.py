"""The state that a cell hands on: its parts, and which of them is the hidden state of the top layer."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from harness.training.probes.probe import NotMeasuredError

State = Any
"""A tensor, or tuples and lists of them."""

Place = tuple[int, Any]
"""Where (B, H) of the hidden state lies: which part of the state, and the index into it."""

STOCK_PLACE: tuple[Place, ...] = ((0, -1),)
"""Of the cells of torch.nn: h is the first part, (layers, B, H)."""

NOT_ITS_STATE = "its output is not its hidden state"


def as_new_tensors(state: Any) -> tuple[tuple[Tensor, ...], State]:
    """The parts of a state as views of their own: in one tuple, and in the form that the cell takes.

    Raises:
        TypeError: the state is neither a tensor nor tuples and lists of tensors, which may be nested.
    """
    parts: list[Tensor] = []

    def renamed(part: Any) -> Any:
        if isinstance(part, Tensor):
            parts.append(part.view_as(part))
            return parts[-1]
        if not isinstance(part, tuple | list) or not part:
            name = type(part).__name__
            raise TypeError(f"a state must be a tensor, or tuples and lists of tensors, not {name}")
        inner = [renamed(item) for item in part]
        return type(part)(*inner) if hasattr(part, "_fields") else type(part)(inner)

    same_form = renamed(state)
    return tuple(parts), same_form


def hidden_places(parts: Sequence[Tensor], output_BH: Tensor) -> tuple[Place, ...]:
    """Where the output of the last step lies in the state behind it.

    A part may be (layers, B, H), (B, H), or (B, layers, H), of which (B, 1, H) is one. Parts that are bit for
    bit the same are all named: the gradient of the hidden state is then the sum of theirs.

    Raises:
        NotMeasuredError: no part holds the output.
    """
    found: list[Place] = []
    first: Tensor | None = None
    for number, part in enumerate(parts):
        for index in _indices(part, len(output_BH)):
            h_BH = part[index]
            if _is_hidden(h_BH, output_BH) if first is None else _is_same(h_BH, first):
                found.append((number, index))
                first = h_BH if first is None else first
                break
    if not found:
        raise NotMeasuredError(NOT_ITS_STATE)
    return tuple(found)


def top_layer(cell: nn.Module, parts: Sequence[Tensor] = (), place: Place | None = None) -> int:
    """The number of a cell's top layer, from 0: by `num_layers` where that is a number, else by its state.

    >>> top_layer(nn.GRU(2, 3, num_layers=2))
    1
    """
    try:
        count = operator.index(getattr(cell, "num_layers", None))  # type: ignore[arg-type]
    except (TypeError, ValueError, RuntimeError):  # a tensor of several numbers raises the last ones
        count = 0
    if count < 1 and place is not None and parts[place[0]].dim() == 3:
        count = parts[place[0]].shape[0 if place[1] == -1 else 1]
    return max(count, 1) - 1


def _indices(part: Tensor, batch_size: int) -> Iterator[Any]:
    if part.dim() == 2:
        yield slice(None)
    elif part.dim() == 3:
        if part.shape[1] == batch_size and part.shape[0] > 0:
            yield -1
        if part.shape[0] == batch_size and part.shape[1] > 0:
            yield (slice(None), -1)


def _is_hidden(h_BH: Tensor, output_BH: Tensor) -> bool:
    alike = h_BH.shape == output_BH.shape and h_BH.dtype == output_BH.dtype
    return alike and torch.allclose(h_BH, output_BH)


def _is_same(a: Tensor, b: Tensor) -> bool:
    return torch.equal(a, b) and bool(a.any())
