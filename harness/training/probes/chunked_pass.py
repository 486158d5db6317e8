"""A forward pass in chunks, after whose backward pass ∂L/∂h_t is known at the end of each chunk.

The sequence is cut at the points to be measured, and the state is handed from chunk to chunk. The gradient
of the handed state is the part of ∂L/∂h_t that comes through later steps; the gradient of the chunk's last
output is the part that comes directly, from the readout or from the layer above at the same step. A single
call over the whole sequence shows the second part alone, which is zero before the last step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from harness.cells import is_stock, lstm_output_gate, reads_tokens, split_layers
from harness.cells.copied import Before, CopyError
from harness.cells.tokens import input_dtype
from harness.training.probes.hidden_state import (
    STOCK_PLACE,
    Place,
    as_new_tensors,
    hidden_places,
    top_layer,
)
from harness.training.probes.probe import NotMeasuredError


@dataclass(frozen=True, eq=False)
class ChunkEnd:
    """One layer at the last step t of a chunk: the tensors whose gradients make up ∂L/∂h_t and ∂L/∂c_t."""

    layer: int
    t: int
    output: Tensor
    """(B, steps of the chunk, H); its last step is h_t."""
    handed: tuple[Tensor, ...]
    """The parts of the state, as handed to the next chunk."""
    places: tuple[Place, ...]
    """Where h_t, (B, H), lies in them."""
    output_gate: Tensor | None
    """(B, H), o_t of an LSTM of torch, whose state is (h, c): ∂L/∂c_t includes the path through
    h_t = o_t tanh c_t."""

    @property
    def tensors(self) -> list[Tensor]:
        """All that take part in the gradient."""
        return [tensor for tensor in (self.output, *self.handed) if tensor.requires_grad]

    @property
    def hidden(self) -> list[Tensor]:
        """The parts of the state that hold h_t."""
        return [self.handed[number] for number, _ in self.places]

    def grad_h(self) -> Tensor:
        """∂L/∂h_t, (B, H), after the backward pass; other parts of the state are held fixed."""
        through_later = [_grad(self.handed[number])[index] for number, index in self.places]
        return sum(through_later, _grad(self.output)[:, -1])

    def grad_c(self) -> Tensor | None:
        """∂L/∂c_t, (B, H), after the backward pass; None for cells without a cell state."""
        if self.output_gate is None:
            return None
        through_h = self.grad_h() * self.output_gate * (1 - self.handed[1][-1].detach().tanh() ** 2)
        return _grad(self.handed[1])[-1] + through_h


def chunked_forward(cell: nn.Module, x_BTD: Tensor, points: Sequence[int]) -> tuple[Tensor, list[ChunkEnd]]:
    """The cell's output over the whole sequence, and the chunk ends, which hold gradients after `backward()`.

    Random numbers between the layers of a stock cell are those that the cell draws itself.

    Args:
        cell: one for which `why_not_chunked` returns None.
        x_BTD: encoded inputs; those of a cell whose weights are not trained must require a gradient.
        points: rising steps; the last one is T − 1.

    Returns:
        (B, T, H), equal to `cell(x_BTD)[0]` up to rounding; the ends of every layer of a stock cell, of the
        top layer of any other.

    Raises:
        NotMeasuredError: an output is not the hidden state that is handed on.
    """
    if not is_split(cell):
        return _chunked_layer(cell, x_BTD, points, None)
    assert isinstance(cell, nn.RNNBase)
    output, ends = x_BTD, []
    for index, layer in enumerate(split_layers(cell)):
        if index > 0:  # torch drops (T, B, H); the mask follows the memory
            below_TBH = output.transpose(0, 1).contiguous()
            output = F.dropout(below_TBH, cell.dropout, training=cell.training).transpose(0, 1)
        output, of_layer = _chunked_layer(layer, output, points, index)
        ends += of_layer
    return output, ends


def is_split(cell: nn.Module) -> bool:
    """Whether each layer is measured: the cell is torch's own, and no hook takes part in it."""
    return is_stock(cell)


def why_not_chunked(cell: nn.Module, input_size: int) -> str | None:
    """Why a cell cannot be run in chunks, or None when it can as far as two steps show.

    Two steps, taken one by one with the state handed on, must give what they give in one call. They are
    taken by a copy of the cell, and the random generators are restored.
    """
    if is_split(cell):
        return None
    if getattr(cell, "bidirectional", False):
        return "it reads in both directions, so no state is handed on in one direction of time"
    stated = getattr(cell, "why_no_state", None)
    if isinstance(stated, str):
        return stated
    if reads_tokens(cell):
        return "it reads token ids, which have no gradient that would show whether its state holds everything"
    parameter = next(cell.parameters(), torch.empty(0))
    x_BTD = torch.linspace(-1, 1, 2 * 2 * input_size, dtype=input_dtype(cell), device=parameter.device)
    try:
        with torch.no_grad(), Before.now(cell).again() as tried:
            return _why_not_two_steps(tried, x_BTD.view(2, 2, input_size))
    except (NotMeasuredError, CopyError) as reason:
        return str(reason)
    except Exception as error:  # a third-party module may fail in any way, and the run continues without
        return f"its state cannot be handed on: {type(error).__name__}: {error}"


def _why_not_two_steps(cell: nn.Module, x_BTD: Tensor) -> str | None:
    whole, _ = cell.eval()(x_BTD.clone())  # a cell may change its input in place
    _, state = cell(x_BTD[:, :1].clone())
    if state is None:
        return "it returns no state"
    second, state = cell(x_BTD[:, 1:].clone(), as_new_tensors(state)[1])
    in_training, state_in_training = cell.train()(x_BTD.clone())  # dropout on the output shows here only
    states, states_in_training = as_new_tensors(state)[0], as_new_tensors(state_in_training)[0]
    if not torch.allclose(whole[:, 1:], second, rtol=1e-4, atol=1e-5):
        return "handing its state on does not continue the sequence"
    hidden_places(states, second[:, -1])
    hidden_places(states_in_training, in_training[:, -1])
    return None


def _chunked_layer(
    layer: nn.Module, x_BTD: Tensor, points: Sequence[int], index: int | None
) -> tuple[Tensor, list[ChunkEnd]]:
    """The output and the chunk ends of layer `index` of a stock cell; None: of a whole cell of any kind."""
    outputs, ends = [], []
    state, start = None, 0
    for t in points:
        chunk = x_BTD[:, start : t + 1]
        chunk = chunk.clone() if index is None else chunk  # a third-party module may change it in place
        raw, new_state = layer(chunk) if state is None else layer(chunk, state)
        # A third-party module may use one tensor as output and as state, whose gradient would count twice.
        output = raw.view_as(raw)
        handed, new_state = as_new_tensors(new_state)
        for tensor in (output, *handed):
            if tensor.requires_grad:  # a state may hold a part without a gradient, such as a step count
                tensor.retain_grad()
        gate, places = None, STOCK_PLACE
        if index is None:
            places = hidden_places(handed, output[:, -1].detach())
        elif isinstance(layer, nn.LSTM):
            gate = lstm_output_gate(layer, x_BTD[:, t].detach(), _step_before(output, state)).detach()
        number = top_layer(layer, handed, places[0]) if index is None else index
        ends.append(ChunkEnd(number, t, output, handed, places, gate))
        outputs.append(output)
        state, start = new_state, t + 1
    return torch.cat(outputs, dim=1), ends


def _step_before(output_BTH: Tensor, state: Any) -> Tensor:
    """(B, H), the hidden state before the last step of a chunk that began with `state`."""
    if output_BTH.shape[1] > 1:
        return output_BTH[:, -2].detach()
    return state[0][0].detach() if state is not None else torch.zeros_like(output_BTH[:, 0])


def _grad(tensor: Tensor) -> Tensor:
    return torch.zeros_like(tensor) if tensor.grad is None else tensor.grad
