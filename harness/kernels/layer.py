"""One layer of a stock cell as an autograd function over the compiled time loops."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from harness.kernels.formulas import FORMULAS, CellFormulas
from harness.kernels.kind import kind_tag
from harness.kernels.lanes import Real
from harness.kernels.layer_call import DTYPES, GradientFlow, LayerCall
from harness.kernels.loops import load_loops

CHUNK_BYTES = 2**19
"""Memory of the steps of a chunk: what fits into a core's L2 cache beside the weights."""

CHUNK_ROWS = 256
"""Rows (steps × sequences) of a chunk, at least: each chunk reads and writes the weights' gradients."""

NO_ENDS = np.empty(0, dtype=np.int64)


class Layer(torch.autograd.Function):
    """(output, last h, last c) of one layer from x (B, T, D), the initial state (B, H) and torch's weights.

    The output is (B, T, H), or (B, H) when `call.lengths` is given; c is empty except for an LSTM.
    """

    @staticmethod
    def forward(
        ctx: Any, call: LayerCall, x_BTD: Tensor, h0: Tensor | None, c0: Tensor | None,
        w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None, b_hh: Tensor | None,
    ) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
        """Runs the forward loop; keeps what the backward pass needs if any gradient is needed."""
        formulas, real = FORMULAS[call.cell], Real(DTYPES[x_BTD.dtype])
        (x, x_ld), none = _rows(x_BTD.transpose(0, 1)), x_BTD.new_empty(0)
        T, B, D = x.shape
        H, W = w_hh.shape[1], real.padded(w_hh.shape[1])
        keep = call.keep and any(ctx.needs_input_grad)
        chunk = _chunk(T, B, formulas, W * real.size)
        slots = T if formulas.keeps_planes and keep else chunk
        s, g = x.new_empty(slots, B, formulas.planes, W), x.new_empty(B, formulas.num_gates, W)
        h, c = _states(x, h0, W), _states(x, c0, W) if formulas.has_cell_state else none
        panel = 2 * real.lanes
        wx = _by_input(w_ih, formulas.num_gates, W, panel, formulas.shift)
        wh = _by_input(w_hh, formulas.num_gates, W, panel)
        bx, bh = (
            _bias(b_ih, w_ih, formulas.num_gates, W, formulas.shift),
            _bias(b_hh, w_hh, formulas.num_gates, W),
        )
        load_loops(call.cell, real.dtype).forward(
            kind_tag(call.cell, real.dtype), T, B, D, H, W, chunk, slots,
            x.data_ptr(), x_ld, *_addresses(wx, bx, wh, bh, s, g, h, c),
        )  # fmt: skip
        if keep:
            ctx.call, ctx.sizes, ctx.x_ld = call, (T, B, D, H, W), x_ld
            ctx.set_materialize_grads(False)
            ctx.save_for_backward(x, h, c, s if formulas.keeps_planes else none, w_ih, w_hh)
        last_c = c[T, :, :H].clone() if formulas.has_cell_state else none
        if call.lengths is None:
            return h[1:, :, :H].transpose(0, 1), h[T, :, :H].clone(), last_c
        return h[call.lengths, torch.arange(B), :H], h[T, :, :H].clone(), last_c

    @staticmethod
    def backward(ctx: Any, d_output: Tensor | None, d_h: Tensor | None, d_c: Tensor | None) -> Any:
        """Runs the backward loop.

        Raises:
            RuntimeError: a graph of the gradient is requested. (torch's `once_differentiable` does not raise
                when the loss is linear in the output: the second derivative is then silently 0.)
        """
        if torch.is_grad_enabled():
            raise RuntimeError(
                "the fused loops have no second derivatives: remove create_graph=True, or use torch's cell "
                "(kernel=torch)"
            )
        x, h, c, s, w_ih, w_hh = ctx.saved_tensors
        call, formulas, real = ctx.call, FORMULAS[ctx.call.cell], Real(DTYPES[x.dtype])
        T, B, D, H, W = ctx.sizes
        _, needs_x, needs_h0, needs_c0, _, _, has_b_ih, has_b_hh = ctx.needs_input_grad
        DW, chunk = real.padded(D), _chunk(T, B, formulas, W * real.size)
        out, ends = _padded(d_output, W), NO_ENDS
        if call.lengths is not None and out is not None:
            ends = call.lengths.contiguous().numpy()
        strides = (out.stride(1), out.stride(0)) if out is not None and out.dim() == 3 else (0, 0)
        dh, dc, total = _state_grad(d_h, x, B, W), _state_grad(d_c, x, B, W), x.new_empty(B, W)
        da, one = x.new_empty(chunk, B, formulas.planes, W), x.new_ones(1)
        dwx, dwh = x.new_zeros(D, formulas.num_gates, W), x.new_zeros(H, formulas.num_gates, W)
        dbx, dbh = x.new_zeros(1, formulas.num_gates, W), x.new_zeros(1, formulas.num_gates, W)
        dx = x.new_empty(T, B, DW) if needs_x else x.new_empty(0)
        flow = call.flow or GradientFlow()
        if call.flow is not None:
            flow.h, flow.c = np.empty(T), np.empty(T if formulas.has_cell_state else 0)
        panel = 2 * real.lanes
        wx = _by_gate(w_ih, formulas.num_gates, W, panel, formulas.shift) if needs_x else x.new_empty(0)
        wh = _by_gate(w_hh, formulas.num_gates, W, panel)
        load_loops(call.cell, real.dtype).backward(
            kind_tag(call.cell, real.dtype), T, B, D, H, W, DW, chunk,
            x.data_ptr(), ctx.x_ld, *_addresses(wx, wh, s, h, c, one), *_addresses(out), *strides, ends,
            dh.numpy(), dc.data_ptr(), total.numpy(), *_addresses(da, dwx, dbx, dwh, dbh, dx), needs_h0,
            flow.h, flow.c,
        )  # fmt: skip
        d_b_ih = _untransposed(dbx, H, formulas.shift).squeeze(1)
        d_b_hh = _untransposed(dbh, H).squeeze(1) if formulas.state_plane else d_b_ih.clone()
        return (
            None,
            dx[:, :, :D].transpose(0, 1) if needs_x else None,
            dh[:, :H] if needs_h0 else None,
            dc[:, :H] if needs_c0 else None,
            _untransposed(dwx, H, formulas.shift),
            _untransposed(dwh, H),
            d_b_ih if has_b_ih else None,
            d_b_hh if has_b_hh else None,
        )


def _addresses(*tensors: Tensor | None) -> list[int]:
    """The memory address of each tensor; 0 for None and for an empty one."""
    return [tensor.data_ptr() if tensor is not None and tensor.numel() else 0 for tensor in tensors]


def _chunk(T: int, B: int, formulas: CellFormulas, plane_bytes: int) -> int:
    """Steps of a chunk."""
    steps = max(CHUNK_BYTES // (B * plane_bytes * (formulas.planes + 1)), CHUNK_ROWS // B)
    return max(1, min(T, steps))


def _rows(x_TBD: Tensor) -> tuple[Tensor, int]:
    """The same numbers with one stride between consecutive rows (t, b), and that stride."""
    _, B, D = x_TBD.shape
    even = x_TBD.stride(2) == 1 and x_TBD.stride(0) == B * x_TBD.stride(1) and x_TBD.stride(1) >= D
    rows = x_TBD if even else x_TBD.contiguous()
    return rows, rows.stride(1) if B > 1 else rows.stride(0)  # with one sequence, stride(1) is arbitrary


def _states(x_TBD: Tensor, first: Tensor | None, W: int) -> Tensor:
    """(T + 1, B, W) with the initial state in row 0."""
    T, B, _ = x_TBD.shape
    states = x_TBD.new_empty(T + 1, B, W)
    states[0] = 0
    if first is not None:
        states[0, :, : first.shape[1]] = first
    return states


def _split_gates(weights: Tensor, count: int, shift: int) -> Tensor:
    """(gates × H, K) -> (gates, H, K), the gates rotated by `shift` places."""
    by_gate = weights.detach().view(count, -1, weights.shape[1])
    return by_gate.roll(shift, 0) if shift else by_gate


def _padded_gates(weights: Tensor, count: int, W: int, shift: int) -> Tensor:
    """(gates × H, K) -> (gates × W, K), the gates rotated by `shift` places and padded with 0."""
    by_gate = _split_gates(weights, count, shift)
    missing = W - by_gate.shape[1]
    return (F.pad(by_gate, (0, 0, 0, missing)) if missing else by_gate).reshape(count * W, -1)


def _bias(bias: Tensor | None, weights: Tensor, count: int, W: int, shift: int = 0) -> Tensor:
    """(gates × W,), zeros without a bias."""
    if bias is None:
        return weights.new_zeros(count * W)
    return _padded_gates(bias[:, None], count, W, shift).squeeze(1).contiguous()


def _by_input(weights: Tensor, count: int, W: int, panel: int, shift: int = 0) -> Tensor:
    """The matrix (K, gates × W) in panels: (panels, K, columns of a panel)."""
    rows = _padded_gates(weights, count, W, shift)
    missing = -len(rows) % panel
    rows = F.pad(rows, (0, 0, 0, missing)) if missing else rows
    return rows.view(-1, panel, rows.shape[1]).transpose(1, 2).contiguous()


def _by_gate(weights: Tensor, count: int, W: int, panel: int, shift: int = 0) -> Tensor:
    """The matrix (gates × W, K) in panels: (panels, gates × W, columns of a panel)."""
    rows = _padded_gates(weights, count, W, shift)
    missing = -rows.shape[1] % panel
    rows = F.pad(rows, (0, missing)) if missing else rows
    return rows.view(len(rows), -1, panel).transpose(0, 1).contiguous()


def _untransposed(gradient: Tensor, H: int, shift: int = 0) -> Tensor:
    """(K, gates, W) -> (gates × H, K)."""
    by_gate = gradient[:, :, :H].permute(1, 2, 0)
    by_gate = by_gate.roll(-shift, 0) if shift else by_gate
    return by_gate.reshape(-1, gradient.shape[0])


def _padded(d_output: Tensor | None, W: int) -> Tensor | None:
    """∂L/∂output with rows of width W, the units of a row adjacent in memory."""
    if d_output is None:
        return None
    missing = W - d_output.shape[-1]
    if missing:
        return F.pad(d_output, (0, missing))
    by_row = d_output.stride(-1) == 1 and (d_output.dim() == 3 or d_output.is_contiguous())
    return d_output if by_row else d_output.contiguous()


def _state_grad(gradient: Tensor | None, x: Tensor, B: int, W: int) -> Tensor:
    """∂L/∂ the last state, (B, W), padded with zeros; all zeros for None."""
    result = x.new_zeros(B, W)
    if gradient is not None and gradient.numel():
        result[:, : gradient.shape[1]] = gradient
    return result
