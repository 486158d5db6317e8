"""What a cell is, found by trying it: samples kept apart, causal, a state that can be handed on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from harness.cells.bidirectional import is_bidirectional
from harness.cells.contract import ADAPTER
from harness.cells.in_chunks import why_not_in_chunks
from harness.cells.stock import STOCK_CELLS, is_torch_cell
from harness.cells.tokens import random_inputs
from harness.cells.trials import Trials, same
from harness.cells.zoo.base import SequenceCell

SEQUENCES, STEPS = 3, 5
"""Of the batch on which a cell is tried."""


@dataclass(frozen=True)
class CellContract:
    """What was found of a cell.

    Attributes:
        features: of a time step of its output.
        causal: whether its output at a step depends on that step and earlier ones only, in evaluation mode.
        why_no_state: why its state cannot be handed on from chunk to chunk; None: it can.
        notes: what is good to know of it, in words: samples that are coupled in training mode, …
    """

    features: int
    causal: bool
    why_no_state: str | None
    notes: tuple[str, ...] = ()


def examine(cell: nn.Module, input_size: int, *, steps: int = STEPS) -> CellContract:
    """Tries a cell on a batch of three sequences, and leaves it and the random generators as they were.

    Args:
        cell: made with `batch_first=True`.
        input_size: features of a step, or the number of symbols of a cell that reads token ids.
        steps: of a sequence, at least 1; fewer than 2 cannot show causality or a state.

    Raises:
        TypeError: it does not return (output, state) with an output (batch, steps, features); or in
            evaluation mode a sequence does not give in a batch what it gives alone, or what it gave before.
    """
    x = random_inputs(cell, (SEQUENCES, steps), input_size)
    trials = Trials(cell)
    whole = trials.output(x)
    is_random = not same(trials.output(x, seed=1), whole)
    _check_sequences_apart(trials, x, whole, is_random=is_random)
    causal = is_causal(cell, input_size, steps=steps)
    return CellContract(
        features=whole.shape[2],
        causal=causal,
        why_no_state=why_not_in_chunks(trials, x, causal=causal) if steps > 1 else "it was tried on one step",
        notes=tuple(_notes(trials, x, whole, causal=causal, is_random=is_random)),
    )


def is_causal(cell: nn.Module, input_size: int, *, steps: int = STEPS) -> bool:
    """Whether outputs in evaluation mode depend on no later step; True where there is one step.

    Raises:
        TypeError: it does not return (output, state) with an output (batch, steps, features).
    """
    x, half = random_inputs(cell, (2, steps), input_size), steps // 2
    trials = Trials(cell)
    changed = torch.cat([x[:, :half], _others(trials, x)[:, half:]], dim=1)
    before, after = (trials.output(of)[:, :half] for of in (x, changed))
    return half == 0 or same(after, before)


def why_padding_enters(cell: nn.Module, input_size: int, *, steps: int = STEPS) -> str | None:
    """Why a cell may read padding, so that all sequences must have one length; None: it is causal."""
    if is_torch_cell(cell) or is_causal(cell, input_size, steps=steps):  # torch's own get packed sequences
        return None
    return f"an output of {type(cell).__name__} depends on later steps, so padding may enter it"


def is_tested_cell(target: Callable[..., Any]) -> bool:
    """Whether a class is torch's or one of this package, all of which the tests of this package examine."""
    if not isinstance(target, type):
        return False
    ours = issubclass(target, SequenceCell) and target.__module__.startswith("harness.")
    return ours or target in {cell.torch_class for cell in STOCK_CELLS.values()}


def _others(trials: Trials, x: Tensor) -> Tensor:
    """Inputs of the same shape that differ from x in every step."""
    if not x.is_floating_point():
        return (x + 1) % (int(x.max()) + 1)
    return random_inputs(trials.cell, (x.shape[0], x.shape[1]), x.shape[2], seed=1)


def _check_sequences_apart(trials: Trials, x: Tensor, whole: Tensor, *, is_random: bool) -> None:
    """Refuses a cell that mixes sequences in evaluation mode, within a batch or from call to call."""
    name = type(trials.cell).__name__
    apart = _slices_apart(trials, x, whole, axis=0)
    if apart and not is_random:  # draws for a whole batch are others than those for one sequence
        apart = same(trials.output(x[-1:]), whole[-1:])
    if not apart:
        why = "a sequence gives another output alone than in a batch; a cell must read each one by itself"
        if x.shape[1] > 1 and _slices_apart(trials, x, whole, axis=1):
            why = (
                "it reads (steps, batch, features) and ignores batch_first=True; transpose its input and "
                f"output in an adapter: {ADAPTER}"
            )
        raise TypeError(f"{name} mixes the sequences of a batch in evaluation mode: {why}")
    if not same(trials.second_output(x), whole):
        raise TypeError(
            f"{name} gives another output when it is called again on the same input in evaluation mode: it "
            "keeps a state from call to call; begin at zero whenever no state is given"
        )


def _slices_apart(trials: Trials, x: Tensor, whole: Tensor, *, axis: int, training: bool = False) -> bool:
    """Whether the first and the last slice of x along an axis enter no output of the others."""
    others = _others(trials, x)
    for index in (0, x.shape[axis] - 1):
        changed = x.clone()
        changed.select(axis, index).copy_(others.select(axis, index))
        rest = [k for k in range(x.shape[axis]) if k != index]
        after = trials.output(changed, training=training)
        if not same(after.transpose(0, axis)[rest], whole.transpose(0, axis)[rest]):
            return False
    return True


def _notes(trials: Trials, x: Tensor, whole: Tensor, *, causal: bool, is_random: bool) -> Iterator[str]:
    name = type(trials.cell).__name__
    if not causal and not is_bidirectional(trials.cell):
        yield f"{name} is not causal: its output at a step depends on later steps"
    if not bool(whole.isfinite().all()):
        yield f"{name} gives an output that is not finite for inputs from a standard normal distribution"
    elif same(trials.output(_others(trials, x)), whole):
        yield f"{name} gives the same output for any input with its initial weights: little of it can be seen"
    if is_random:
        yield f"{name} draws random numbers in evaluation mode: its test results are one draw"
    try:
        trained = trials.output(x, training=True)
        if not _slices_apart(trials, x, trained, axis=0, training=True):
            yield f"{name} couples the sequences of a batch in training mode, as batch normalisation does"
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a third-party module may fail in any way, and the run records it
        said = " ".join(str(error).split())
        yield f"{name} fails in training mode on a batch of {SEQUENCES}: {type(error).__name__}: {said}"
