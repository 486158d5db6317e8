"""Gradient flow: how large ‖∂L/∂h_t‖ is at points along the sequence, exactly, in a real training step.

The sequence is cut into chunks that end at the points, and the state is handed from chunk to chunk. The
gradient of the handed state is what comes back through later steps; the gradient of the chunk's last
output is what comes directly, from the readout or from the layer above at the same step. Their sum is
∂L/∂h_t. A single call over the whole sequence shows only the second part, zero before the last step.
A fused cell has the sum in hand at every step of its way back, so nothing is cut there.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from harness.cells import is_stock, lstm_output_gate, split_layers
from harness.kernels import Flow, FusedCell
from harness.training.model import SequenceClassifier

NUM_POINTS = 16

FlowRow = tuple[int, int, str, int, float, float]
"""step, layer, state, t, norm, log10_norm."""


@dataclass(frozen=True, eq=False)
class Tap:
    """One layer at one point: the tensors whose gradients make up ∂L/∂h_t and ∂L/∂c_t."""

    layer: int
    t: int
    output: Tensor
    """(B, steps of the chunk, H); its last step is h_t."""
    handed: tuple[Tensor, ...]
    """h_t, and c_t for an LSTM, each (1, B, H), as handed to the next chunk."""
    output_gate: Tensor | None
    """(B, H), o_t of an LSTM: ∂L/∂c_t takes in the way through h_t = o_t tanh c_t."""


def flow_points(seq_len: int, num_points: int | None = NUM_POINTS) -> list[int]:
    """Steps to look at, from 0 to seq_len − 1, evenly spread; all of them for None or in a short sequence.

    >>> flow_points(5), flow_points(100, 4)
    ([0, 1, 2, 3, 4], [0, 33, 66, 99])
    """
    count = seq_len if num_points is None else min(seq_len, num_points)
    if count == 1:
        return [seq_len - 1]
    return [round(k * (seq_len - 1) / (count - 1)) for k in range(count)]


def why_unsupported(cell: nn.Module, input_size: int) -> str | None:
    """Why the gradient flow of this cell cannot be measured, or None where it can.

    Two steps taken one by one with the state handed on must give what they give in one call.
    """
    if is_stock(cell) or isinstance(cell, FusedCell):
        return None
    if getattr(cell, "bidirectional", False):
        return "it reads in both directions, so no state is handed on in one direction of time"
    training = cell.training
    parameter = next(cell.parameters(), torch.empty(0))
    x_BTD = torch.linspace(-1, 1, 2 * 2 * input_size, dtype=parameter.dtype, device=parameter.device)
    x_BTD = x_BTD.view(2, 2, input_size)
    try:
        with torch.no_grad():
            cell.eval()
            whole, _ = cell(x_BTD)
            _, state = cell(x_BTD[:, :1])
            second, state = cell(x_BTD[:, 1:], _renamed(state)[1])
            with torch.random.fork_rng():  # dropout on the output shows in training only
                in_training, state_in_training = cell.train()(x_BTD)
        states = _renamed(state)[0]
        last_in_training = _renamed(state_in_training)[0][0][-1]
    except Exception as error:  # an outside module may fail in any way, and the run goes on without
        return f"its state cannot be handed on: {type(error).__name__}: {error}"
    finally:
        cell.train(training)
    if not torch.allclose(whole[:, 1:], second, rtol=1e-4, atol=1e-5):
        return "handing its state on does not continue the sequence"
    pairs = ((states[0][-1], second[:, -1]), (last_in_training, in_training[:, -1]))
    if any(state.shape != output.shape or not torch.allclose(state, output) for state, output in pairs):
        return "its output is not its hidden state"
    return None


def probed_forward(
    model: SequenceClassifier, x: Tensor, lengths: Tensor, points: Sequence[int]
) -> tuple[Tensor, Callable[[int], list[FlowRow]]]:
    """The model's answer, and what gives the rows of a step (its number) after `backward()`.

    Args:
        model: its cell is one for which `why_unsupported` gives None.
        x, lengths: as the model takes them.
        points: rising steps; the last one is T − 1.
    """
    if isinstance(model.cell, FusedCell):
        flows = [Flow() for _ in range(model.cell.num_layers)]
        return model(x, lengths, flows), lambda step: fused_rows(flows, points, step, lengths)
    output, taps = tapped_forward(model.cell, model.encode(x), points)
    return model.answer(output, lengths), lambda step: flow_rows(taps, step, lengths)


def fused_rows(
    flows: Sequence[Flow], points: Sequence[int], step: int, lengths: Tensor | None = None
) -> list[FlowRow]:
    """The rows that `flow_rows` gives, from what a fused cell has written down on its way back."""
    rows = []
    for layer, flow in enumerate(flows):
        for t in points:
            running = _running(lengths, t)
            for state, norms in (("h", flow.h), ("c", flow.c)):
                if running > 0 and len(norms):
                    rows.append(_row(step, layer, state, t, float(norms[t]) / running))
    return rows


def tapped_forward(cell: nn.Module, x_BTD: Tensor, points: Sequence[int]) -> tuple[Tensor, list[Tap]]:
    """The cell's output over the whole sequence, and taps that hold gradients after `backward()`.

    Args:
        cell: one for which `why_unsupported` gives None.
        x_BTD: encoded inputs.
        points: rising steps; the last one is T − 1.

    Returns:
        (B, T, H), as from `cell(x_BTD)[0]` up to rounding; taps for every layer of a stock cell, for the
        top layer of any other.
    """
    if not is_stock(cell):
        top = int(getattr(cell, "num_layers", 1)) - 1
        return _tapped_layer(cell, x_BTD, points, top)
    output, taps = x_BTD, []
    for index, layer in enumerate(split_layers(cell)):
        if index > 0:
            output = F.dropout(output, cell.dropout, training=cell.training)
        output, layer_taps = _tapped_layer(layer, output, points, index)
        taps += layer_taps
    return output, taps


def flow_rows(taps: Sequence[Tap], step: int, lengths: Tensor | None = None) -> list[FlowRow]:
    """Norms after the backward pass of a loss that is the mean over the batch.

    `norm` is the mean over the sequences b of ‖∂ℓ_b/∂h_t‖, ℓ_b the loss of sequence b alone (so it does
    not depend on the batch size); `log10_norm` is −inf where it is 0. With `lengths` (B,) the mean is over
    the sequences that have not ended at t.
    """
    rows: list[FlowRow] = []
    for tap in taps:
        running = _running(lengths, tap.t)
        if running == 0:
            continue  # every sequence has ended: there is no state to ask about
        grad_h = _grad(tap.handed[0])[-1] + _grad(tap.output)[:, -1]
        rows.append(_row(step, tap.layer, "h", tap.t, _norm(grad_h) / running))
        if tap.output_gate is not None:
            through_h = grad_h * tap.output_gate * (1 - tap.handed[1][-1].detach().tanh() ** 2)
            norm = _norm(_grad(tap.handed[1])[-1] + through_h)
            rows.append(_row(step, tap.layer, "c", tap.t, norm / running))
    return rows


def flow_slope(rows: Sequence[FlowRow]) -> float | None:
    """Change of log10 ‖∂L/∂h_t‖ per step back in time, top layer, last probe; negative: vanishing.

    The least-squares line through the points with a norm above 0; None with fewer than two.

    >>> flow_slope([(9, 0, "h", 0, 1e-4, -4.0), (9, 0, "h", 2, 1e-2, -2.0)])
    -1.0
    """
    if not rows:
        return None
    last, top = max(row[0] for row in rows), max(row[1] for row in rows)
    points = [(t, y) for step, layer, state, t, _, y in rows if (step, layer, state) == (last, top, "h")]
    points = [(t, y) for t, y in points if math.isfinite(y)]
    if len(points) < 2:
        return None
    t, y = np.array(points).T
    return -float(((t - t.mean()) * (y - y.mean())).sum() / ((t - t.mean()) ** 2).sum())


def half_life(slope: float | None) -> float | None:
    """Steps back over which the norm halves; None where it does not fall.

    >>> round(half_life(-0.1), 3), half_life(0.1)
    (3.01, None)
    """
    return math.log10(2) / -slope if slope is not None and slope < 0 else None


def _tapped_layer(
    layer: nn.Module, x_BTD: Tensor, points: Sequence[int], index: int
) -> tuple[Tensor, list[Tap]]:
    outputs, taps = [], []
    state, start = None, 0
    for t in points:
        raw, new_state = (
            layer(x_BTD[:, start : t + 1]) if state is None else layer(x_BTD[:, start : t + 1], state)
        )
        # Names of their own: an outside module may use the same tensor as output and as state, and the
        # gradient of that one would be counted twice.
        output = raw.view_as(raw)
        handed, new_state = _renamed(new_state)
        for tensor in (output, *handed):
            if tensor.requires_grad:  # an outside state may carry a part without one, such as a step count
                tensor.retain_grad()
        gate = None
        if is_stock(layer) and isinstance(layer, nn.LSTM):
            gate = lstm_output_gate(layer, x_BTD[:, t].detach(), _step_before(output, state)).detach()
        taps.append(Tap(index, t, output, handed, gate))
        outputs.append(output)
        state, start = new_state, t + 1
    return torch.cat(outputs, dim=1), taps


def _step_before(output_BTH: Tensor, state: Any) -> Tensor:
    """(B, H), the hidden state before the last step of a chunk that began with `state`."""
    if output_BTH.shape[1] > 1:
        return output_BTH[:, -2].detach()
    return state[0][0].detach() if state is not None else torch.zeros_like(output_BTH[:, 0])


def _renamed(state: Tensor | tuple[Tensor, ...]) -> tuple[tuple[Tensor, ...], Tensor | tuple[Tensor, ...]]:
    """The tensors of a state under new names, as a tuple, and in the form the cell takes."""
    if isinstance(state, Tensor):
        renamed = state.view_as(state)
        return (renamed,), renamed
    if not isinstance(state, tuple) or not state or not all(isinstance(part, Tensor) for part in state):
        raise TypeError(f"a state must be a tensor or a tuple of tensors, not {type(state).__name__}")
    parts = tuple(part.view_as(part) for part in state)
    return parts, parts


def _grad(tensor: Tensor) -> Tensor:
    return torch.zeros_like(tensor) if tensor.grad is None else tensor.grad


def _running(lengths: Tensor | None, t: int) -> float:
    """Share of the sequences that have not ended at t."""
    return 1.0 if lengths is None else float((lengths > t).double().mean())


def _norm(grad_BH: Tensor) -> float:
    # The loss is a mean over B sequences: ∂L/∂h_t of a sequence is 1/B of its own, so the sum is the mean.
    return float(grad_BH.double().norm(dim=1).sum())  # squares of small float32 numbers underflow


def _row(step: int, layer: int, state: str, t: int, norm: float) -> FlowRow:
    return (step, layer, state, t, norm, math.log10(norm) if norm > 0 else -math.inf)
