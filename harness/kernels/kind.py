"""Which loop is meant: an empty array whose type tells the compiler the cell and the numbers.

Numba compiles a function anew for each type of its arguments, keeps the machine code on disk by these
types and makes the names of its symbols from them. So the type of a marker holds all that the code
depends on: the cell, the type of its numbers, and a fingerprint of the sources that emit it, since Numba
itself looks for changes in the calling file only. It is an array of byte strings whose length is the
number that says all this: of the types that Python can choose at will, Numba spells out this one in full
(a record's is numbered in each process as it comes, so that code of two processes could be mixed up).
"""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from harness.kernels import formulas
from harness.kernels.formulas import Gates
from harness.kernels.lanes import INT64, Real

GATES = {gates.name: gates for gates in (formulas.RNN_TANH, formulas.RNN_RELU, formulas.LSTM, formulas.GRU)}
KINDS = [(name, np.dtype(dtype)) for name in GATES for dtype in (np.float32, np.float64)]


@dataclass(frozen=True)
class Kind:
    """A cell and the type of its numbers."""

    gates: Gates
    real: Real


@functools.cache
def marker(name: str, dtype: np.dtype[Any]) -> np.ndarray:
    """The marker of a cell (a key of `GATES`) with float32 or float64 numbers."""
    return np.empty(0, dtype=f"S{_fingerprint() * len(KINDS) + KINDS.index((name, dtype))}")


def kind_of(marker_type: Any) -> Kind:
    """What the type of a marker says, while code is being compiled."""
    name, dtype = KINDS[marker_type.dtype.count % len(KINDS)]
    return Kind(GATES[name], Real(dtype))


@functools.cache
def _fingerprint() -> int:
    """Of the sources of this room: from 2²⁴ to 2²⁵ − 1, so that times the kinds it is a length."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return 2**24 + int.from_bytes(digest.digest()[:3])


def _constant(choose: Any) -> Any:
    """An intrinsic of compiled code: a whole number that follows from a marker's type."""

    @intrinsic
    def constant(typingctx: Any, kind: Any) -> Any:
        value = int(choose(kind_of(kind)))

        def codegen(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Value:
            return INT64(value)

        return types.intp(kind), codegen

    return constant


size_of = _constant(lambda kind: kind.real.size)
lanes_of = _constant(lambda kind: kind.real.lanes)
count_of = _constant(lambda kind: kind.gates.count)
planes_of = _constant(lambda kind: kind.gates.planes)
state_plane_of = _constant(lambda kind: kind.gates.state_plane)
carries_of = _constant(lambda kind: kind.gates.carries)
has_c_of = _constant(lambda kind: kind.gates.has_c)
