"""Formulas as vector (SIMD) instructions: operations on all lanes of a register.

Numba leaves vectorisation of a loop to LLVM, which gives up with many arrays in one loop or a call of
`tanh`. Here a formula over whole registers is written in Python and emitted with LLVM's vector types, which
work on every processor.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import llvmlite.binding as llvm
import numpy as np
from llvmlite import ir
from numba.core import cgutils

INT64 = ir.IntType(64)


@dataclass(frozen=True)
class Machine:
    """The vector registers of a processor: bytes of one, and how many there are."""

    register_bytes: int
    registers: int


def this_machine() -> Machine:
    """The vector registers of this processor, by the features that LLVM reports."""
    features = llvm.get_host_cpu_features()
    if features.get("avx512f"):
        return Machine(register_bytes=64, registers=32)
    if features.get("avx2"):
        return Machine(register_bytes=32, registers=16)
    return Machine(register_bytes=16, registers=32 if features.get("neon") else 16)


MACHINE = this_machine()


@dataclass(frozen=True)
class Real:
    """A floating-point type and the vectors of it."""

    dtype: np.dtype[Any]

    @property
    def size(self) -> int:
        """Bytes of one number."""
        return self.dtype.itemsize

    @property
    def lanes(self) -> int:
        """Numbers in a register."""
        return MACHINE.register_bytes // self.size

    @property
    def scalar(self) -> ir.Type:
        """The type in LLVM."""
        return ir.FloatType() if self.size == 4 else ir.DoubleType()

    @property
    def vector(self) -> ir.VectorType:
        """A register of these numbers, in LLVM."""
        return ir.VectorType(self.scalar, self.lanes)

    @property
    def whole(self) -> ir.VectorType:
        """A register of integers of the same size, in LLVM."""
        return ir.VectorType(ir.IntType(8 * self.size), self.lanes)

    @property
    def mantissa_bits(self) -> int:
        """Stored bits of the significand."""
        return 23 if self.size == 4 else 52

    def constant(self, value: float) -> ir.Constant:
        """A register with `value` in every lane."""
        return ir.Constant(self.vector, [float(self.dtype.type(value))] * self.lanes)

    def padded(self, count: int) -> int:
        """`count` rounded up to a multiple of a register's lanes."""
        return -(-count // self.lanes) * self.lanes


class Lanes:
    """The value of a register in a formula that is being emitted; Python numbers fill all lanes."""

    def __init__(self, builder: ir.IRBuilder, real: Real, value: ir.Value):
        self.builder, self.real, self.value = builder, real, value

    def _new(self, value: ir.Value) -> Lanes:
        return Lanes(self.builder, self.real, value)

    def _other(self, other: Lanes | float) -> ir.Value:
        return other.value if isinstance(other, Lanes) else self.real.constant(other)

    def __add__(self, other: Lanes | float) -> Lanes:
        return self._new(self.builder.fadd(self.value, self._other(other)))

    def __sub__(self, other: Lanes | float) -> Lanes:
        return self._new(self.builder.fsub(self.value, self._other(other)))

    def __rsub__(self, other: float) -> Lanes:
        return self._new(self.builder.fsub(self._other(other), self.value))

    def __mul__(self, other: Lanes | float) -> Lanes:
        return self._new(self.builder.fmul(self.value, self._other(other)))

    def __truediv__(self, other: Lanes | float) -> Lanes:
        return self._new(self.builder.fdiv(self.value, self._other(other)))

    def __rtruediv__(self, other: float) -> Lanes:
        return self._new(self.builder.fdiv(self._other(other), self.value))

    def times_plus(self, factor: Lanes | float, term: Lanes | float) -> Lanes:
        """self · factor + term with one rounding (fused multiply-add)."""
        vector = self.real.vector
        fma = _intrinsic(self.builder, f"llvm.fma.{_suffix(self.real)}", vector, [vector] * 3)
        return self._new(self.builder.call(fma, [self.value, self._other(factor), self._other(term)]))

    def where_positive(self, then: Lanes | float, other: Lanes | float) -> Lanes:
        """`then` in the lanes that are above 0 or NaN, as torch's ReLU does; `other` elsewhere."""
        above = self.builder.fcmp_unordered(">", self.value, self.real.constant(0.0))
        return self._new(self.builder.select(above, self._other(then), self._other(other)))

    def where_negative(self, then: Lanes | float, other: Lanes | float) -> Lanes:
        """`then` in the lanes below 0, `other` elsewhere; a NaN is not below 0."""
        below = self.builder.fcmp_ordered("<", self.value, self.real.constant(0.0))
        return self._new(self.builder.select(below, self._other(then), self._other(other)))

    def clamped(self, lowest: float, highest: float) -> Lanes:
        """Limited to [lowest, highest]; NaN stays NaN."""
        low, high = self.real.constant(lowest), self.real.constant(highest)
        value = self.builder.select(self.builder.fcmp_ordered(">", self.value, high), high, self.value)
        return self._new(self.builder.select(self.builder.fcmp_ordered("<", value, low), low, value))

    def power_of_two(self, more: int = 0) -> Lanes:
        """2ⁿ⁺ᵐᵒʳᵉ for whole numbers n, by writing the exponent's bits; n + more must be within its range."""
        real, builder = self.real, self.builder
        is_number = builder.fcmp_ordered("==", self.value, self.value)  # NaN to integer is undefined
        n = builder.fptosi(builder.select(is_number, self.value, real.constant(0.0)), real.whole)
        bias = 2 ** (8 * real.size - real.mantissa_bits - 2) - 1
        biased = builder.add(n, ir.Constant(real.whole, [bias + more] * real.lanes))
        shift = ir.Constant(real.whole, [real.mantissa_bits] * real.lanes)
        return self._new(builder.bitcast(builder.shl(biased, shift), real.vector))

    def rounded(self) -> Lanes:
        """Rounded to the nearest whole number, ties to even."""
        vector = self.real.vector
        rint = _intrinsic(self.builder, f"llvm.rint.{_suffix(self.real)}", vector, [vector])
        return self._new(self.builder.call(rint, [self.value]))


LN2_REST = 2.3190468138462996e-17
"""ln 2 − `math.log(2)`: times 1000 it is a hundred units in the last place of float64."""


def exp_parts(x: Lanes, more: int = 0) -> tuple[Lanes, Lanes]:
    """(s, p) with 2ᵐᵒʳᵉ exp(x) = s (1 + p), s = 2ⁿ⁺ᵐᵒʳᵉ, p = exp(r) − 1 for x = n ln 2 + r, |r| ≤ (ln 2)/2.

    The Taylor series of exp(r) − 1 to degree 7 (float32) or 13 (float64): the remainder is below half a unit
    in the last place. s must be within the exponent's range.
    """
    degree, low_bits = (7, 12) if x.real.size == 4 else (13, 21)
    high = math.floor(math.log(2) * 2**low_bits) / 2**low_bits  # few enough bits that n · high is exact
    n = (x * (1 / math.log(2))).rounded()
    low = math.log(2) - high + LN2_REST
    r = n.times_plus(-low, n.times_plus(-high, x))
    p = Lanes(x.builder, x.real, x.real.constant(1 / math.factorial(degree)))
    for k in range(degree - 1, 0, -1):
        p = p.times_plus(r, 1 / math.factorial(k))
    return n.power_of_two(more), p * r


def tanh(x: Lanes) -> Lanes:
    """e/(e + 2) with e = exp(2x) − 1, exact for small x; ±1 beyond 9.05 (float32) or 20 (float64)."""
    limit = 18.1 if x.real.size == 4 else 40.0  # beyond it e + 2 rounds to e
    s, p = exp_parts((x * 2.0).clamped(-limit, limit))
    e = s.times_plus(p, s - 1.0)
    return e / (e + 2.0)


def sigmoid(x: Lanes) -> Lanes:
    """1/(1 + exp(−x)); exactly 0 where exp(−x) overflows."""
    limits = (-86.0, 89.0) if x.real.size == 4 else (-707.0, 710.0)
    s, p = exp_parts(
        (0.0 - x).clamped(*limits), more=-1
    )  # exp(−x)/2, so that 2ⁿ⁻¹ stays in range at the limit
    return 1.0 / s.times_plus(p, s).times_plus(2.0, 1.0)


class Rows:
    """The current row of each named buffer, which a formula loads from and stores to, plane by plane."""

    def __init__(
        self, builder: ir.IRBuilder, real: Real, offsets: dict[str, ir.Value], width_bytes: ir.Value
    ):
        self.builder, self.real, self.offsets, self.width_bytes = builder, real, offsets, width_bytes

    def _pointer(self, name: str, plane: int) -> ir.Value:
        step = self.builder.mul(self.width_bytes, INT64(plane))
        address = self.builder.add(self.offsets[name], step)
        return self.builder.inttoptr(address, self.real.vector.as_pointer())

    def load(self, name: str, plane: int = 0) -> Lanes:
        """The current lanes of a plane."""
        value = self.builder.load(self._pointer(name, plane), align=self.real.size)
        return Lanes(self.builder, self.real, value)

    def store(self, name: str, value: Lanes, plane: int = 0) -> None:
        """Writes the current lanes of a plane."""
        self.builder.store(value.value, self._pointer(name, plane), align=self.real.size)


Formula = Callable[[Rows], None]


def emit_over_rows(
    builder: ir.IRBuilder,
    real: Real,
    formula: Formula,
    names: Sequence[str],
    rows: ir.Value,
    width: ir.Value,
    addresses: ir.Value,
    strides: ir.Value,
) -> None:
    """Emits the loops that apply a formula to rows of buffers, one register at a time.

    Args:
        builder: where the code goes.
        real: type of the numbers.
        formula: what to compute, from and to the named buffers.
        names: of the buffers, in the order of `addresses` and `strides`.
        rows: number of rows.
        width: numbers in a plane, a multiple of a register's lanes.
        addresses: of the first row of each buffer, a tuple of integers.
        strides: from row to row of each buffer in numbers, a tuple of integers.
    """
    width_bytes = builder.mul(width, INT64(real.size))
    steps = [builder.mul(builder.extract_value(strides, k), INT64(real.size)) for k in range(len(names))]
    with cgutils.for_range(builder, rows, intp=INT64) as row:
        starts = {}
        for place, name in enumerate(names):
            first = builder.extract_value(addresses, place)
            starts[name] = builder.add(first, builder.mul(steps[place], row.index))
        step = INT64(MACHINE.register_bytes)
        with cgutils.for_range_slice(builder, INT64(0), width_bytes, step, intp=INT64) as (offset, _):
            offsets = {name: builder.add(start, offset) for name, start in starts.items()}
            formula(Rows(builder, real, offsets, width_bytes))


def _suffix(real: Real) -> str:
    return f"v{real.lanes}f{8 * real.size}"


def _intrinsic(
    builder: ir.IRBuilder, name: str, result: ir.Type, arguments: Sequence[ir.Type]
) -> ir.Function:
    return cgutils.get_or_insert_function(builder.module, ir.FunctionType(result, list(arguments)), name)
