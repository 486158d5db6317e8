"""Calls of a cell to find out what it is: each on a fresh copy, from the same random state."""

from __future__ import annotations

import contextlib
import functools
import os
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from harness.cells.contract import checked_output
from harness.cells.copied import CopyError, buffers_restored, copied, modes_restored
from harness.cells.random_state import random_state, restore_random_state, seeded

TOLERANCE = 1e-4
"""Of differences, relative to the largest number of a tensor."""


@dataclass(frozen=True, eq=False)
class Trials:
    """A cell that can be called without a trace.

    A cell that cannot be copied is called itself; its weights, buffers and modes are restored.
    """

    cell: nn.Module

    @contextlib.contextmanager
    def fresh(self, *, training: bool = False, seed: int = 0) -> Iterator[nn.Module]:
        """The cell to call, in a mode, with all random generators seeded; they are restored at the end."""
        me = os.getpid()
        with _generators(seed), warnings.catch_warnings(), buffers_restored(self.cell), _alone(me):
            warnings.simplefilter("ignore")  # a run shows them
            try:
                cell = copied(self.cell)
            except CopyError:
                with _restored(self.cell):
                    yield self.cell.train(training)
            else:
                yield cell.train(training)

    def output(self, x: Tensor, *, training: bool = False, seed: int = 0) -> Tensor:
        """The output for x, which stays as it is.

        Raises:
            TypeError: it is no output of a cell.
        """
        with torch.no_grad(), self.fresh(training=training, seed=seed) as cell:
            return checked_output(cell, x, cell(x.clone())).clone()

    def second_output(self, x: Tensor) -> Tensor:
        """The output of the second of two equal calls in evaluation mode."""
        with torch.no_grad(), self.fresh() as cell:
            for _ in range(2):
                with _generators(0):
                    output = checked_output(cell, x, cell(x.clone()))
            return output.clone()


def same(a: Tensor, b: Tensor, tolerance: float = TOLERANCE) -> bool:
    """Whether two tensors are equal up to rounding; what is not finite has to be equal."""
    if a.shape != b.shape:
        return False
    finite = b[b.isfinite()]
    largest = float(finite.abs().max()) if finite.numel() else 0.0
    return torch.allclose(a, b, rtol=0, atol=tolerance * largest, equal_nan=True)


@contextlib.contextmanager
def _alone(process: int) -> Iterator[None]:
    """Ends a fork that a call of the cell has made and that returned: it would go on as this program."""
    try:
        yield
    finally:
        if os.getpid() != process:
            os._exit(1)


@contextlib.contextmanager
def _generators(seed: int) -> Iterator[None]:
    """As `seeded`, from states that are kept: to seed torch takes longer than a call of a small cell."""
    before = random_state()
    restore_random_state(_seeded_state(seed))
    try:
        yield
    finally:
        restore_random_state(before)


@functools.cache
def _seeded_state(seed: int) -> dict[str, Any]:
    with seeded(seed):
        return random_state()


@contextlib.contextmanager
def _restored(cell: nn.Module) -> Iterator[None]:
    weights = [(parameter, parameter.detach().clone()) for parameter in cell.parameters()]
    try:
        with modes_restored(cell):
            yield
    finally:
        with torch.no_grad():
            for parameter, value in weights:
                if not parameter.equal(value):
                    parameter.copy_(value)
