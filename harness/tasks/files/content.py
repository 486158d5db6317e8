"""Hashes of the content of data sets: equal for equal data, wherever it lies and however it is packed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np


def hash_parts(*parts: np.ndarray | bytes | str) -> str:
    """SHA-256 (hex) of a sequence of arrays (type, shape and values), bytes and strings.

    >>> hash_parts(np.zeros(2)) == hash_parts(np.zeros((2, 1)))
    False
    >>> hash_parts("ab", "c") == hash_parts("a", "bc")
    False
    """
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, np.ndarray):
            digest.update(f"{part.dtype.str} {part.shape}\n".encode())
            digest.update(np.ascontiguousarray(part).data)
        else:
            raw = part.encode() if isinstance(part, str) else part
            digest.update(f"{type(part).__name__} {len(raw)}\n".encode())
            digest.update(raw)
    return digest.hexdigest()


def hash_checksums(checksums: Iterable[str]) -> str:
    """SHA-256 (hex) of the published checksums that the files of a data set were verified against."""
    return hash_parts(*checksums)
