"""Reader of the IDX format of the MNIST files: a magic number, the sizes, the numbers."""

from __future__ import annotations

import gzip
import hashlib
import math
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

BYTES = {8: "u1"}
BYTES_OR_INTEGERS = {8: "u1", 12: ">i4"}
"""The type code in a magic number, and how a number is stored: an unsigned byte, or 32 bits, big-endian."""


def read_idx(
    path: Path,
    *,
    shape: tuple[int, ...] | None = None,
    md5: str | None = None,
    kinds: Mapping[int, str] = BYTES,
) -> np.ndarray:
    """Reads an IDX file of unsigned bytes, `.gz` or not, and checks that it is complete.

    The magic number is 0, 0, 8 (unsigned bytes) and the number of dimensions. Each size follows as a
    big-endian 32-bit integer, then the numbers, last dimension fastest (LeCun, Cortes & Burges, MNIST page).

    Args:
        path: the file.
        shape: required sizes; None: any.
        md5: required MD5 of the unpacked bytes; None: not checked.
        kinds: the type codes that may stand in place of the 8.

    Returns:
        Array with the sizes in the file's header, uint8 or another of `kinds`; read-only.

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
    if len(raw) < 4 or raw[:2] != b"\0\0" or raw[2] not in kinds or not 1 <= raw[3] <= 4:
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
    kind = np.dtype(kinds[raw[2]])
    promised = math.prod(sizes) * kind.itemsize
    if len(raw) - start != promised:
        raise ValueError(
            f"{path}: wrong length, {len(raw) - start:,} bytes of data where the header {sizes} "
            f"promises {promised:,}; fetch the file again"
        )
    if shape is not None and sizes != shape:
        raise ValueError(f"{path}: holds {sizes}, not {shape}; fetch the file again")
    if md5 is not None:
        found = hashlib.md5(raw, usedforsecurity=False).hexdigest()
        if found != md5:
            raise ValueError(f"{path}: wrong checksum, MD5 {found}, not {md5}; fetch the file again")
    return np.frombuffer(raw, dtype=kind, offset=start).reshape(sizes)
