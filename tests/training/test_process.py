"""Settings of the process: they say what they did, and the row of a run says it too."""

import json
import platform

import pytest
import torch

from harness.experiment.config import compose
from harness.experiment.plan import plan
from harness.experiment.run import execute
from harness.results import store
from harness.training import flush_denormals, keep_freed_memory, process

GLIBC = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="mallopt is glibc's")


@pytest.fixture(autouse=True)
def as_it_was():
    yield
    keep_freed_memory(False)
    torch.set_flush_denormal(False)


@pytest.fixture
def calls(monkeypatch):
    """What mallopt is asked, by a process that has asked nothing yet; 1 is its yes."""
    asked = []

    class Libc:
        def __init__(self, name):
            assert name is None

        def mallopt(self, name, value):
            asked.append((name, value))
            return 1

    monkeypatch.setattr(process.ctypes, "CDLL", Libc)
    monkeypatch.setattr(process, "_changed", False)
    monkeypatch.setattr(process.platform, "libc_ver", lambda: ("glibc", "2.36"))
    return asked


@GLIBC
def test_memory_is_kept_or_not_as_it_is_asked():
    assert keep_freed_memory(True) is True
    assert keep_freed_memory(True) is True
    assert keep_freed_memory(False) is False
    assert keep_freed_memory(True) is True


def test_nothing_is_touched_unless_it_was_asked_for_and_then_it_is_put_back(calls):
    assert keep_freed_memory(False) is False
    assert calls == []
    assert keep_freed_memory(True) is True
    assert calls == [(-4, 0), (-1, 2**31 - 1)]  # M_MMAP_MAX and M_TRIM_THRESHOLD of malloc.h
    assert keep_freed_memory(False) is False
    assert calls[2:] == [(-4, 65536), (-1, 131072)]  # the defaults of mallopt(3)


def test_a_refusal_is_told(calls, monkeypatch):
    monkeypatch.setattr(process.ctypes.CDLL, "mallopt", lambda self, name, value: 0)
    assert keep_freed_memory(True) is False


def test_other_systems_are_left_alone(calls, monkeypatch):
    monkeypatch.setattr(process.platform, "libc_ver", lambda: ("", ""))
    assert keep_freed_memory(True) is False
    assert calls == []


def test_numbers_below_the_smallest_normal_one_become_zero():
    tiny = torch.tensor([1e-30])
    torch.set_flush_denormal(False)
    assert float(tiny * 1e-10) > 0
    can = flush_denormals()
    assert (float(tiny * 1e-10) == 0) is can
    assert float(torch.tensor([2e-38]) * 1.0) > 0  # a normal one stays


@pytest.mark.parametrize("before", [True, False])
def test_a_run_leaves_the_treatment_of_denormals_as_it_was(tiny, before):
    torch.set_flush_denormal(before)
    execute(plan(compose([*tiny, "cell=rnn"])))
    assert (float(torch.tensor([1e-30]) * 1e-10) == 0) is before


@GLIBC
@pytest.mark.parametrize("keep", [True, False])
def test_the_row_of_a_run_says_whether_memory_was_kept(tiny, keep):
    planned = plan(compose([*tiny, "cell=rnn", "kernel=torch", f"keep_memory={str(keep).lower()}"]))
    execute(planned)
    row = json.loads((store.runs_dir(planned.results_dir) / planned.run_id / "row.json").read_text())
    assert row["keeps_memory"] is keep
    assert row["config"].get("keep_memory", keep) is keep
    assert row["flush_denormal"] is flush_denormals()
    assert row["status"] == "ok"
