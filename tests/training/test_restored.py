"""Whatever code changes in its process, `restored_process` restores."""

import contextlib
import os
import random
import sys
import time
import warnings

import numpy as np
import pytest
import torch

from harness.training import restored_process


def setup_float64():
    torch.set_default_dtype(torch.float64)


def deterministic():
    torch.use_deterministic_algorithms(True, warn_only=True)


def draws():
    torch.rand(3), np.random.rand(3), random.random()


CHANGES = {
    "dtype": (setup_float64, torch.get_default_dtype),
    "device": (lambda: torch.set_default_device("meta"), lambda: torch.empty(1).device),
    "grad mode": (lambda: torch.set_grad_enabled(False), torch.is_grad_enabled),
    "anomaly mode": (lambda: torch.autograd.set_detect_anomaly(True), torch.is_anomaly_enabled),
    "threads": (lambda: torch.set_num_threads(3), torch.get_num_threads),
    "deterministic": (deterministic, torch.are_deterministic_algorithms_enabled),
    "only warns": (deterministic, torch.is_deterministic_algorithms_warn_only_enabled),
    "cudnn.benchmark": (
        lambda: setattr(torch.backends.cudnn, "benchmark", True),
        lambda: torch.backends.cudnn.benchmark,
    ),
    "cudnn.deterministic": (
        lambda: setattr(torch.backends.cudnn, "deterministic", True),
        lambda: torch.backends.cudnn.deterministic,
    ),
    "matmul precision": (
        lambda: torch.set_float32_matmul_precision("medium"),
        torch.get_float32_matmul_precision,
    ),
    "NumPy's errors": (lambda: np.seterr(divide="raise"), np.geterr),
    "warning filters": (lambda: warnings.simplefilter("ignore"), lambda: list(warnings.filters)),
    "search path": (lambda: sys.path.insert(0, "/nowhere"), lambda: list(sys.path)),
    "working directory": (lambda: os.chdir("/"), os.getcwd),
    "a new variable": (lambda: os.environ.update(NEW_ONE="1"), lambda: os.environ.get("NEW_ONE")),
    "a variable changed": (lambda: os.environ.update(PATH="/"), lambda: os.environ["PATH"]),
    "a variable deleted": (lambda: os.environ.pop("PATH"), lambda: os.environ.get("PATH")),
    "torch's generator": (draws, lambda: torch.get_rng_state().tolist()),
    "NumPy's generator": (
        draws,
        lambda: [part.tolist() if isinstance(part, np.ndarray) else part for part in np.random.get_state()],
    ),
    "Python's generator": (draws, random.getstate),
}


@pytest.fixture
def own_filters():
    with warnings.catch_warnings():
        yield


@pytest.mark.usefixtures("own_filters")
@pytest.mark.parametrize("end", [None, ValueError, KeyboardInterrupt])
@pytest.mark.parametrize("name", CHANGES)
def test_what_is_changed_is_restored_after_any_end(name, end):
    change, read = CHANGES[name]
    before = read()
    with contextlib.suppress(*([end] if end else [])), restored_process():
        change()
        assert read() != before
        if end is not None:
            raise end
    assert read() == before


def test_a_default_device_that_was_set_before_stays():
    torch.set_default_device("meta")
    try:
        with restored_process():
            torch.set_default_device("cpu")
        assert torch.empty(1).device.type == "meta"
    finally:
        torch.set_default_device(None)


def test_it_leaves_no_mode_behind_that_slows_every_call_of_torch():
    with restored_process():
        torch.set_default_device("meta")
    assert torch.overrides._get_current_function_mode_stack() == []


def test_a_deleted_working_directory_is_no_error(tmp_path, monkeypatch):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with restored_process():
        pass


def test_it_costs_little_beside_a_run():
    start = time.process_time()
    for _ in range(100):
        with restored_process():
            pass
    assert time.process_time() - start < 1.0  # 10 ms each; measured: 0.2 ms
