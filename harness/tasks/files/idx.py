"""Reader of the IDX format of the MNIST files: a magic number, the sizes, the bytes."""

from __future__ import annotations

import gzip
import hashlib
import math
import zlib
from pathlib import Path

import numpy as np


def read_idx(path: Path, *, shape: tuple[int, ...] | None = None, md5: str | None = None) -> np.ndarray:
    """Reads an IDX file of unsigned bytes, `.gz` or not, and checks that it is complete.

    The magic number is 0, 0, 8 (unsigned bytes) and the number of dimensions. Each size follows as a
    big-endian 32-bit integer, then the bytes, last dimension fastest (LeCun, Cortes & Burges, MNIST page).

    Args:
        path: the file.
        shape: required sizes; None: any.
        md5: required MD5 of the unpacked bytes; None: not checked.

    Returns:
        uint8 array with the sizes in the file's header; read-only.

    Raises:
        ValueError: compression, magic number, length, sizes or checksum are wrong.
        OSError: the file cannot be read.
    """
    raw = path.read_bytes()
    if path.suffix == ".gz":
        try:
            raw = gzip.decompress(raw)
        except (EOFError, OSError, zlib.error) as error:
            raise ValueError(f"{path}: damaged gzip data ({error}); fetch the file again") from None
    if len(raw) < 4 or raw[:3] != b"\x00\x00\x08" or not 1 <= raw[3] <= 4:
        raise ValueError(
            f"{path}: wrong magic number 0x{raw[:4].hex()}, an IDX file of bytes starts with 0x0000080N, "
            "N dimensions; fetch the file again"
        )
    start = 4 + 4 * raw[3]
    if len(raw) < start:
        raise ValueError(
            f"{path}: wrong length, {len(raw)} bytes where the header alone has {start}; fetch the file again"
        )
    sizes = tuple(int(size) for size in np.frombuffer(raw[4:start], dtype=">u4"))
    if len(raw) - start != math.prod(sizes):
        raise ValueError(
            f"{path}: wrong length, {len(raw) - start:,} bytes of data where the header {sizes} "
            f"promises {math.prod(sizes):,}; fetch the file again"
        )
    if shape is not None and sizes != shape:
        raise ValueError(f"{path}: holds {sizes}, not {shape}; fetch the file again")
    if md5 is not None:
        found = hashlib.md5(raw, usedforsecurity=False).hexdigest()
        if found != md5:
            raise ValueError(f"{path}: wrong checksum, MD5 {found}, not {md5}; fetch the file again")
    return np.frombuffer(raw, dtype=np.uint8, offset=start).reshape(sizes)
