"""The type of a tag encodes all that compiled code depends on; Numba's cache on disk is keyed by it."""

import itertools
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numba import njit, typeof

from harness.cells import STOCK_CELLS
from harness.kernels import kind
from harness.kernels.formulas import FORMULAS
from harness.kernels.kind import SOURCES, fingerprint, kind_of, kind_tag
from tests.processes import run_code

ROOT = Path(__file__).parents[2]
F32, F64 = np.dtype(np.float32), np.dtype(np.float64)


def test_each_cell_and_dtype_has_its_own_type():
    types = [typeof(kind_tag(name, dtype)) for name, dtype in itertools.product(STOCK_CELLS, (F32, F64))]
    assert len(set(types)) == len({str(one) for one in types}) == 8


@pytest.mark.parametrize("name", list(STOCK_CELLS))
@pytest.mark.parametrize("dtype", [F32, F64])
def test_cell_and_dtype_are_read_from_the_type(name, dtype):
    found = kind_of(typeof(kind_tag(name, dtype)))
    assert (found.formulas, found.real.dtype) == (FORMULAS[name], dtype)


CONSTANTS = {  # bytes, gates, planes, first plane of the state's part, carries, has_cell_state
    ("rnn_tanh", F32): (4, 1, 1, 0, 0, 0),
    ("rnn_relu", F64): (8, 1, 1, 0, 0, 0),
    ("lstm", F64): (8, 4, 4, 0, 0, 1),
    ("gru", F32): (4, 3, 4, 1, 1, 0),
}


@njit
def constants(tag):
    return (kind.size_of(tag), kind.num_gates_of(tag), kind.planes_of(tag), kind.state_plane_of(tag),
            kind.carries_of(tag), kind.has_cell_state_of(tag))  # fmt: skip


def test_compiled_code_has_the_sizes_of_its_cell():
    for (name, dtype), expected in CONSTANTS.items():
        assert constants(kind_tag(name, dtype)) == expected


def test_the_fingerprint_covers_the_kernels_and_the_table_of_stock_cells():
    package = Path(kind.__file__).parent
    assert {path.name for path in SOURCES if path.parent == package} == {p.name for p in package.glob("*.py")}
    assert package.parent / "cells" / "stock.py" in SOURCES


def test_the_fingerprint_changes_with_every_source_and_not_with_their_place(tmp_path):
    copies = [Path(shutil.copy(source, tmp_path)) for source in SOURCES]
    before = fingerprint(SOURCES)
    assert fingerprint(copies) == before
    for copy in copies:
        text = copy.read_text()
        copy.write_text(text + "# changed\n")
        assert fingerprint(copies) != before, copy.name
        copy.write_text(text)
    assert 2**24 <= before < 2**25


def test_the_type_changes_with_the_fingerprint(tmp_path):
    program = "import numpy as np, sys; from numba import typeof; from pathlib import Path\n"
    program += "from harness.kernels import kind; kind.SOURCES = [Path(sys.argv[1])]\n"
    program += "print(typeof(kind.kind_tag('lstm', np.dtype('float32'))))"
    types = []
    for text in ("one", "two", "one"):
        (tmp_path / "source.py").write_text(text)
        done = run_code(program, str(tmp_path / "source.py"))
        assert done.returncode == 0, done.stderr
        types.append(done.stdout)
    assert types[0] == types[2] != types[1]


@pytest.mark.parametrize("name", list(STOCK_CELLS))
def test_the_buffers_of_a_cell_hold_torchs_gates_rotated(name):
    formulas = FORMULAS[name]
    assert formulas.cell is STOCK_CELLS[name]
    gates, shift = formulas.cell.gates, formulas.shift
    assert formulas.input_order == (*gates[len(gates) - shift :], *gates[: len(gates) - shift])
    assert formulas.planes >= formulas.state_plane + formulas.num_gates


PROGRAM = """
import sys
import torch
from torch import nn
from harness.kernels import FusedCell
from harness.kernels.loops import forward

for argument in sys.argv[1:]:
    name, _, dtype = argument.partition(":")
    cell = getattr(nn, name)(2, 3, batch_first=True, dtype=getattr(torch, dtype))
    x = torch.randn(4, 5, 2, dtype=getattr(torch, dtype), requires_grad=True)
    fused, stock = (torch.autograd.grad(c(x)[0].sum(), x)[0] for c in (FusedCell(cell), cell))
    torch.testing.assert_close(fused, stock)
print(sum(forward.stats.cache_hits.values()), sum(forward.stats.cache_misses.values()))
"""


@pytest.mark.slow
def test_processes_can_compile_at_once_and_damaged_files_are_replaced(tmp_path):
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path), "PYTHONPATH": str(ROOT)}

    def start(*names):
        command = [sys.executable, "-c", PROGRAM, *names]
        return subprocess.Popen(command, env=environment, cwd=tmp_path, stdout=subprocess.PIPE, text=True)

    # one cell in two dtypes: symbols of one name in two files would be one function for the linker
    cells = ("RNN:float32", "RNN:float64", "LSTM:float32")
    first = [start(name) for name in cells]
    assert [process.communicate()[0].split() for process in first] == [["0", "1"]] * 3  # hits and misses
    later = start(*cells)
    assert later.communicate()[0].split() == ["3", "0"] and later.returncode == 0

    data = sorted(tmp_path.rglob("loops.forward*.nbc"))
    assert len(data) == 3
    data[0].write_bytes(data[1].read_bytes())  # as when an index names the file of another loop
    for path in tmp_path.rglob("loops.backward*.nbi"):
        path.write_bytes(b"")  # as after a power failure
    for _ in range(2):  # the repair clears the index of sound files too: the next process compiles them
        repair = start(*cells)
        assert repair.communicate()[0].split() != ["3", "0"] and repair.returncode == 0
    assert start(*cells).communicate()[0].split() == ["3", "0"]
