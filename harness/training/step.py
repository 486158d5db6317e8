"""The one training step, which the training loop and the isolated timing pass share."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from harness.training.model import SequenceClassifier, loss_of
from harness.training.optimizer import Optimizer

Batch = tuple[Tensor, Tensor, Tensor]
"""x, y and lengths, as `Split.batches` gives them."""

Forward = Callable[[Tensor, Tensor], Tensor]
"""From x and lengths to the model's answer."""


class StepResult(NamedTuple):
    """What a step leaves, detached and on the model's device."""

    loss: Tensor
    """Scalar."""
    norm: Tensor
    """Scalar, float64: global gradient norm before clipping; infinite only where a gradient is."""
    answer: Tensor
    """The model's answer before the update."""


def training_step(
    model: SequenceClassifier,
    optimizer: Optimizer,
    batch: Batch,
    clip: float | None,
    *,
    forward: Forward | None = None,
    after_backward: Callable[[Tensor], None] | None = None,
    on_phase: Callable[[], None] | None = None,
) -> StepResult:
    """Forward pass, loss, backward pass, clipping and update of the parameters.

    Args:
        model: in training mode.
        optimizer: over the parameters of `model`.
        batch: on the device of `model`.
        clip: global gradient norm above which the gradient is scaled down to it; None: never.
        forward: takes the place of the model's own forward pass, for a probe.
        after_backward: called with the answer, detached, when the gradients are there, before clipping and
            update, for a probe.
        on_phase: called three times: before the forward pass, after the loss, after the backward pass.
    """
    x, y, lengths = batch
    optimizer.zero_grad()
    if on_phase is not None:
        on_phase()
    answer = model(x, lengths) if forward is None else forward(x, lengths)
    loss = loss_of(answer, y)
    if on_phase is not None:
        on_phase()
    loss.backward()
    if on_phase is not None:
        on_phase()
    if after_backward is not None:
        after_backward(answer.detach())
    norm = clip_gradient(optimizer.parameters, clip)
    optimizer.step()
    return StepResult(loss.detach(), norm, answer.detach())


def clip_gradient(parameters: Sequence[nn.Parameter], clip: float | None) -> Tensor:
    """Scales the gradient down to the global norm `clip`, if it is larger; returns its norm before that.

    As `torch.nn.utils.clip_grad_norm_`, with less overhead for the few parameters of one device. Squares of
    numbers from 10^19 on overflow in float32: as there, such a gradient is scaled by 0. The norm that is
    returned does not overflow.
    """
    grads = [parameter.grad for parameter in parameters if parameter.grad is not None]
    norm = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(grad) for grad in grads]))
    exact = norm.double()
    if norm.device.type != "cpu":  # to look at the number would wait for the device
        exact = torch.where(exact.isfinite(), exact, _norm_in_float64(grads))
    elif not math.isfinite(norm.item()):
        exact = _norm_in_float64(grads)
    if clip is not None:
        scale = (clip / (norm + 1e-6)).clamp(max=1.0)  # 1e-6: torch's own, against a norm of 0
        for grad in grads:
            grad.mul_(scale)
    return exact


def _norm_in_float64(grads: Sequence[Tensor]) -> Tensor:
    real = (torch.view_as_real(grad) if grad.is_complex() else grad for grad in grads)
    return torch.linalg.vector_norm(
        torch.stack([torch.linalg.vector_norm(grad, dtype=torch.float64) for grad in real])
    )
