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
"""glibc's mallopt: blocks that get pages of their own; free memory that is given back."""


MMAP_MAX, TRIM_THRESHOLD = 65536, 128 * 1024
"""What glibc has by itself."""

_changed = False


def keep_freed_memory(keep: bool) -> bool:
    """Has the allocator keep what is freed, or not, from now on; returns whether it does.

    Each step of a training frees large buffers and asks for the same again. glibc hands such blocks back
    to the kernel, which then fills every page with zeros anew; kept, they cost nothing. The process holds
    on to its peak of memory and more (the bench measures both). Other systems are left as they are. Once
    asked, glibc no longer adapts its own limits: False then gives those that it begins with.
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
    """Has the processor take numbers below the smallest normal one for 0; whether it can.

    Vanishing gradients are full of them, and processors take long over each. A setting of the
    thread, which `denormals_as_before` puts back.
    """
    for real in (np.float32, np.float64):
        np.finfo(real)  # NumPy looks when first asked, and warns if its smallest number is flushed to 0
    return torch.set_flush_denormal(True)


@contextlib.contextmanager
def denormals_as_before() -> Iterator[None]:
    """Puts back at the end whether numbers below the smallest normal one count as 0."""
    smallest_normal = torch.tensor(sys.float_info.min, dtype=torch.float64)
    flushed = float(smallest_normal / 2) == 0.0
    try:
        yield
    finally:
        torch.set_flush_denormal(flushed)
