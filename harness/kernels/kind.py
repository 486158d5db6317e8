"""The kind of a loop (cell and dtype), carried into compiled code by the type of an empty array, its tag.

Numba compiles a function once per type of its arguments, names its symbols and its files on disk after these
types, and looks for changes in the source file of the function only. So the type of a tag encodes all that
the code depends on: the cell, the dtype, and a fingerprint of the sources that emit the code.

A tag is an array of byte strings; the length of the strings is the number that encodes this. Of the types
with a free parameter this is one that Numba spells out in full. A record type would be numbered in the order
of creation in each process, so that code of two processes could be mixed up.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from harness.cells import stock
from harness.kernels.formulas import FORMULAS, CellFormulas
from harness.kernels.lanes import INT64, Real

KINDS = [(name, np.dtype(dtype)) for name in FORMULAS for dtype in (np.float32, np.float64)]

SOURCES = (*sorted(Path(__file__).parent.glob("*.py")), Path(stock.__file__))
"""The files that compiled code depends on: this package and the table of stock cells."""


@dataclass(frozen=True)
class Kind:
    """A cell and the type of its numbers: what a loop is compiled for."""

    formulas: CellFormulas
    real: Real


@functools.cache
def kind_tag(name: str, dtype: np.dtype[Any]) -> np.ndarray:
    """The tag of a cell (a key of `FORMULAS`) with float32 or float64 numbers."""
    return np.empty(0, dtype=f"S{_own_fingerprint() * len(KINDS) + KINDS.index((name, dtype))}")


def kind_of(tag_type: Any) -> Kind:
    """The kind that the Numba type of a tag encodes; used while code is compiled."""
    name, dtype = KINDS[tag_type.dtype.count % len(KINDS)]
    return Kind(FORMULAS[name], Real(dtype))


def fingerprint(sources: Sequence[Path]) -> int:
    """A hash of the files' bytes, from 2²⁴ to 2²⁵ − 1: small enough for a length, also times the kinds."""
    digest = hashlib.sha256()
    for path in sources:
        digest.update(path.read_bytes())
    return 2**24 + int.from_bytes(digest.digest()[:3])


@functools.cache
def _own_fingerprint() -> int:
    return fingerprint(SOURCES)


def _constant(choose: Callable[[Kind], int]) -> Any:
    """An intrinsic of compiled code: an integer that follows from the type of a tag."""

    @intrinsic
    def constant(typingctx: Any, tag_type: Any) -> Any:
        value = int(choose(kind_of(tag_type)))

        def codegen(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Value:
            return INT64(value)

        return types.intp(tag_type), codegen

    return constant


size_of = _constant(lambda kind: kind.real.size)
lanes_of = _constant(lambda kind: kind.real.lanes)
num_gates_of = _constant(lambda kind: kind.formulas.num_gates)
planes_of = _constant(lambda kind: kind.formulas.planes)
state_plane_of = _constant(lambda kind: kind.formulas.state_plane)
carries_of = _constant(lambda kind: kind.formulas.carries)
has_cell_state_of = _constant(lambda kind: kind.formulas.has_cell_state)
