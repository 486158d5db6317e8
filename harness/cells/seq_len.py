"""Cells whose constructor has a parameter `seq_len`: it gets the number of steps of the task."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

REVISION = 1
"""Raised when a change alters what a third-party cell of this kind gets. 0, of version 0.2: nothing."""


def gets_seq_len(target: Callable[..., Any], options: Mapping[str, Any]) -> bool:
    """Whether a constructor names a parameter `seq_len` that the options do not set."""
    if "seq_len" in options:
        return False
    try:
        return "seq_len" in inspect.signature(target).parameters
    except (TypeError, ValueError):  # some callables of compiled modules have no signature
        return False


def with_seq_len(target: Callable[..., Any], options: Mapping[str, Any], seq_len: int) -> dict[str, Any]:
    """The options, with the task's `seq_len` where the constructor asks for it.

    >>> with_seq_len(lambda input_size, hidden_size, seq_len: None, {"dropout": 0.0}, 50)
    {'dropout': 0.0, 'seq_len': 50}
    >>> with_seq_len(nn.LSTM, {"dropout": 0.0}, 50)
    {'dropout': 0.0}
    """
    return {**options, "seq_len": seq_len} if gets_seq_len(target, options) else dict(options)


def why_not_other_lengths(
    cell: nn.Module, target: Callable[..., Any], options: Mapping[str, Any]
) -> str | None:
    """Why a cell cannot be tested at other lengths than the task's, or None when it can.

    A cell that gets `seq_len` and reads other lengths all the same says so by an attribute `other_lengths`.
    """
    if not gets_seq_len(target, options) or getattr(cell, "other_lengths", False):
        return None
    return f"{type(cell).__name__} is made for the task's number of steps"
