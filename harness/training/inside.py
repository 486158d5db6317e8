"""One sequence through a trained model: states, gates, gradients and answers, step by step."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from harness.cells import class_and_options, is_stock, outputs_of, split_layers, stock_cell_of
from harness.cells.copied import copied
from harness.cells.equations import STEPS, weights_of, zero_state
from harness.training.model import SequenceClassifier, loss_of
from harness.training.probes.beside import check_inputs
from harness.training.probes.chunked_pass import ChunkEnd, chunked_forward, why_not_chunked
from harness.training.probes.hidden_state import top_layer
from harness.training.probes.probe import NotMeasuredError


@dataclass(frozen=True, eq=False)
class LayerInside:
    """What a layer computed at each step."""

    layer: int
    """From 0; the top layer has the highest number."""
    states: dict[str, np.ndarray]
    """`h`, and `c` of an LSTM: (T, H)."""
    gates: dict[str, np.ndarray]
    """(T, H) by letter, candidates included; empty for cells without gates, or whose gates are not known."""
    gradients: dict[str, np.ndarray]
    """∂ℓ/∂h_t, and ∂ℓ/∂c_t of an LSTM, through all later steps: (T, H), ℓ the loss of the sequence. Empty
    where they cannot be measured."""


@dataclass(frozen=True, eq=False)
class Inside:
    """One sequence without its padding, and what a model makes of it."""

    x: np.ndarray
    """(T, D) values or (T,) token ids."""
    y: np.ndarray
    """A class, a value, or (T,) classes."""
    layers: tuple[LayerInside, ...]
    """The layer that reads the input first; of a cell that is not torch's the top layer alone."""
    answer: np.ndarray
    """(K,) probabilities, (T, K) of them for labels at steps, or () a value."""
    at_each_step: np.ndarray | None
    """(T, K) or (T,), what the head answers from h_t alone; None where it reads more than one state."""
    loss: float
    """Nats, or squared error."""
    note: str
    """Why gates or gradients are missing; empty where none are."""


def look_inside(model: SequenceClassifier, x: Tensor, y: Tensor, length: int) -> Inside:
    """Runs a model over one sequence and back, in evaluation mode; its gradients are left as they were.

    Layers of `nn.RNN`, `nn.LSTM` and `nn.GRU` are computed by `harness.cells.equations`, others in chunks of
    one step where their state can be handed on.

    Args:
        model: as `load_model` returns it.
        x: (T, D) or (T,), with its padding, as a split of the task holds it.
        y: its label, (), or (T,) for labels at steps.
        length: valid steps.
    """
    training = model.training
    parameters = [p for p in model.parameters() if p.requires_grad]
    kept = [p.grad for p in parameters]
    for parameter in parameters:
        parameter.grad = None
    try:
        with torch.enable_grad():
            return _look(model.eval(), x[None, :length], y[None, :length] if y.dim() else y[None], length)
    finally:
        model.train(training)
        for parameter, grad in zip(parameters, kept, strict=True):
            parameter.grad = grad


def _look(model: SequenceClassifier, x: Tensor, y: Tensor, length: int) -> Inside:
    lengths = torch.tensor([length])
    encoded = model.encode(x)
    if encoded.is_floating_point() and not encoded.requires_grad:  # nothing else may, of a frozen cell
        encoded = encoded.detach().requires_grad_()
    note = ""
    traces: list[_Trace] = []
    ends: list[ChunkEnd] = []
    if is_stock(model.cell):
        output = encoded
        for layer in split_layers(model.cell):
            output, trace = _traced(layer, output)
            traces.append(trace)
    else:
        note = f"no gates: {class_and_options(model.cell)} is no cell of torch in one direction"
        try:
            output, ends = _step_by_step(model, encoded, y, lengths)
        except NotMeasuredError as why:
            output = outputs_of(model.cell, encoded.clone(), lengths)
            note += f"; no gradients: {why}"
    answer = model.answer(output, lengths)
    loss = loss_of(answer, y)
    loss.backward()
    layers = [trace.numbers(index) for index, trace in enumerate(traces)]
    if ends:
        gradient = torch.cat([end.grad_h() for end in ends])
        layers = [LayerInside(ends[0].layer, {"h": _array(output[0])}, {}, {"h": _array(gradient)})]
    elif not traces:
        layers = [LayerInside(top_layer(model.cell), {"h": _array(output[0])}, {}, {})]
    with torch.no_grad():
        steps = _at_each_step(model, output)
        return Inside(
            x=_array(x[0]), y=_array(y[0]), layers=tuple(layers), answer=_array(_shown(answer, model)[0]),
            at_each_step=None if steps is None else _array(steps), loss=loss.item(), note=note,
        )  # fmt: skip


def _step_by_step(
    model: SequenceClassifier, encoded: Tensor, y: Tensor, lengths: Tensor
) -> tuple[Tensor, list[ChunkEnd]]:
    """The output of a cell that is not torch's in chunks of one step, and their ends.

    Raises:
        NotMeasuredError: it cannot be run so, or output or gradient are not those of one call.
    """
    why = why_not_chunked(model.cell, model.encoded_size)
    if why is not None:
        raise NotMeasuredError(why)
    output, ends = chunked_forward(model.cell, encoded, range(encoded.shape[1]))
    whole = outputs_of(model.cell, encoded.clone(), lengths)
    if not torch.allclose(output, whole, rtol=1e-3, atol=1e-5):
        raise NotMeasuredError("its output step by step is not that of one call")
    of_whole, of_steps = (
        torch.autograd.grad(loss_of(model.answer(of, lengths), y), encoded, retain_graph=True)[0]
        for of in (whole, output)
    )
    for tensor in (tensor for end in ends for tensor in end.tensors):
        tensor.grad = None  # left by the gradient above
    try:
        check_inputs(of_whole, of_steps)
    except NotMeasuredError:
        if encoded.dtype == torch.float64 or not _is_right_in_float64(model, encoded, y, lengths):
            raise
    return output, ends


def _is_right_in_float64(model: SequenceClassifier, encoded: Tensor, y: Tensor, lengths: Tensor) -> bool:
    """Whether a cell step by step is what it is in one call in float64: what differs else is rounding."""
    y = y.double() if y.is_floating_point() else y
    try:
        _step_by_step(copied(model).double(), encoded.detach().double().requires_grad_(), y, lengths)
    except Exception:  # a third-party module may fail in any way
        return False
    return True


@dataclass(frozen=True, eq=False)
class _Trace:
    """The tensors of a layer, step by step, that hold gradients after the backward pass."""

    states: list[tuple[Tensor, ...]]
    gates: list[dict[str, Tensor]]

    def numbers(self, layer: int) -> LayerInside:
        names = ("h", "c")[: len(self.states[0])]
        per_state = dict(zip(names, zip(*self.states, strict=True), strict=True))
        zero = torch.zeros_like(self.states[0][0])
        return LayerInside(
            layer,
            {name: _array(torch.cat(steps)) for name, steps in per_state.items()},
            {k: _array(torch.cat([gates[k] for gates in self.gates])) for k in self.gates[0]},
            {
                name: _array(torch.cat([zero if s.grad is None else s.grad for s in steps]))
                for name, steps in per_state.items()
            },
        )


def _traced(layer: nn.RNNBase, x_BTD: Tensor) -> tuple[Tensor, _Trace]:
    stock = stock_cell_of(layer)
    assert stock is not None  # split_layers makes stock cells
    step, weights, state = STEPS[stock.name], weights_of(layer), zero_state(layer, x_BTD)
    trace = _Trace([], [])
    for x_BD in x_BTD.unbind(1):
        made = step(weights, x_BD, state)
        state = made.state
        for part in state:
            part.retain_grad()
        trace.states.append(state)
        trace.gates.append(made.gates)
    return torch.stack([h for h, *_ in trace.states], dim=1), trace


def _at_each_step(model: SequenceClassifier, output_BTH: Tensor) -> Tensor | None:
    """The answer from each state as if the sequence ended there."""
    both = getattr(model.cell, "bidirectional", False)
    if model.target == "steps" or model.readout != "last" or both:
        return None
    T = output_BTH.shape[1]
    each = model.answer(output_BTH.view(T, 1, -1), torch.ones(T, dtype=torch.int64))
    return _shown(each, model)


def _shown(answer: Tensor, model: SequenceClassifier) -> Tensor:
    return answer if model.target == "value" else F.softmax(answer, dim=-1)


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.detach().numpy().copy()
