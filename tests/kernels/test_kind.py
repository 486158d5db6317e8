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
    for value in ("00000000", "ffffffff"):
        monkeypatch.setattr(kind, "_fingerprint", lambda value=value: value)
        types.append(typeof(fresh_marker("lstm", F32)))
    assert types[0] != types[1]


PROGRAM = """
import torch
from torch import nn
from harness.kernels import FusedCell
from harness.kernels.loops import forward

with torch.no_grad():
    output, _ = FusedCell(nn.RNN(2, 3, batch_first=True))(torch.zeros(1, 1, 2))
assert output.shape == (1, 1, 3)
print(sum(forward.stats.cache_hits.values()), sum(forward.stats.cache_misses.values()))
"""


def test_a_second_process_loads_what_the_first_one_compiled(tmp_path):
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path), "PYTHONPATH": str(ROOT)}
    counts = [
        subprocess.run(
            [sys.executable, "-c", PROGRAM],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        for _ in range(2)
    ]
    assert counts == [["0", "1"], ["1", "0"]]  # hits and misses
