"""Settings of the process that make trainings faster without changing what they compute."""

from __future__ import annotations

import contextlib
import ctypes
import platform
import sys
from collections.abc import Iterator

import numpy as np
import torch

M_MMAP_MAX, M_TRIM_THRESHOLD = -4, -1
"""Options of glibc's mallopt: the number of blocks with pages of their own; free memory to be returned."""

MMAP_MAX, TRIM_THRESHOLD = 65536, 128 * 1024
"""glibc's defaults."""

_changed = False


@contextlib.contextmanager
def training_process(*, threads: int, keep_memory: bool) -> Iterator[dict[str, bool]]:
    """Sets up this process for training; yields the columns that record how.

    Denormal flushing is as before at the end; threads and memory stay as they were set.
    """
    with _denormals_restored():
        torch.set_num_threads(threads)
        yield {"keeps_memory": keep_freed_memory(keep_memory), "flush_denormal": flush_denormals()}


def keep_freed_memory(keep: bool) -> bool:
    """Makes the allocator keep freed memory, or not, from now on; returns whether it does.

    Each training step frees large buffers and allocates the same again. glibc returns such blocks to the
    kernel, which then fills every page with zeros; kept blocks cost nothing. The process then holds its peak
    of memory and more (the bench measures both). Other C libraries are left as they are. After the first call
    glibc no longer adapts its own limits: False then sets its defaults.
    """
    global _changed
    if platform.libc_ver()[0] != "glibc" or not (keep or _changed):
        return False
    _changed = True
    mallopt = ctypes.CDLL(None).mallopt
    limits = (0, 2**31 - 1) if keep else (MMAP_MAX, TRIM_THRESHOLD)
    taken = [mallopt(name, limit) for name, limit in zip((M_MMAP_MAX, M_TRIM_THRESHOLD), limits, strict=True)]
    return keep and taken == [1, 1]


def flush_denormals() -> bool:
    """Makes the processor flush denormals to zero; returns whether it can.

    Vanishing gradients are full of denormals, and processors are slow with them. A setting of the thread.
    """
    for real in (np.float32, np.float64):
        np.finfo(real)  # NumPy looks at the first call, and warns if its smallest number is flushed to 0
    return torch.set_flush_denormal(True)


@contextlib.contextmanager
def _denormals_restored() -> Iterator[None]:
    """Restores at the end whether denormals are flushed to zero."""
    smallest_normal = torch.tensor(sys.float_info.min, dtype=torch.float64)
    flushed = float(smallest_normal / 2) == 0.0
    try:
        yield
    finally:
        torch.set_flush_denormal(flushed)
