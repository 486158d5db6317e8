"""The marker's type stands for all that compiled code depends on, and Numba's disk cache goes by it."""

import itertools
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numba import njit, typeof

from harness.kernels import kind
from harness.kernels.kind import GATES, kind_of, marker

ROOT = Path(__file__).parents[2]
F32, F64 = np.dtype(np.float32), np.dtype(np.float64)


def test_each_cell_and_each_type_of_numbers_has_a_type_of_its_own():
    types = [typeof(marker(name, dtype)) for name, dtype in itertools.product(GATES, (F32, F64))]
    assert len(set(types)) == len({str(one) for one in types}) == 2 * len(GATES) == 8


@pytest.mark.parametrize("name", list(GATES))
@pytest.mark.parametrize("dtype", [F32, F64])
def test_the_compiler_reads_the_cell_and_its_numbers_from_the_type(name, dtype):
    found = kind_of(typeof(marker(name, dtype)))
    assert (found.gates, found.real.dtype) == (GATES[name], dtype)


CONSTANTS = {  # bytes, gates, planes, the state's first plane, carries, has_c, by Hochreiter and Cho
    ("rnn_tanh", F32): (4, 1, 1, 0, 0, 0),
    ("rnn_relu", F64): (8, 1, 1, 0, 0, 0),
    ("lstm", F64): (8, 4, 4, 0, 0, 1),
    ("gru", F32): (4, 3, 4, 1, 1, 0),
}


@njit
def constants(which):
    return (kind.size_of(which), kind.count_of(which), kind.planes_of(which), kind.state_plane_of(which),
            kind.carries_of(which), kind.has_c_of(which))  # fmt: skip


def test_compiled_code_knows_the_sizes_of_its_cell():
    for (name, dtype), expected in CONSTANTS.items():
        assert constants(marker(name, dtype)) == expected


def test_the_fingerprint_changes_with_every_source_and_the_type_with_the_fingerprint(tmp_path, monkeypatch):
    sources = sorted(Path(kind.__file__).parent.glob("*.py"))
    copies = [Path(shutil.copy(source, tmp_path)) for source in sources]
    fingerprint, fresh_marker = kind._fingerprint.__wrapped__, marker.__wrapped__
    before = fingerprint()
    monkeypatch.setattr(kind, "__file__", str(tmp_path / "kind.py"))
    assert fingerprint() == before  # the same sources elsewhere
    assert {"formulas.py", "lanes.py", "product.py", "loops.py"} <= {copy.name for copy in copies}
    for copy in copies:
        text = copy.read_text()
        copy.write_text(text + "# changed\n")
        assert fingerprint() != before, copy.name
        copy.write_text(text)
    types = []
    for value in (2**24, 2**25 - 1):
        monkeypatch.setattr(kind, "_fingerprint", lambda value=value: value)
        types.append(typeof(fresh_marker("lstm", F32)))
    assert types[0] != types[1]


PROGRAM = """
import sys
import torch
from torch import nn
from harness.kernels import FusedCell
from harness.kernels.loops import forward

for asked in sys.argv[1:]:
    name, _, dtype = asked.partition(":")
    cell = getattr(nn, name)(2, 3, batch_first=True, dtype=getattr(torch, dtype))
    x = torch.randn(4, 5, 2, dtype=getattr(torch, dtype), requires_grad=True)
    ours, theirs = (torch.autograd.grad(c(x)[0].sum(), x)[0] for c in (FusedCell(cell), cell))
    torch.testing.assert_close(ours, theirs)
print(sum(forward.stats.cache_hits.values()), sum(forward.stats.cache_misses.values()))
"""


def test_processes_that_compile_at_once_leave_each_others_code_alone_and_broken_files_are_made_anew(tmp_path):
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path), "PYTHONPATH": str(ROOT)}

    def start(*names):
        command = [sys.executable, "-c", PROGRAM, *names]
        return subprocess.Popen(command, env=environment, cwd=tmp_path, stdout=subprocess.PIPE, text=True)

    # the same cell in two types: symbols of the same name in two files would be one function to the linker
    cells = ("RNN:float32", "RNN:float64", "LSTM:float32")
    first = [start(name) for name in cells]
    assert [process.communicate()[0].split() for process in first] == [["0", "1"]] * 3  # hits and misses
    later = start(*cells)
    assert later.communicate()[0].split() == ["3", "0"] and later.returncode == 0

    data = sorted(tmp_path.rglob("loops.forward*.nbc"))
    assert len(data) == 3
    data[0].write_bytes(data[1].read_bytes())  # of an index that names another loop's file
    for path in tmp_path.rglob("loops.backward*.nbi"):
        path.write_bytes(b"")  # as a machine leaves it that was switched off
    for _ in range(2):  # to mend the index forgets what is sound, too: that is made anew by the next
        mending = start(*cells)
        assert mending.communicate()[0].split() != ["3", "0"] and mending.returncode == 0
    assert start(*cells).communicate()[0].split() == ["3", "0"]
