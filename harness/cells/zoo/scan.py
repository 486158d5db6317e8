"""The parallel scan of a linear recurrence, which takes about 2 log₂ T operations in place of T."""

from __future__ import annotations

import torch
from torch import Tensor


def linear_scan(a_BTH: Tensor, b_BTH: Tensor, h_BH: Tensor | None = None) -> Tensor:
    """h_t = a_t ⊙ h_{t−1} + b_t at every step, from h_{−1} = 0 or the given state.

    Two steps make one, h_{t+1} = (a_{t+1} a_t) ⊙ h_{t−1} + (a_{t+1} b_t + b_{t+1}); so every second state is
    the scan of half as many steps, and the others follow from it. Nothing is divided and no logarithm taken:
    where |a| ≤ 1 it is as exact as the recurrence step by step.

    Args:
        a_BTH: real or complex; the batch may be 1 for all sequences.
        b_BTH: (B, T, H).
        h_BH: the state before the first step.

    >>> linear_scan(torch.full((1, 4, 1), 0.5), torch.ones(1, 4, 1)).flatten().tolist()
    [1.0, 1.5, 1.75, 1.875]
    """
    if h_BH is not None:
        b_BTH = torch.cat([b_BTH[:, :1] + a_BTH[:, :1] * h_BH[:, None], b_BTH[:, 1:]], dim=1)
    return _scan(a_BTH, b_BTH)


def _scan(a_BTH: Tensor, b_BTH: Tensor) -> Tensor:
    T = b_BTH.shape[1]
    if T == 1:
        return b_BTH
    pairs = 2 * (T // 2)
    second_a, second_b = a_BTH[:, 1::2], b_BTH[:, 1::2]
    odd = _scan(second_a * a_BTH[:, 0:pairs:2], second_a * b_BTH[:, 0:pairs:2] + second_b)
    later = a_BTH[:, 2::2] * odd[:, : (T - 1) // 2] + b_BTH[:, 2::2]
    even = torch.cat([b_BTH[:, :1], later], dim=1)
    woven = torch.stack([even[:, : T // 2], odd], dim=2).flatten(1, 2)
    return woven if pairs == T else torch.cat([woven, even[:, -1:]], dim=1)
