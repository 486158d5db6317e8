"""Compiled loops on disk, so that later processes need not compile them, and what is said where it fails."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from filelock import FileLock

log = logging.getLogger("harness.kernels")

NOT_CACHED = (
    "the fused loops cannot be cached on disk ({}): each process compiles them again, which takes seconds a "
    "cell; set NUMBA_CACHE_DIR to a folder that can be written"
)

NO_FOLDER = "neither the package nor the user's cache folder can be written"


def cached_njit(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Numba's decorator `njit` with a cache on disk; without one, and a warning, where it has no folder."""
    from numba import njit

    def decorate(function: Callable[..., Any]) -> Any:
        try:
            return njit(cache=True, **options)(function)
        except RuntimeError as error:
            if "cannot cache" not in str(error):
                raise
            log.warning("%s", NOT_CACHED.format(NO_FOLDER))
            return njit(**options)(function)

    return decorate


def without_cache(loop: Any, error: OSError) -> None:
    """Lets a loop be compiled for this process alone, and says why."""
    from numba.core.caching import NullCache

    log.warning("%s", NOT_CACHED.format(error.strerror or error))
    loop._cache = NullCache()


def cache_lock(loop: Any) -> contextlib.AbstractContextManager[Any]:
    """The lock of the folder with the compiled code of a loop; nothing is locked where there is none."""
    folder = loop.stats.cache_path
    return contextlib.nullcontext() if folder is None else FileLock(Path(folder) / "loops.lock")


def why_not_cached() -> str | None:
    """Why the fused loops cannot be cached on this machine; None where they can, or Numba is not installed.

    Imports Numba only where this package's own folder cannot be written.
    """
    beside = Path(__file__).parent / "__pycache__"
    beside = beside if beside.is_dir() else beside.parent
    if find_spec("numba") is None or os.access(beside, os.W_OK):
        return None
    try:
        from harness.kernels.loops import forward
    except Exception:  # an unsupported NumPy: the loops are not used at all
        return None
    if forward.stats.cache_path is not None:
        return None
    return NOT_CACHED.format(NO_FOLDER)
