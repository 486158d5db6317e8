"""What a file that is no part of an image set may be instead: the end of an error message."""

from __future__ import annotations

import gzip
import hashlib
import math
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path

GZIP, IDX = b"\x1f\x8b", b"\0\0"


def what_it_may_be(path: Path, sizes: Mapping[str, tuple[int, ...]], known: Mapping[str, str]) -> str:
    """What a refused file may be, and what to do, in a few words; empty where nothing is known.

    Args:
        path: the file.
        sizes: of the files of the set, by name without `.gz`.
        known: what files of published sets are, by the MD5 of their unpacked bytes.
    """
    raw = path.read_bytes()
    if path.suffix == ".gz" and raw.startswith(GZIP):
        try:
            raw = gzip.decompress(raw)
        except (EOFError, OSError, zlib.error):
            return "it may be a download that broke off"
    elif raw.startswith(GZIP):
        return f"it is compressed: name it {path.name}.gz"
    elif path.suffix == ".gz" and raw.startswith(IDX):
        return f"it is not compressed: name it {path.stem}"
    of_md5 = known.get(hashlib.md5(raw, usedforsecurity=False).hexdigest())
    if of_md5 is not None:
        return f"it is {of_md5}"
    return _by_beginning(raw) or _by_sizes(raw, path.name.removesuffix(".gz"), sizes)


def _by_beginning(raw: bytes) -> str:
    """What the first bytes tell of a file that is not in the IDX format."""
    start = raw[:200].lstrip().lower()
    if not raw:
        return "it is empty: a download that broke off"
    if start.startswith((b"<!doctype", b"<html", b"<?xml", b"<head")):
        return "it is a web page, which a server sent in place of the file"
    if start.startswith(b"version https://git-lfs"):
        return "it is a pointer of Git LFS: run `git lfs pull` where it comes from"
    if raw.startswith(b"PK\x03\x04"):
        return "it is a zip archive: unpack it"
    return ""


def _by_sizes(raw: bytes, name: str, sizes: Mapping[str, tuple[int, ...]]) -> str:
    """What the header of an IDX file of bytes tells."""
    if not raw.startswith(b"\0\0\x08") or len(raw) < 4 + 4 * raw[3]:
        return ""
    found = struct.unpack(f">{raw[3]}I", raw[4 : 4 + 4 * raw[3]])
    if len(raw) - 4 - 4 * raw[3] < math.prod(found):
        return "it may be a download that broke off"
    alike = next((other for other, size in sizes.items() if size == found), None)
    if alike is None:
        return "it may be of another set, which task=idx reads"
    if alike != name:
        return f"it has the sizes of {alike}: the files may be exchanged"
    return "it may be of another set of these sizes, which task=idx reads, or was changed"
