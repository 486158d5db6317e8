"""A forward pass in chunks, after whose backward pass ∂L/∂h_t is known at the end of each chunk.

The sequence is cut at the points to be measured, and the state is handed from chunk to chunk. The gradient
of the handed state is the part of ∂L/∂h_t that comes through later steps; the gradient of the chunk's last
output is the part that comes directly, from the readout or from the layer above at the same step. A single
call over the whole sequence shows the second part alone, which is zero before the last step.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from harness.cells import is_stock, lstm_output_gate, split_layers
from harness.training.random_state import random_state, restore_random_state


@dataclass(frozen=True, eq=False)
class ChunkEnd:
    """One layer at the last step t of a chunk: the tensors whose gradients make up ∂L/∂h_t and ∂L/∂c_t."""

    layer: int
    t: int
    output: Tensor
    """(B, steps of the chunk, H); its last step is h_t."""
    handed: tuple[Tensor, ...]
    """h_t, and c_t for an LSTM, each (1, B, H), as handed to the next chunk."""
    output_gate: Tensor | None
    """(B, H), o_t of an LSTM: ∂L/∂c_t includes the path through h_t = o_t tanh c_t."""

    def grad_h(self) -> Tensor:
        """∂L/∂h_t, (B, H), after the backward pass."""
        return _grad(self.handed[0])[-1] + _grad(self.output)[:, -1]

    def grad_c(self) -> Tensor | None:
        """∂L/∂c_t, (B, H), after the backward pass; None for cells without a cell state."""
        if self.output_gate is None:
            return None
        through_h = self.grad_h() * self.output_gate * (1 - self.handed[1][-1].detach().tanh() ** 2)
        return _grad(self.handed[1])[-1] + through_h


def chunked_forward(cell: nn.Module, x_BTD: Tensor, points: Sequence[int]) -> tuple[Tensor, list[ChunkEnd]]:
    """The cell's output over the whole sequence, and the chunk ends, which hold gradients after `backward()`.

    Args:
        cell: one for which `why_not_chunked` returns None.
        x_BTD: encoded inputs.
        points: rising steps; the last one is T − 1.

    Returns:
        (B, T, H), equal to `cell(x_BTD)[0]` up to rounding; the ends of every layer of a stock cell, of the
        top layer of any other.
    """
    if not is_stock(cell):
        top = int(getattr(cell, "num_layers", 1)) - 1
        return _chunked_layer(cell, x_BTD, points, top)
    output, ends = x_BTD, []
    for index, layer in enumerate(split_layers(cell)):
        if index > 0:
            output = F.dropout(output, cell.dropout, training=cell.training)
        output, of_layer = _chunked_layer(layer, output, points, index)
        ends += of_layer
    return output, ends


def why_not_chunked(cell: nn.Module, input_size: int) -> str | None:
    """Why a cell cannot be run in chunks, or None when it can.

    Two steps, taken one by one with the state handed on, must give what they give in one call. The cell's
    mode, its buffers and all random generators are restored.
    """
    if is_stock(cell):
        return None
    if getattr(cell, "bidirectional", False):
        return "it reads in both directions, so no state is handed on in one direction of time"
    stated = getattr(cell, "why_no_state", None)
    if isinstance(stated, str):
        return stated
    parameter = next(cell.parameters(), torch.empty(0))
    x_BTD = torch.linspace(-1, 1, 2 * 2 * input_size, dtype=parameter.dtype, device=parameter.device)
    x_BTD = x_BTD.view(2, 2, input_size)
    try:
        with torch.no_grad(), _restored(cell):
            cell.eval()
            whole, _ = cell(x_BTD)
            _, state = cell(x_BTD[:, :1])
            second, state = cell(x_BTD[:, 1:], _as_new_tensors(state)[1])
            in_training, state_in_training = cell.train()(x_BTD)  # dropout on the output shows here only
        states = _as_new_tensors(state)[0]
        last_in_training = _as_new_tensors(state_in_training)[0][0][-1]
    except Exception as error:  # a third-party module may fail in any way, and the run continues without
        return f"its state cannot be handed on: {type(error).__name__}: {error}"
    if not torch.allclose(whole[:, 1:], second, rtol=1e-4, atol=1e-5):
        return "handing its state on does not continue the sequence"
    pairs = ((states[0][-1], second[:, -1]), (last_in_training, in_training[:, -1]))
    if any(state.shape != output.shape or not torch.allclose(state, output) for state, output in pairs):
        return "its output is not its hidden state"
    return None


@contextlib.contextmanager
def _restored(cell: nn.Module) -> Iterator[None]:
    """Restores the cell's mode and buffers, and the random generators."""
    training, generators = cell.training, random_state()
    buffers = [
        (module, name, buffer, buffer.clone())
        for module in cell.modules()
        for name, buffer in module.named_buffers(recurse=False)
    ]
    try:
        yield
    finally:
        cell.train(training)
        restore_random_state(generators)
        for module, name, buffer, value in buffers:  # changed in place, or replaced by another tensor
            setattr(module, name, buffer.copy_(value))


def _chunked_layer(
    layer: nn.Module, x_BTD: Tensor, points: Sequence[int], index: int
) -> tuple[Tensor, list[ChunkEnd]]:
    outputs, ends = [], []
    state, start = None, 0
    for t in points:
        chunk = x_BTD[:, start : t + 1]
        raw, new_state = layer(chunk) if state is None else layer(chunk, state)
        # A third-party module may use one tensor as output and as state, whose gradient would count twice.
        output = raw.view_as(raw)
        handed, new_state = _as_new_tensors(new_state)
        for tensor in (output, *handed):
            if tensor.requires_grad:  # a state may hold a part without a gradient, such as a step count
                tensor.retain_grad()
        gate = None
        if is_stock(layer) and isinstance(layer, nn.LSTM):
            gate = lstm_output_gate(layer, x_BTD[:, t].detach(), _step_before(output, state)).detach()
        ends.append(ChunkEnd(index, t, output, handed, gate))
        outputs.append(output)
        state, start = new_state, t + 1
    return torch.cat(outputs, dim=1), ends


def _step_before(output_BTH: Tensor, state: Any) -> Tensor:
    """(B, H), the hidden state before the last step of a chunk that began with `state`."""
    if output_BTH.shape[1] > 1:
        return output_BTH[:, -2].detach()
    return state[0][0].detach() if state is not None else torch.zeros_like(output_BTH[:, 0])


def _as_new_tensors(state: Any) -> tuple[tuple[Tensor, ...], Tensor | tuple[Tensor, ...]]:
    """The parts of a state as views of their own: as a tuple, and in the form that the cell takes."""
    if isinstance(state, Tensor):
        renamed = state.view_as(state)
        return (renamed,), renamed
    if not isinstance(state, tuple) or not state or not all(isinstance(part, Tensor) for part in state):
        raise TypeError(f"a state must be a tensor or a tuple of tensors, not {type(state).__name__}")
    parts = tuple(part.view_as(part) for part in state)
    return parts, parts


def _grad(tensor: Tensor) -> Tensor:
    return torch.zeros_like(tensor) if tensor.grad is None else tensor.grad
