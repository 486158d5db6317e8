"""Where no folder can be written the loops are compiled for the process alone, with the same digits."""

from __future__ import annotations

import logging

from numba.core.caching import CacheImpl, NullCache

from harness.kernels import disk_cache, loops
from harness.kernels.disk_cache import why_not_cached


def test_without_a_folder_a_function_is_compiled_and_a_line_says_so(monkeypatch, caplog):
    monkeypatch.setattr(CacheImpl, "_locator_classes", [])
    with caplog.at_level(logging.WARNING, "harness.kernels"):
        doubled = disk_cache.cached_njit(error_model="numpy")(lambda number: 2 * number)
    assert doubled(21) == 42 and doubled.stats.cache_path is None
    assert "cannot be cached" in caplog.text and "NUMBA_CACHE_DIR" in caplog.text


def test_the_message_is_there_only_where_no_folder_can_be_written(monkeypatch):
    assert why_not_cached() is None
    monkeypatch.setattr(disk_cache.os, "access", lambda path, mode: False)
    assert why_not_cached() is None  # Numba has found another folder
    monkeypatch.setattr(loops.forward, "_cache", NullCache())
    assert "cannot be cached" in why_not_cached()


def test_a_full_disk_while_code_is_saved_costs_the_cache_and_not_the_kernel(monkeypatch, caplog):
    """Numba saves what it has compiled: the error of a full disk is no reason for another kernel."""
    made = disk_cache.cached_njit(error_model="numpy")(_plus)

    def full(signature, result):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(made._cache, "save_overload", full)
    signature = (loops.types.int64, loops.types.int64)
    with caplog.at_level(logging.WARNING, "harness.kernels"):
        compiled = loops._compiled(made, signature, (1, 2))
    assert compiled(20, 22) == 42
    assert "No space left on device" in caplog.text


def _plus(a, b):
    return a + b
