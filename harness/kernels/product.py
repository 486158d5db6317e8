"""The matrix product of the time loops: a tile of the result stays in registers over the whole sum.

A library packs its operands in each call, which takes much of the time of the small products of a recurrent
step. Here the weights are packed once per sequence, and a tile of up to 12 × 2 registers (6 × 2 on machines
with 16) is summed without memory access.

Tiling: Goto & van de Geijn 2008, ACM Trans. Math. Software 34(3); Van Zee & van de Geijn 2015.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import njit
from numba.core import cgutils, types
from numba.extending import intrinsic

from harness.kernels.kind import kind_of, lanes_of, size_of
from harness.kernels.lanes import INT64, MACHINE, Real

HEIGHTS = (12, 8, 4, 2, 1) if MACHINE.registers >= 32 else (6, 4, 2, 1)
"""Rows of the tiles, tallest first: with two registers per row, the sums fill all but a few registers."""


def _column(registers: int) -> Any:
    """An intrinsic of compiled code: the product for all rows of a column that is `registers` wide."""

    @intrinsic
    def column(
        typingctx: Any, tag_type: Any, m: Any, depth: Any, out: Any, out_ld: Any, init: Any, init_ld: Any,
        a: Any, a_i: Any, a_k: Any, b: Any, b_ld: Any,
    ) -> Any:  # fmt: skip
        real = kind_of(tag_type).real

        def codegen(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Value:
            row = cgutils.alloca_once_value(builder, INT64(0))
            builder.store(INT64(0), row)  # alloca_once_value stores once, but a column may be in a loop
            for height in HEIGHTS:
                _emit_rows(builder, real, height, registers, row, *args[1:])
            return context.get_dummy_value()

        return types.void(tag_type, *[types.intp] * 11), codegen

    return column


_wide_column, _narrow_column = _column(2), _column(1)


@njit(error_model="numpy")
def product(
    tag: Any, m: int, n: int, depth: int,
    out: int, out_ld: int, init: int, init_ld: int,
    a: int, a_i: int, a_k: int, b: int, b_ld: int, packed: bool,
) -> None:  # fmt: skip
    """Computes out[i, j] = init[i, j] + Σₖ a[i, k] · b[k, j] for i < m, j < n, k < depth.

    For compiled code only. Matrices are addresses; strides count numbers; elements adjacent along j are
    adjacent in memory.

    Args:
        tag: of any cell; gives the type of the numbers.
        m: rows.
        n: columns, a multiple of a register's lanes.
        depth: terms of each sum.
        out, out_ld: the result, and its stride from row to row.
        init, init_ld: the initial values and their stride; stride 0 repeats one row, such as a bias;
            address 0 means zeros. It may be `out`.
        a, a_i, a_k: the left matrix, its strides along i and along k; two zeros repeat one number.
        b, b_ld: the right matrix, and its stride from row to row.
        packed: whether `b` is stored in panels, one after another, each of two registers' columns and all
            rows, so that it is read sequentially; `b_ld` is then that width.
    """
    size, lanes = size_of(tag), lanes_of(tag)
    j = 0
    while j < n:
        to, right = out + size * j, b + size * j * (depth if packed else 1)
        start = 0 if init == 0 else init + size * j
        if n - j >= 2 * lanes:
            _wide_column(tag, m, depth, to, out_ld, start, init_ld, a, a_i, a_k, right, b_ld)
            j += 2 * lanes
        else:
            _narrow_column(tag, m, depth, to, out_ld, start, init_ld, a, a_i, a_k, right, b_ld)
            j += lanes


def _emit_rows(
    builder: ir.IRBuilder, real: Real, height: int, registers: int, row: ir.Value,
    m: ir.Value, depth: ir.Value, out: ir.Value, out_ld: ir.Value, init: ir.Value, init_ld: ir.Value,
    a: ir.Value, a_i: ir.Value, a_k: ir.Value, b: ir.Value, b_ld: ir.Value,
) -> None:  # fmt: skip
    """Emits a loop over tiles of this height while enough rows remain; `row` points to the next row."""
    head, body, done = (builder.append_basic_block(f"{name}.{height}") for name in ("rows", "tile", "done"))
    builder.branch(head)

    builder.position_at_end(head)
    i = builder.load(row)
    after = builder.add(i, INT64(height))
    builder.cbranch(builder.icmp_signed("<=", after, m), body, done)

    builder.position_at_end(body)
    at_out, at_init, at_a = (
        builder.add(start, builder.mul(builder.mul(i, stride), INT64(real.size)))
        for start, stride in ((out, out_ld), (init, init_ld), (a, a_i))
    )
    at_init = builder.select(builder.icmp_signed("==", init, INT64(0)), INT64(0), at_init)
    _emit_tile(
        builder, real, height, registers, depth, at_out, out_ld, at_init, init_ld, at_a, a_i, a_k, b, b_ld
    )
    builder.store(after, row)
    builder.branch(head)

    builder.position_at_end(done)


def _emit_tile(
    builder: ir.IRBuilder, real: Real, rows: int, registers: int,
    depth: ir.Value, out: ir.Value, out_ld: ir.Value, init: ir.Value, init_ld: ir.Value,
    a: ir.Value, a_i: ir.Value, a_k: ir.Value, b: ir.Value, b_ld: ir.Value,
) -> None:  # fmt: skip
    """Emits one tile: loads the initial values, sums over k, stores."""
    out_step, init_step, a_i_step, a_k_step, b_step = (
        builder.mul(stride, INT64(real.size)) for stride in (out_ld, init_ld, a_i, a_k, b_ld)
    )
    entry = builder.block
    given, head, body, done = (
        builder.append_basic_block(name) for name in ("init.given", "sum.head", "sum.body", "sum.done")
    )
    builder.cbranch(builder.icmp_signed("==", init, INT64(0)), head, given)

    builder.position_at_end(given)
    starts = _pointers(builder, real, init, init_step, rows, registers)
    loaded = [builder.load(place, align=real.size) for place in starts]
    builder.branch(head)

    builder.position_at_end(head)
    sums = [builder.phi(real.vector) for _ in range(rows * registers)]
    k, a_at, b_at = builder.phi(INT64), builder.phi(INT64), builder.phi(INT64)
    for total, first in zip(sums, loaded, strict=True):
        total.add_incoming(real.constant(0.0), entry)
        total.add_incoming(first, given)
    for block in (entry, given):
        for counter, first in ((k, INT64(0)), (a_at, a), (b_at, b)):
            counter.add_incoming(first, block)
    builder.cbranch(builder.icmp_signed("<", k, depth), body, done)

    builder.position_at_end(body)
    fma_type = ir.FunctionType(real.vector, [real.vector] * 3)
    fma = cgutils.get_or_insert_function(builder.module, fma_type, f"llvm.fma.v{real.lanes}f{8 * real.size}")
    columns = [
        builder.load(place, align=real.size) for place in _pointers(builder, real, b_at, b_step, 1, registers)
    ]
    at = a_at
    for row in range(rows):
        number = builder.load(builder.inttoptr(at, real.scalar.as_pointer()), align=real.size)
        for column in range(registers):
            total = sums[row * registers + column]
            total.add_incoming(
                builder.call(fma, [_broadcast(builder, real, number), columns[column], total]), body
            )
        at = builder.add(at, a_i_step)
    k.add_incoming(builder.add(k, INT64(1)), body)
    a_at.add_incoming(builder.add(a_at, a_k_step), body)
    b_at.add_incoming(builder.add(b_at, b_step), body)
    builder.branch(head)

    builder.position_at_end(done)
    for place, total in zip(_pointers(builder, real, out, out_step, rows, registers), sums, strict=True):
        builder.store(total, place, align=real.size)


def _pointers(
    builder: ir.IRBuilder, real: Real, start: ir.Value, step: ir.Value, rows: int, registers: int
) -> list[ir.Value]:
    """Pointers to the registers of a tile, row by row."""
    places = []
    for row in range(rows):
        first = builder.add(start, builder.mul(step, INT64(row)))
        for register in range(registers):
            address = builder.add(first, INT64(register * MACHINE.register_bytes))
            places.append(builder.inttoptr(address, real.vector.as_pointer()))
    return places


def _broadcast(builder: ir.IRBuilder, real: Real, number: ir.Value) -> ir.Value:
    """A register with one number in every lane."""
    undefined = ir.Constant(real.vector, ir.Undefined)
    first = builder.insert_element(undefined, number, ir.IntType(32)(0))
    return builder.shuffle_vector(
        first, undefined, ir.Constant(ir.VectorType(ir.IntType(32), real.lanes), [0] * real.lanes)
    )
