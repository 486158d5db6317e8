"""Whether a process is making a run: it holds the lock of the run's folder."""

from __future__ import annotations

from pathlib import Path

from filelock import FileLock, Timeout

from harness.results.files import is_regular
from harness.results.store import LOCK_NAME


def is_locked(run_dir: Path) -> bool:
    """Whether a process holds the lock; where there is no lock file, none does, and none is made."""
    if not is_regular(run_dir / LOCK_NAME):
        return False
    try:
        with FileLock(run_dir / LOCK_NAME, timeout=0):
            return False
    except Timeout:
        return True
