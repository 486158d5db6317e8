"""The compiled loops over time, forward and backward: no Python between two steps.

All arrays are time-major with one row per sequence, rows padded with zeros to whole registers (width W for H
units), and are passed by address. Weights come in panels, see `product`. The input's part of the
pre-activations is one product for a chunk of steps, and so are the gradients of the weights, while their
operands are still in the processor's cache.
"""

from __future__ import annotations

import functools
import logging
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import njit, typeof
from numba.core import types
from numba.extending import intrinsic

from harness.kernels.disk_cache import cache_lock, cached_njit, without_cache
from harness.kernels.formulas import BACKWARD, FORWARD, CellFormulas
from harness.kernels.kind import (
    carries_of,
    has_cell_state_of,
    kind_of,
    kind_tag,
    lanes_of,
    num_gates_of,
    planes_of,
    size_of,
    state_plane_of,
)
from harness.kernels.lanes import Formula, Rows, emit_over_rows
from harness.kernels.product import product

log = logging.getLogger("harness.kernels")


def _step(names: tuple[str, ...], choose: Callable[[CellFormulas], Formula]) -> Any:
    """An intrinsic of compiled code that applies a formula of the tag's cell to rows."""

    @intrinsic
    def step(typingctx: Any, tag_type: Any, rows: Any, width: Any, addresses: Any, strides: Any) -> Any:
        several = types.UniTuple(types.intp, len(names))
        kind = kind_of(tag_type)
        formula = choose(kind.formulas)

        def codegen(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Value:
            emit_over_rows(builder, kind.real, formula, names, *args[1:])
            return context.get_dummy_value()

        return types.void(tag_type, types.intp, types.intp, several, several), codegen

    return step


def _add(v: Rows) -> None:
    v.store("to", v.load("to") + v.load("term"))


_step_forward = _step(FORWARD, lambda formulas: formulas.forward)
_step_backward = _step(BACKWARD, lambda formulas: formulas.backward)
_add_rows = _step(("to", "term"), lambda formulas: _add)


@cached_njit(error_model="numpy", nogil=True)
def forward(
    tag: Any, T: int, B: int, D: int, H: int, W: int, chunk: int, slots: int,
    x: int, x_ld: int, wx: int, bx: int, wh: int, bh: int, s: int, g: int, h: int, c: int,
) -> None:  # fmt: skip
    """Fills h[1:] (and c[1:], s) from x and h[0] (and c[0]).

    Args:
        tag: of the cell, see `kind`.
        T, B, D, H, W: steps, sequences, features, units, width of a plane.
        chunk: steps whose input's part is computed at once.
        slots: steps that `s` has room for: T, or `chunk` when nothing is kept for a backward pass.
        x, x_ld: (T, B, D), and its stride from row to row, in numbers.
        wx, bx, wh, bh: (D, gates × W) and (H, gates × W) in panels; biases (gates × W).
        s, g, h, c: (slots, B, planes × W), (B, gates × W), (T + 1, B, W), and the same again or 0.
    """
    size, G, P, panel = size_of(tag), num_gates_of(tag) * W, planes_of(tag) * W, 2 * lanes_of(tag)
    state, saved = size * B * W, size * B * P
    c_ld = W if has_cell_state_of(tag) else 0
    for begin in range(0, T, chunk):
        steps = min(chunk, T - begin)
        first = s + saved * (begin if slots == T else 0)
        x_at = x + size * begin * B * x_ld
        product(tag, steps * B, G, D, first, P, bx, 0, x_at, x_ld, 1, wx, panel, True)
        for step in range(steps):
            h0 = h + state * (begin + step)
            c0 = c + state * (begin + step) if has_cell_state_of(tag) else 0
            product(tag, B, G, H, g, G, bh, 0, h0, W, 1, wh, panel, True)
            _step_forward(
                tag, B, W,
                (first + saved * step, g, h0, h0 + state, c0, c0 + state), (P, G, W, W, c_ld, c_ld),
            )  # fmt: skip


@cached_njit(error_model="numpy", nogil=True)
def backward(
    tag: Any, T: int, B: int, D: int, H: int, W: int, DW: int, chunk: int,
    x: int, x_ld: int, wx: int, wh: int, s: int, h: int, c: int, one: int,
    out: int, out_t: int, out_b: int, ends: np.ndarray,
    dh: np.ndarray, dc: int, total: np.ndarray, da: int,
    dwx: int, dbx: int, dwh: int, dbh: int, dx: int, to_start: bool,
    flow_h: np.ndarray, flow_c: np.ndarray,
) -> None:  # fmt: skip
    """Fills the gradients of weights, inputs and initial state from those of outputs and last state.

    Args:
        tag, T, B, D, H, W, x, x_ld, s, h, c: as in `forward`; `s` has T slots where the cell keeps it.
        DW: width of a row of `dx`.
        chunk: steps whose weight gradients are summed at once.
        wx, wh: (gates × W, DW) and (gates × W, W), as torch has them, in panels.
        one: address of the number 1.
        out: ∂L/∂output, (T, B, W) by the strides `out_t` and `out_b`; or 0.
        ends: if not empty, the output of sequence b was read only at step ends[b] − 1, and `out` is (B, W).
        dh, dc: (B, W), ∂L/∂ the last state on entry, ∂L/∂ the initial state on return.
        total: (B, W), work space.
        da: (chunk, B, planes × W), work space.
        dwx, dbx, dwh, dbh: gradients: (D, gates × W), (gates × W), (H, gates × W), (gates × W); 0 on entry.
        dx: (T, B, DW), or 0 when it is not needed.
        to_start: whether the gradient of the initial state is needed.
        flow_h, flow_c: (T,) float64, filled with Σ_b ‖∂L/∂h_t‖ and Σ_b ‖∂L/∂c_t‖; or empty.
    """
    size, G, P, panel = size_of(tag), num_gates_of(tag) * W, planes_of(tag) * W, 2 * lanes_of(tag)
    state, saved, shift = size * B * W, size * B * P, size * state_plane_of(tag) * W
    c_ld = W if has_cell_state_of(tag) else 0
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
                        _add_rows(tag, 1, W, (dh_at + row, out + row), (W, W))
            elif out != 0:
                _add_rows(tag, B, W, (dh_at, out + size * t * out_t), (W, out_b))
            if len(flow_h) > 0:
                flow_h[t] = _norms(dh)
            h0 = h + state * t
            c0 = c + state * t if has_cell_state_of(tag) else 0
            da_t = da + saved * step
            _step_backward(
                tag, B, W,
                (s + saved * t, h0, h0 + state, c0, c0 + state, dh_at, dc, total_at, da_t),
                (P, W, W, c_ld, c_ld, W, W, W, P),
            )  # fmt: skip
            if len(flow_c) > 0:
                flow_c[t] = _norms(total)
            if t > 0 or to_start:
                carried = dh_at if carries_of(tag) else 0
                product(tag, B, W, G, dh_at, W, carried, W, da_t + shift, P, 1, wh, panel, True)
        _add_chunk(
            tag, steps * B, D, H, W, DW, x + size * begin * B * x_ld, x_ld, h + state * begin, wx, one, da,
            dwx, dbx, dwh, dbh, 0 if dx == 0 else dx + size * begin * B * DW,
        )  # fmt: skip


@njit(error_model="numpy")
def _add_chunk(
    tag: Any, rows: int, D: int, H: int, W: int, DW: int, x: int, x_ld: int, h: int, wx: int, one: int,
    da: int, dwx: int, dbx: int, dwh: int, dbh: int, dx: int,
) -> None:  # fmt: skip
    """Adds a chunk's part to the weights' gradients; computes the inputs' gradients unless `dx` is 0."""
    G, P = num_gates_of(tag) * W, planes_of(tag) * W
    shift = size_of(tag) * state_plane_of(tag) * W
    product(tag, H, G, rows, dwh, G, dwh, G, h, 1, W, da + shift, P, False)
    product(tag, D, G, rows, dwx, G, dwx, G, x, 1, x_ld, da, P, False)
    product(tag, 1, G, rows, dbx, G, dbx, G, one, 0, 0, da, P, False)
    if shift > 0:
        product(tag, 1, G, rows, dbh, G, dbh, G, one, 0, 0, da + shift, P, False)
    if dx != 0:
        product(tag, rows, DW, G, dx, DW, 0, 0, da, P, 1, wx, 2 * lanes_of(tag), True)


@njit(error_model="numpy", fastmath={"reassoc", "contract"})
def _norms(rows: np.ndarray) -> float:
    """Σ_b ‖rows[b]‖ in float64, since the squares of small float32 numbers underflow."""
    total = 0.0
    for b in range(rows.shape[0]):
        square = 0.0
        for value in rows[b]:
            wide = np.float64(value)  # in compiled code float() leaves a float32 as it is
            square += wide * wide
        total += math.sqrt(square)
    return total


class Loops(NamedTuple):
    """The compiled loops of a cell and a dtype; their arguments are those of `forward` and `backward`.

    Calling `forward` and `backward` themselves would determine the types of all arguments first, that of the
    tag in Python, which is measurable in short steps. These loops do not check types: pass those that
    `load_loops` compiles for.
    """

    forward: Callable[..., None]
    backward: Callable[..., None]


@functools.cache
def load_loops(name: str, dtype: np.dtype[Any]) -> Loops:
    """Compiles the loops of a cell, or loads them from disk; once per process.

    One process at a time, under a lock: when two save their code at once, Numba's index may name the file of
    one for the loop of the other, and a later process would run the wrong cell. A full disk can leave such an
    index too. So each loop is called once, over zero steps, and compiled again when that fails.

    Args:
        name: of the cell, a key of `FORMULAS`.
        dtype: float32 or float64.

    Returns:
        Both loops; the same object each time.
    """
    tag, none, no_ends = kind_tag(name, dtype), np.empty((0, 0), dtype), np.empty(0, np.int64)
    tag_type, integer, numbers = typeof(tag), types.int64, typeof(none)
    norms, ends = typeof(np.empty(0)), typeof(no_ends)
    backward_types = (
        tag_type, *[integer] * 18, ends, numbers, integer, numbers, *[integer] * 6, types.boolean,
        norms, norms,
    )  # fmt: skip
    with cache_lock(forward):
        return Loops(
            _compiled(forward, (tag_type, *[integer] * 17), (tag, *[0] * 5, 1, *[0] * 11)),
            _compiled(
                backward, backward_types,
                (tag, *[0] * 6, 1, *[0] * 11, no_ends, none, 0, none, *[0] * 6, False, *[np.empty(0)] * 2),
            ),
        )  # fmt: skip


def _compiled(loop: Any, signature: tuple[Any, ...], no_steps: tuple[Any, ...]) -> Callable[..., None]:
    """A loop, compiled or from disk, called once with `no_steps`; replaces unusable files."""
    try:
        compiled = loop.compile(signature)
        compiled(*no_steps)
    except Exception as error:  # a damaged file or the code of another loop: each raises something else
        log.warning(
            "the compiled loops on disk are unusable and compiled again: %s: %s", type(error).__name__, error
        )
        loop.overloads.pop(signature, None)
        if isinstance(error, OSError):  # the disk is full
            without_cache(loop, error)
        loop._cache.flush()
        compiled = loop.compile(signature)
        compiled(*no_steps)
    return compiled
