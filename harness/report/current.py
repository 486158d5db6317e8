"""Whether a report shows what is in its folder now: what it was made of, and the files that it wrote."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from harness.results.files import read_bytes, sha256_of
from harness.results.machine import provenance
from harness.results.store import file_stamp, runs_dir, write_atomically

RECORD_FILE = ".report"
"""In a results folder, as JSON: a hash of what the report was made of, and those of its files."""


def is_current(results_dir: str | Path) -> bool:
    """Whether the report was made of what is there now, by this version, and lies there as written."""
    folder = Path(results_dir)
    try:
        record: Any = json.loads(read_bytes(folder / RECORD_FILE))
        files: dict[str, str] = record["files"]
        written = all(sha256_of(folder / name) == hashed for name, hashed in files.items())
        return written and bool(files) and record["made_of"] == hash_of_sources(folder)
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return False


def remember(results_dir: Path, made_of: str, files: Iterable[Path]) -> None:
    """Notes what a report was made of, as `hash_of_sources` gave it before, and the files that it wrote.

    Raises:
        OSError: a file cannot be read, or the note not be written.
    """
    hashes = {str(path.relative_to(results_dir)): sha256_of(path) for path in files}
    write_atomically(results_dir / RECORD_FILE, json.dumps({"made_of": made_of, "files": hashes}) + "\n")


def hash_of_sources(results_dir: Path) -> str:
    """Changes with every row or table that is added, removed or written again, and with the harness."""
    known = provenance()
    stamps = [f"{name} {file_stamp(results_dir / name)}" for name in _sources(results_dir)]
    text = "\n".join([known["harness"], str(known["git_commit"]), *stamps])
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def _sources(results_dir: Path) -> list[str]:
    """Rows, tables and hashed files of all runs, and the tables of tuning and timing, below the folder."""
    runs = runs_dir("").name
    of_runs = [
        f"{runs}/{run}/{name}"
        for run in _names(results_dir / runs)
        for name in _names(results_dir / runs / run)
        if name in ("row.json", "config.yaml", "weights.pt") or name.endswith(".csv")
    ]
    return sorted(
        [*of_runs, *(name for name in _names(results_dir) if name.startswith(("tuning", "timing")))]
    )


def _names(folder: Path) -> list[str]:
    """What lies in a folder; nothing where it is none."""
    try:
        return os.listdir(folder)
    except OSError:
        return []
