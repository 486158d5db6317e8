"""Settings of the process: those that make trainings faster, and the arithmetic of CUDA's matrix products."""

from __future__ import annotations

import contextlib
import ctypes
import platform
import sys
from collections.abc import Callable, Iterator
from typing import Any

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
def tf32_allowed(allow: bool, device: torch.device) -> Iterator[None]:
    """On CUDA, allows or forbids TF32 in matrix products and cuDNN; at the end it is as before.

    TF32 rounds the factors of a product to 10 bits of mantissa. By torch's defaults cuDNN's recurrent layers
    use it and matrix products do not. On other devices nothing is changed.
    """
    if device.type != "cuda":
        yield
        return
    backends: Any = torch.backends
    cuda, cudnn = backends.cuda.matmul, backends.cudnn
    # torch has an older and, from 2.9 on, a newer interface to the same. Only where both are set alike can
    # both be read; a reader of the other one, as `cudnn.flags()` is, would raise.
    parts = [cuda, cudnn.conv, cudnn.rnn, backends.mkldnn.matmul] if hasattr(cudnn, "rnn") else []
    before = [part.fp32_precision for part in parts]
    old_products = _unless_mixed(torch.get_float32_matmul_precision)
    old_cudnn = _unless_mixed(lambda: cudnn.allow_tf32)
    cuda.allow_tf32 = cudnn.allow_tf32 = allow
    for part in parts[:3]:
        part.fp32_precision = "tf32" if allow else "ieee"
    try:
        yield
    finally:
        if old_products is not None:
            torch.set_float32_matmul_precision(old_products)  # sets oneDNN's products too
        if old_cudnn is not None:
            cudnn.allow_tf32 = old_cudnn
        for part, precision in zip(parts, before, strict=True):
            part.fp32_precision = precision


def _unless_mixed(read: Callable[[], Any]) -> Any:
    """A setting of the older interface; None where the newer one was set to something else."""
    try:
        return read()
    except RuntimeError:
        return None


@contextlib.contextmanager
def _denormals_restored() -> Iterator[None]:
    """Restores at the end whether denormals are flushed to zero."""
    smallest_normal = torch.tensor(sys.float_info.min, dtype=torch.float64)
    flushed = float(smallest_normal / 2) == 0.0
    try:
        yield
    finally:
        torch.set_flush_denormal(flushed)
