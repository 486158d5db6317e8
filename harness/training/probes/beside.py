"""The gradient flow of a training step, measured beside it: on a copy, and checked against the step itself.

The step is made once more in chunks, from the same weights, buffers and random generators, and with the
gradient ∂L/∂answer of the real step. What it gives counts only where it gives the step's own numbers: the
loss and the gradient of the parameters. A cell that is not torch's is also run in one call, and the gradient
of each input step has to be the same: the share of early steps in the gradient of the parameters can be too
small to be seen.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from harness.cells.copied import Before
from harness.training.model import SequenceClassifier, loss_of
from harness.training.probes.chunked_pass import ChunkEnd, chunked_forward, is_split
from harness.training.probes.probe import NotMeasuredError
from harness.training.step import Batch

TOLERANCE = 1e-3
"""Of the relative differences."""

ROUNDING = 100
"""Times the machine epsilon: the absolute error of a loss, in which small losses are differences of numbers
around 1."""

SMALLEST = 1e3
"""Times the smallest normal number: gradients below are partly flushed to zero and not compared."""


def flow_beside(
    before: Before[SequenceClassifier], batch: Batch, answer: Tensor, points: Sequence[int]
) -> list[ChunkEnd]:
    """The chunk ends of a training step, which hold gradients; called after the step's backward pass.

    Args:
        before: the model and the generators before the step's forward pass. The original has the gradients of
            the step, and keeps them.
        batch: of the step.
        answer: of the step.
        points: rising time steps; the last one is T − 1.

    Raises:
        NotMeasuredError: the copy does not give the numbers of the step; the message has both.
    """
    loss, grad = _loss_and_gradient(answer, batch[1])
    if not math.isfinite(loss):
        raise NotMeasuredError(f"its loss is {loss}")
    try:
        with torch.enable_grad(), before.again() as model:
            ends, of_inputs = _in_chunks(model, batch, grad, loss, points)
            _check_gradient(before.original, model)
        if not is_split(before.module.cell):
            with torch.enable_grad(), before.again() as model:
                whole = _in_one_call(model, batch, grad)
            try:
                check_inputs(whole, of_inputs)
            except NotMeasuredError:
                if not _same_in_float64(before, batch, grad, loss, points):
                    raise
    except NotMeasuredError:
        raise
    except Exception as error:  # a third-party module may fail in any way, and training goes on
        raise NotMeasuredError(f"a pass in chunks fails: {type(error).__name__}: {error}") from error
    _check_hidden(ends)
    return ends


def _in_chunks(
    model: SequenceClassifier, batch: Batch, grad: Tensor, loss: float, points: Sequence[int]
) -> tuple[list[ChunkEnd], Tensor]:
    """The chunk ends with their gradients, and ∂L/∂x of the encoded inputs."""
    x, y, lengths = batch
    encoded, inputs = _encoded(model, x)
    output, ends = chunked_forward(model.cell, inputs, points)
    if not all(end.output.requires_grad for end in ends):
        raise NotMeasuredError("its output carries no gradient")
    answer = model.answer(output, lengths)
    found = loss_of(answer.detach(), y).item()
    rounding = ROUNDING * torch.finfo(answer.dtype).eps
    if not abs(found - loss) <= TOLERANCE * abs(loss) + rounding:
        raise NotMeasuredError(f"run in chunks the loss is {found:.6g}, not {loss:.6g} as in the step")
    _backward(model, answer, grad, [encoded, *(tensor for end in ends for tensor in end.tensors)])
    return ends, _of(encoded)


def _same_in_float64(
    before: Before[SequenceClassifier], batch: Batch, grad: Tensor, loss: float, points: Sequence[int]
) -> bool:
    """Whether the gradients of the inputs agree in float64: what differs in float32 is then rounding, as in a
    scan in log space. False too for a cell that cannot be run in float64."""
    x, y, lengths = (tensor.double() if tensor.is_floating_point() else tensor for tensor in batch)
    try:
        with torch.enable_grad(), before.again() as model:
            whole = _in_one_call(model.double(), (x, y, lengths), grad.double())
        with torch.enable_grad(), before.again() as model:
            _, in_chunks = _in_chunks(model.double(), (x, y, lengths), grad.double(), loss, points)
        check_inputs(whole, in_chunks)
    except Exception:  # a third-party module may fail in any way
        return False
    return True


def _in_one_call(model: SequenceClassifier, batch: Batch, grad: Tensor) -> Tensor:
    """∂L/∂x of the encoded inputs, in a step that is made as the real one was."""
    x, _, lengths = batch
    encoded, inputs = _encoded(model, x)
    _backward(model, model.answer_encoded(inputs, lengths), grad, [encoded])
    return _of(encoded)


def _encoded(model: SequenceClassifier, x: Tensor) -> tuple[Tensor, Tensor]:
    """Encoded inputs that require a gradient, as for a cell without trained weights, and a copy to compute
    with, which the cell may change in place."""
    encoded = model.encode(x)
    encoded = encoded if encoded.requires_grad else encoded.detach().requires_grad_()
    return encoded, encoded.clone()


def _backward(model: SequenceClassifier, answer: Tensor, grad: Tensor, tensors: Iterable[Tensor]) -> None:
    """Gradients of the parameters of the copy and of `tensors` alone: a closure may lead to the original."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    # A scalar: for `answer.backward(grad)` torch imports SymPy, which takes longer than the step.
    (answer * grad).sum().backward(inputs=[*trained, *tensors])


def _loss_and_gradient(answer: Tensor, y: Tensor) -> tuple[float, Tensor]:
    with torch.enable_grad():
        leaf = answer.detach().requires_grad_()
        loss = loss_of(leaf, y)
        [grad] = torch.autograd.grad(loss, leaf)
    return loss.item(), grad


def _check_gradient(real: SequenceClassifier, copy: SequenceClassifier) -> None:
    """Compares the gradients of the cell's parameters, and those of encoder and head."""
    for of, is_in in (("the cell", True), ("encoder and head", False)):
        pairs = [
            (_of(mine), _of(other))
            for (name, mine), other in zip(real.named_parameters(), copy.parameters(), strict=True)
            if name.startswith("cell.") is is_in
        ]
        wanted = _norm(mine for mine, _ in pairs)
        error = _norm(other - mine for mine, other in pairs)
        if not math.isfinite(wanted):
            raise NotMeasuredError(f"the gradient of {of} is not finite")
        if not error <= TOLERANCE * wanted + SMALLEST * _tiny(real):
            raise NotMeasuredError(
                f"run in chunks the gradient of {of} differs from that of the step by "
                f"{_share(error, wanted)} of its norm of {wanted:.3g}"
            )


def check_inputs(whole_BTD: Tensor, chunked_BTD: Tensor) -> None:
    """Compares the gradients of the inputs step by step.

    Raises:
        NotMeasuredError: they differ; the message says where and by how much.
    """
    wanted_T = _norms(whole_BTD)
    error_T = _norms(chunked_BTD - whole_BTD)
    smallest = SMALLEST * torch.finfo(whole_BTD.dtype).tiny
    wrong = ~(error_T <= TOLERANCE * wanted_T + smallest)
    if bool(wrong.any()):
        t = int(wrong.nonzero()[-1])
        raise NotMeasuredError(
            f"run in chunks the gradient of the input at t = {t} differs from that of one call by "
            f"{_share(float(error_T[t]), float(wanted_T[t]))} of its norm of {float(wanted_T[t]):.3g}"
        )


def _check_hidden(ends: Sequence[ChunkEnd]) -> None:
    """Refuses a hidden state that no later step reads, where the cell hands another one on."""
    read = any(part.grad is not None for end in ends for part in end.hidden)
    others = any(part.grad is not None for end in ends for part in end.handed)
    if others and not read:
        raise NotMeasuredError("no step reads the hidden state of the step before: another part is handed on")


def _of(tensor: Tensor) -> Tensor:
    """The gradient of a tensor, zeros where it has none."""
    return torch.zeros_like(tensor) if tensor.grad is None else tensor.grad


def _norm(tensors: Iterable[Tensor]) -> float:
    return math.hypot(*(float(torch.linalg.vector_norm(_real64(tensor))) for tensor in tensors))


def _norms(tensor_BTD: Tensor) -> Tensor:
    """(T,), in float64."""
    return torch.linalg.vector_norm(_real64(tensor_BTD).transpose(0, 1).flatten(1), dim=1)


def _real64(tensor: Tensor) -> Tensor:
    return (torch.view_as_real(tensor) if tensor.is_complex() else tensor).double()


def _tiny(model: nn.Module) -> float:
    return max(torch.finfo(parameter.dtype).tiny for parameter in model.parameters())


def _share(error: float, wanted: float) -> str:
    return f"{error / wanted:.2g}" if wanted > 0 else "more than all"
