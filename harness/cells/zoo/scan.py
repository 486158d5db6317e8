"""Linear recurrences h_t = a_t ⊙ h_{t−1} + b_t with known factors: all states, and their gradients."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def linear_scan(a_BTH: Tensor, b_BTH: Tensor, h_BH: Tensor | None = None) -> Tensor:
    """h_t = a_t ⊙ h_{t−1} + b_t at every step, (B, T, H), from h_{−1} = 0 or the given state.

    The backward pass is such a recurrence, too, from the end. On a CPU the steps are taken one after another,
    which reads every number once; elsewhere by `parallel_scan`.

    Args:
        a_BTH: real or complex; the batch may be 1 for all sequences.
        b_BTH: (B, T, H).
        h_BH: the state before the first step.

    >>> linear_scan(torch.full((1, 4, 1), 0.5), torch.ones(1, 4, 1)).flatten().tolist()
    [1.0, 1.5, 1.75, 1.875]
    """
    if h_BH is not None:
        b_BTH = torch.cat([b_BTH[:, :1] + a_BTH[:, :1] * h_BH[:, None], b_BTH[:, 1:]], dim=1)
    states: Tensor = _LinearScan.apply(a_BTH, b_BTH)
    return states


def step_by_step(a_BTH: Tensor, b_BTH: Tensor) -> Tensor:
    """The states one after another, from h_{−1} = 0; without gradients."""
    h_BTH = b_BTH.clone(memory_format=torch.contiguous_format)
    factors, states = a_BTH.unbind(1), h_BTH.unbind(1)
    for t in range(1, len(states)):
        states[t].addcmul_(factors[t], states[t - 1])
    return h_BTH


def parallel_scan(a_BTH: Tensor, b_BTH: Tensor) -> Tensor:
    """The states from h_{−1} = 0, in about 2 log₂ T rounds of operations on whole sequences.

    Two steps make one, h_{t+1} = (a_{t+1} a_t) ⊙ h_{t−1} + (a_{t+1} b_t + b_{t+1}); so every second state is
    the scan of half as many steps, and the others follow from it. Nothing is divided and no logarithm taken:
    where |a| ≤ 1 it is as exact as step by step.
    """
    T = b_BTH.shape[1]
    if T == 1:
        return b_BTH
    pairs = 2 * (T // 2)
    second_a, second_b = a_BTH[:, 1::2], b_BTH[:, 1::2]
    odd = parallel_scan(second_a * a_BTH[:, 0:pairs:2], second_a * b_BTH[:, 0:pairs:2] + second_b)
    later = a_BTH[:, 2::2] * odd[:, : (T - 1) // 2] + b_BTH[:, 2::2]
    even = torch.cat([b_BTH[:, :1], later], dim=1)
    woven = torch.stack([even[:, : T // 2], odd], dim=2).flatten(1, 2)
    return woven if pairs == T else torch.cat([woven, even[:, -1:]], dim=1)


def _states(a_BTH: Tensor, b_BTH: Tensor) -> Tensor:
    return (step_by_step if b_BTH.device.type == "cpu" else parallel_scan)(a_BTH, b_BTH)


class _LinearScan(torch.autograd.Function):
    """The scan with the gradients of both arguments: ∂L/∂b_t = ∂L/∂h_t + conj(a_{t+1}) ∂L/∂b_{t+1}."""

    @staticmethod
    def forward(ctx: Any, a_BTH: Tensor, b_BTH: Tensor) -> Tensor:
        h_BTH = _states(a_BTH, b_BTH)
        ctx.save_for_backward(a_BTH, h_BTH)
        return h_BTH

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad_BTH: Tensor) -> tuple[Tensor, Tensor]:
        a_BTH, h_BTH = ctx.saved_tensors
        following_a = torch.cat([a_BTH[:, 1:], a_BTH[:, :1]], dim=1).conj()  # that of the last step is unused
        grad_b = _states(following_a.flip(1), grad_BTH.flip(1)).flip(1)
        grad_a = torch.zeros_like(grad_b)
        grad_a[:, 1:] = grad_b[:, 1:] * h_BTH[:, :-1].conj()
        return grad_a.sum_to_size(a_BTH.shape), grad_b
