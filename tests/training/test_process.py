"""Settings of the process: they return what they set, and the row of a run records it."""

import contextlib
import json
import platform

import pytest
import torch

from harness.experiment.config import compose
from harness.experiment.plan import plan
from harness.experiment.run import execute
from harness.results import store
from harness.training import flush_denormals, keep_freed_memory, process, training_process

GLIBC = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="mallopt is glibc's")


@pytest.fixture(autouse=True)
def default_settings():
    yield
    keep_freed_memory(False)
    torch.set_flush_denormal(False)


@pytest.fixture
def calls(monkeypatch):
    """Arguments of the calls of mallopt, replaced by a function that accepts (1), in an unchanged process."""
    made = []

    class Libc:
        def __init__(self, name):
            assert name is None

        def mallopt(self, name, value):
            made.append((name, value))
            return 1

    monkeypatch.setattr(process.ctypes, "CDLL", Libc)
    monkeypatch.setattr(process, "_changed", False)
    monkeypatch.setattr(process.platform, "libc_ver", lambda: ("glibc", "2.36"))
    return made


@GLIBC
def test_freed_memory_is_kept_or_not_as_requested():
    assert keep_freed_memory(True) is True
    assert keep_freed_memory(True) is True
    assert keep_freed_memory(False) is False
    assert keep_freed_memory(True) is True


def test_malloc_is_changed_only_on_request_and_set_back_to_its_defaults(calls):
    assert keep_freed_memory(False) is False
    assert calls == []
    assert keep_freed_memory(True) is True
    assert calls == [(-4, 0), (-1, 2**31 - 1)]  # M_MMAP_MAX and M_TRIM_THRESHOLD of malloc.h
    assert keep_freed_memory(False) is False
    assert calls[2:] == [(-4, 65536), (-1, 131072)]  # the defaults of mallopt(3)


def test_a_refusal_by_mallopt_is_returned(calls, monkeypatch):
    monkeypatch.setattr(process.ctypes.CDLL, "mallopt", lambda self, name, value: 0)
    assert keep_freed_memory(True) is False


def test_other_c_libraries_are_left_unchanged(calls, monkeypatch):
    monkeypatch.setattr(process.platform, "libc_ver", lambda: ("", ""))
    assert keep_freed_memory(True) is False
    assert calls == []


def test_denormals_are_flushed_to_zero_and_normal_numbers_are_not():
    tiny = torch.tensor([1e-30])
    torch.set_flush_denormal(False)
    assert float(tiny * 1e-10) > 0
    can = flush_denormals()
    assert (float(tiny * 1e-10) == 0) is can
    assert float(torch.tensor([2e-38]) * 1.0) > 0  # above the smallest normal number, 1.2e-38


@pytest.mark.parametrize("before", [True, False])
def test_a_run_restores_whether_denormals_are_flushed(tiny, before):
    torch.set_flush_denormal(before)
    execute(plan(compose([*tiny, "cell=rnn"])))
    assert (float(torch.tensor([1e-30]) * 1e-10) == 0) is before


@pytest.fixture
def restored_threads():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("error", [None, ValueError, KeyboardInterrupt])
def test_a_training_process_is_set_up_and_denormals_are_restored_after_any_end(
    before, error, restored_threads
):
    torch.set_flush_denormal(before)
    with (
        contextlib.suppress(*([error] if error else [])),
        training_process(threads=2, keep_memory=False) as row,
    ):
        assert torch.get_num_threads() == 2
        assert row == {"keeps_memory": False, "flush_denormal": flush_denormals()}
        assert (float(torch.tensor([1e-30]) * 1e-10) == 0) is row["flush_denormal"]
        if error is not None:
            raise error
    assert (float(torch.tensor([1e-30]) * 1e-10) == 0) is before


@GLIBC
@pytest.mark.parametrize("keep", [True, False])
def test_the_row_of_a_run_records_whether_memory_was_kept(tiny, keep):
    planned = plan(compose([*tiny, "cell=rnn", "kernel=torch", f"keep_memory={str(keep).lower()}"]))
    execute(planned)
    row = json.loads((store.runs_dir(planned.results_dir) / planned.run_id / "row.json").read_text())
    assert row["keeps_memory"] is keep
    assert row["config"].get("keep_memory", keep) is keep
    assert row["flush_denormal"] is flush_denormals()
    assert row["status"] == "ok"
