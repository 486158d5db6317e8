"""Hashes of the files of a run, which its row holds: a damaged or truncated file is noticed, and named."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from harness.results.files import is_regular, sha256_of

ROW_NAME = "row.json"

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")

MAY_BE_DELETED = ("weights.pt",)
"""Files that a user may take away to save space: a run without them lacks nothing that it has measured."""


def hashes_of(run_dir: Path, names: Iterable[str]) -> dict[str, str]:
    """SHA-256 (hex) of those of the files that are there, by name."""
    return {name: sha256_of(run_dir / name) for name in names if is_regular(run_dir / name)}


def row_hash(row: Mapping[str, Any]) -> str:
    """SHA-256 (hex) of the content of a row, without this hash itself; spaces and order do not count."""
    files = {name: value for name, value in row.get("files", {}).items() if name != ROW_NAME}
    return hashlib.sha256(json.dumps({**row, "files": files}, sort_keys=True).encode()).hexdigest()


def why_changed(row: Mapping[str, Any]) -> str | None:
    """Why a row, as it was read, is not the one that was written; None where it is.

    A row of before there were hashes, which has no `files`, is taken as it is.
    """
    files = row.get("files")
    if not files:
        return None
    if not isinstance(files, dict) or not all(map(_is_entry, files.items())):
        return "its hashes are damaged"
    try:
        same = files.get(ROW_NAME) == row_hash(row)
    except RecursionError:
        same = False
    return None if same else "changed since it was written: its hash differs"


def _is_entry(item: tuple[str, Any]) -> bool:
    """Whether a name and a hash are those of a file beside the row."""
    return _NAME.fullmatch(item[0]) is not None and isinstance(item[1], str)


def damaged_files(run_dir: Path, row: Mapping[str, Any]) -> dict[str, str]:
    """The files of a run whose content is not that whose hash its row holds, with what is wrong, by name.

    Args:
        run_dir: its folder.
        row: as `read_row` returns it; one without hashes, of an earlier version, has no damaged file.
    """
    found = {}
    for name, expected in (row.get("files") or {}).items():
        if name == ROW_NAME or (name in MAY_BE_DELETED and not (run_dir / name).exists()):
            continue
        try:
            if sha256_of(run_dir / name) != expected:
                found[name] = "damaged or truncated: its hash differs from the one in row.json"
        except OSError as error:
            found[name] = error.strerror or str(error)
    return found
