"""The loops over time, forward and back, compiled: no Python between two steps.

Everything lies time-major in memory, a row a sequence, rows padded to whole registers (width W for H
units) with zeros, and is handed over by address. Weights come in panels, see `product`. The
input's share of the gates is one product for a few steps at a time, and so are the gradients of the
weights, while what they need is still in the processor's cache.
"""

from __future__ import annotations

import functools
import logging
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from filelock import FileLock
from llvmlite import ir
from numba import njit, typeof
from numba.core import types
from numba.extending import intrinsic

from harness.kernels.formulas import BACKWARD, FORWARD
from harness.kernels.kind import (
    carries_of,
    count_of,
    has_c_of,
    kind_of,
    lanes_of,
    marker,
    planes_of,
    size_of,
    state_plane_of,
)
from harness.kernels.lanes import Formula, Rows, emit_over_rows
from harness.kernels.product import product

log = logging.getLogger("harness.kernels")


def _step(names: tuple[str, ...], choose: Any) -> Any:
    """An intrinsic of compiled code that applies a formula of the marker's cell to rows."""

    @intrinsic
    def step(typingctx: Any, kind: Any, rows: Any, width: Any, addresses: Any, strides: Any) -> Any:
        several = types.UniTuple(types.intp, len(names))
        which = kind_of(kind)
        formula: Formula = choose(which.gates)

        def codegen(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Value:
            emit_over_rows(builder, which.real, formula, names, *args[1:])
            return context.get_dummy_value()

        return types.void(kind, types.intp, types.intp, several, several), codegen

    return step


def _add(v: Rows) -> None:
    v.store("to", v.load("to") + v.load("term"))


_step_forward = _step(FORWARD, lambda gates: gates.forward)
_step_backward = _step(BACKWARD, lambda gates: gates.backward)
_add_rows = _step(("to", "term"), lambda gates: _add)


@njit(cache=True, error_model="numpy", nogil=True)
def forward(
    kind: Any, T: int, B: int, D: int, H: int, W: int, chunk: int, slots: int,
    x: int, x_ld: int, wx: int, bx: int, wh: int, bh: int, s: int, g: int, h: int, c: int,
) -> None:  # fmt: skip
    """Fills h[1:] (and c[1:], s) from x and h[0] (and c[0]).

    Args:
        kind: the marker of the cell.
        T, B, D, H, W: steps, sequences, features, units, width of a plane.
        chunk: steps whose input's share is made at once.
        slots: steps that `s` has room for: T, or `chunk`, when nothing is kept for the way back.
        x: (T, B, D), and the numbers from row to row.
        wx, bx, wh, bh: (D, gates × W) and (H, gates × W) in panels; biases (gates × W).
        s, g, h, c: (slots, B, planes × W), (B, gates × W), (T + 1, B, W), the same or 0.
    """
    size, G, P, panel = size_of(kind), count_of(kind) * W, planes_of(kind) * W, 2 * lanes_of(kind)
    state, saved = size * B * W, size * B * P
    c_ld = W if has_c_of(kind) else 0
    for begin in range(0, T, chunk):
        steps = min(chunk, T - begin)
        first = s + saved * (begin if slots == T else 0)
        x_at = x + size * begin * B * x_ld
        product(kind, steps * B, G, D, first, P, bx, 0, x_at, x_ld, 1, wx, panel, True)
        for step in range(steps):
            h0 = h + state * (begin + step)
            c0 = c + state * (begin + step) if has_c_of(kind) else 0
            product(kind, B, G, H, g, G, bh, 0, h0, W, 1, wh, panel, True)
            _step_forward(
                kind, B, W,
                (first + saved * step, g, h0, h0 + state, c0, c0 + state), (P, G, W, W, c_ld, c_ld),
            )  # fmt: skip


@njit(cache=True, error_model="numpy", nogil=True)
def backward(
    kind: Any, T: int, B: int, D: int, H: int, W: int, DW: int, chunk: int,
    x: int, x_ld: int, wx: int, wh: int, s: int, h: int, c: int, one: int,
    out: int, out_t: int, out_b: int, ends: np.ndarray,
    dh: np.ndarray, dc: int, total: np.ndarray, da: int,
    dwx: int, dbx: int, dwh: int, dbh: int, dx: int, to_start: bool,
    flow_h: np.ndarray, flow_c: np.ndarray,
) -> None:  # fmt: skip
    """Fills the gradients of weights, inputs and initial state from those of outputs and last state.

    Args:
        kind, T, B, D, H, W, x, x_ld, s, h, c: as in `forward`; `s` has T slots where the cell keeps it.
        DW: width of a row of `dx`.
        chunk: steps whose weight gradients are summed at once.
        wx, wh: (gates × W, DW) and (gates × W, W), as torch has them, in panels.
        one: the number 1.
        out: ∂L/∂output, (T, B, W) by the strides `out_t` and `out_b`; or 0.
        ends: if not empty, the output of sequence b was read at step ends[b] − 1 alone, and `out` is
            (B, W).
        dh, dc: (B, W), ∂L/∂ of the last state; at the end of the initial one.
        total: (B, W), room.
        da: (chunk, B, planes × W), room.
        dwx, dbx, dwh, dbh: gradients, (D, gates × W), (gates × W), (H, gates × W), (gates × W), begun with 0.
        dx: (T, B, DW), or 0 where it is not asked.
        to_start: whether the gradient of the initial state is asked.
        flow_h, flow_c: (T,) float64, filled with Σ_b ‖∂L/∂h_t‖ and Σ_b ‖∂L/∂c_t‖; or empty.
    """
    size, G, P, panel = size_of(kind), count_of(kind) * W, planes_of(kind) * W, 2 * lanes_of(kind)
    state, saved, shift = size * B * W, size * B * P, size * state_plane_of(kind) * W
    c_ld = W if has_c_of(kind) else 0
    dh_at, total_at = dh.ctypes.data, total.ctypes.data
    chunks = (T + chunk - 1) // chunk
    for number in range(chunks):
        begin = (chunks - 1 - number) * chunk
        steps = min(chunk, T - begin)
        for back in range(steps):
            step = steps - 1 - back
            t = begin + step
            if len(ends) > 0:
                for b in range(B):
                    if ends[b] == t + 1:
                        row = size * b * W
                        _add_rows(kind, 1, W, (dh_at + row, out + row), (W, W))
            elif out != 0:
                _add_rows(kind, B, W, (dh_at, out + size * t * out_t), (W, out_b))
            if len(flow_h) > 0:
                flow_h[t] = _norms(dh)
            h0 = h + state * t
            c0 = c + state * t if has_c_of(kind) else 0
            da_t = da + saved * step
            _step_backward(
                kind, B, W,
                (s + saved * t, h0, h0 + state, c0, c0 + state, dh_at, dc, total_at, da_t),
                (P, W, W, c_ld, c_ld, W, W, W, P),
            )  # fmt: skip
            if len(flow_c) > 0:
                flow_c[t] = _norms(total)
            if t > 0 or to_start:
                carried = dh_at if carries_of(kind) else 0
                product(kind, B, W, G, dh_at, W, carried, W, da_t + shift, P, 1, wh, panel, True)
        _sum_up(
            kind, steps * B, D, H, W, DW, x + size * begin * B * x_ld, x_ld, h + state * begin, wx, one, da,
            dwx, dbx, dwh, dbh, 0 if dx == 0 else dx + size * begin * B * DW,
        )  # fmt: skip


@njit(error_model="numpy")
def _sum_up(
    kind: Any, rows: int, D: int, H: int, W: int, DW: int, x: int, x_ld: int, h: int, wx: int, one: int,
    da: int, dwx: int, dbx: int, dwh: int, dbh: int, dx: int,
) -> None:  # fmt: skip
    """Adds a chunk's part to the gradients of the weights, and fills that of its inputs if `dx` is not 0."""
    G, P = count_of(kind) * W, planes_of(kind) * W
    shift = size_of(kind) * state_plane_of(kind) * W
    product(kind, H, G, rows, dwh, G, dwh, G, h, 1, W, da + shift, P, False)
    product(kind, D, G, rows, dwx, G, dwx, G, x, 1, x_ld, da, P, False)
    product(kind, 1, G, rows, dbx, G, dbx, G, one, 0, 0, da, P, False)
    if shift > 0:
        product(kind, 1, G, rows, dbh, G, dbh, G, one, 0, 0, da + shift, P, False)
    if dx != 0:
        product(kind, rows, DW, G, dx, DW, 0, 0, da, P, 1, wx, 2 * lanes_of(kind), True)


@njit(error_model="numpy", fastmath={"reassoc", "contract"})
def _norms(rows: np.ndarray) -> float:
    """Σ_b ‖rows[b]‖, in float64: the squares of small float32 numbers underflow."""
    total = 0.0
    for b in range(rows.shape[0]):
        square = 0.0
        for value in rows[b]:
            wide = np.float64(value)  # compiled, float() would leave a float32 as it is
            square += wide * wide
        total += math.sqrt(square)
    return total


class Loops(NamedTuple):
    """The compiled loops of a cell and a type of numbers, called with what `forward` and `backward` take.

    Called themselves, these two would first find out the types of all their arguments, the marker's in
    Python, which short steps feel. The loops trust that the types are those of `make_ready`.
    """

    forward: Callable[..., None]
    backward: Callable[..., None]


@functools.cache
def make_ready(name: str, dtype: np.dtype[Any]) -> Loops:
    """Compiles the loops of a cell, or loads them from disk; later calls in this process do nothing.

    One process at a time: of two that save their code at once, Numba's index may name the one's file for
    the other's loop, and a later process would run the wrong cell. A full disk can leave such an index too,
    so each loop is called once, over no steps, and what is no good is made anew.

    Args:
        name: of the cell, a key of `GATES`.
        dtype: float32 or float64.

    Returns:
        Both loops, by the same object each time.
    """
    which, none, no_ends = marker(name, dtype), np.empty((0, 0), dtype), np.empty(0, np.int64)
    kind, integer, numbers = typeof(which), types.int64, typeof(none)
    norms, ends = typeof(np.empty(0)), typeof(no_ends)
    way_back = (
        kind, *[integer] * 18, ends, numbers, integer, numbers, *[integer] * 6, types.boolean, norms, norms,
    )  # fmt: skip
    with FileLock(Path(forward.stats.cache_path) / "loops.lock"):
        return Loops(
            _made(forward, (kind, *[integer] * 17), (which, *[0] * 5, 1, *[0] * 11)),
            _made(
                backward, way_back,
                (which, *[0] * 6, 1, *[0] * 11, no_ends, none, 0, none, *[0] * 6, False, *[np.empty(0)] * 2),
            ),
        )  # fmt: skip


def _made(loop: Any, signature: tuple[Any, ...], nothing_to_do: tuple[Any, ...]) -> Callable[..., None]:
    """A loop, compiled or from disk, that has been called once; a file that is no good is made anew."""
    try:
        made = loop.compile(signature)
        made(*nothing_to_do)
    except Exception as error:  # a broken file, or the code of another loop: each raises something else
        log.warning("compiled loops on disk are made anew: %s: %s", type(error).__name__, error)
        loop.overloads.pop(signature, None)
        loop._cache.flush()
        made = loop.compile(signature)
        made(*nothing_to_do)
    return made
