"""A copy of a module, and of the random generators, to try something on or to make a training step again."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from torch import Tensor, nn

from harness.cells.random_state import random_state, restore_random_state

M = TypeVar("M", bound=nn.Module)


class CopyError(TypeError):
    """A module that cannot be copied; the message says what of it."""


@dataclass(frozen=True, eq=False)
class Before(Generic[M]):
    """A module and the random generators as they were at one moment."""

    original: M
    module: M
    """A copy, which is never run itself."""
    generators: dict[str, Any]

    @classmethod
    def now(cls, module: M) -> Before[M]:
        """Copies the module and the states of the generators.

        Raises:
            CopyError: the module cannot be copied.
        """
        return cls(module, copied(module), random_state())

    @contextlib.contextmanager
    def again(self) -> Iterator[M]:
        """A fresh copy of the module to run, with the generators as they were at the moment.

        At the end the generators are what they were at the beginning, and so are the buffers of the original,
        which a hook of the copy can reach through a closure.
        """
        module, generators = copied(self.module), random_state()
        with buffers_restored(self.original):
            restore_random_state(self.generators)
            try:
                yield module
            finally:
                restore_random_state(generators)


def copied(module: M) -> M:
    """A copy of a module that shares nothing with it: parameters, buffers, modes, hooks, attributes.

    Raises:
        CopyError: an attribute cannot be copied.
    """
    # torch copies no tensor that a forward pass computed; `weight_norm` leaves one in the module.
    memo = {id(t): t.detach().clone() for part in module.modules() for t in _computed(vars(part))}
    try:
        return copy.deepcopy(module, memo)
    except Exception as error:  # a third-party module may hold anything
        reason = f"it cannot be copied: {type(error).__name__}: {error}"
        raise CopyError(reason) from error


def _computed(values: Any) -> Iterator[Tensor]:
    """The tensors with a graph in nested dicts, lists and tuples."""
    if isinstance(values, Tensor):
        if values.grad_fn is not None:
            yield values
    elif isinstance(values, dict | list | tuple):
        for value in values.values() if isinstance(values, dict) else values:
            yield from _computed(value)


@contextlib.contextmanager
def modes_restored(module: nn.Module) -> Iterator[None]:
    """Restores the mode of each part at the end; a part may be in another mode than the whole."""
    modes = [(part, part.training) for part in module.modules()]
    try:
        yield
    finally:
        for part, training in modes:
            part.training = training


@contextlib.contextmanager
def buffers_restored(module: nn.Module) -> Iterator[None]:
    """Restores the buffers at the end, changed in place or replaced by another tensor."""
    buffers = [
        (part, name, buffer, buffer.clone())
        for part in module.modules()
        for name, buffer in part.named_buffers(recurse=False)
    ]
    try:
        yield
    finally:
        for part, name, buffer, value in buffers:
            if getattr(part, name) is not buffer or not buffer.equal(value):
                setattr(part, name, buffer.copy_(value))
