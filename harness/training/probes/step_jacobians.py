"""The Jacobian of one step of a stock cell, the singular values of products of them, and Lyapunov exponents.

Formulas are the derivatives of `harness.cells.equations`; J_t = ∂s_t/∂s_{t−1}, where the state s is h,
or of an LSTM h and c one after the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from harness.cells.equations import State, Step, Weights


def step_jacobian(name: str, w: Weights, before: State, step: Step) -> Tensor:
    """J_t, (B, S, S) with S = H, or 2H for an LSTM.

    Args:
        name: of the stock cell, a key of `STOCK_CELLS`.
        w: its weights.
        before: the state before the step.
        step: what the step computed from it.
    """
    return _JACOBIANS[name](w, before, step)


def largest_lyapunov(jacobians: Iterable[Tensor]) -> Tensor:
    """The largest Lyapunov exponent over a stretch of T steps: ln ‖J_T ⋯ J_1‖₂ / T, in nats a step.

    Negative: small differences of the state shrink; positive: they grow, as in chaos. With T it approaches
    the exponent of the infinite sequence; of a linear RNN that is ln of the spectral radius of U. The product
    is scaled at each step, so that it neither overflows nor vanishes.

    Args:
        jacobians: of rising t, (…, S, S) each; leading dimensions are sequences.

    Returns:
        (…), −inf where the product is exactly 0.

    Raises:
        ValueError: there is no Jacobian.
    """
    product, log_scale, count = None, None, 0
    for jacobian in jacobians:
        product = jacobian if product is None else jacobian @ product
        scale = torch.linalg.matrix_norm(product, keepdim=True)
        product = product / scale.clamp(min=torch.finfo(product.dtype).tiny)
        logs = scale[..., 0, 0].log()
        log_scale = logs if log_scale is None else log_scale + logs
        count += 1
    if product is None or log_scale is None:
        raise ValueError("the Lyapunov exponent needs at least one Jacobian; give those of one step or more")
    return (log_scale + torch.linalg.matrix_norm(product, ord=2).log()) / count


def _rows(scale_BH: Tensor, matrix: Tensor) -> Tensor:
    """diag(scale) matrix for each sequence: (B, H, H)."""
    return scale_BH.unsqueeze(2) * matrix


def _rnn_tanh(w: Weights, before: State, step: Step) -> Tensor:
    (h,) = step.state
    return _rows(1 - h**2, w.U["h"])


def _rnn_relu(w: Weights, before: State, step: Step) -> Tensor:
    (h,) = step.state
    return _rows((h > 0).to(h.dtype), w.U["h"])


def _lstm(w: Weights, before: State, step: Step) -> Tensor:
    _, c0 = before
    _, c = step.state
    i, f, g, o = (step.gates[letter] for letter in "ifgo")
    dc_dh0 = (
        _rows(c0 * f * (1 - f), w.U["f"]) + _rows(g * i * (1 - i), w.U["i"]) + _rows(i * (1 - g**2), w.U["g"])
    )
    dh_dc = o * (1 - torch.tanh(c) ** 2)
    dh_dh0 = _rows(torch.tanh(c) * o * (1 - o), w.U["o"]) + dh_dc.unsqueeze(2) * dc_dh0
    of_h = torch.cat([dh_dh0, torch.diag_embed(dh_dc * f)], dim=2)
    of_c = torch.cat([dc_dh0, torch.diag_embed(f)], dim=2)
    return torch.cat([of_h, of_c], dim=1)


def _gru(w: Weights, before: State, step: Step) -> Tensor:
    (h0,) = before
    r, z, n = (step.gates[letter] for letter in "rzn")
    dn_dh0 = _rows(r, w.U["n"]) + _rows(w.rec("n", h0) * r * (1 - r), w.U["r"])
    return torch.diag_embed(z) + _rows((h0 - n) * z * (1 - z), w.U["z"]) + _rows((1 - z) * (1 - n**2), dn_dh0)


_JACOBIANS: dict[str, Callable[[Weights, State, Step], Tensor]] = {
    "rnn_tanh": _rnn_tanh,
    "rnn_relu": _rnn_relu,
    "lstm": _lstm,
    "gru": _gru,
}
