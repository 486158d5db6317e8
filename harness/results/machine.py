"""The provenance of a record (processor, versions, commit) and the peak memory of a run."""

from __future__ import annotations

import contextlib
import functools
import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).resolve().parents[1]


@functools.cache
def provenance() -> dict[str, Any]:
    """The columns of a record that are the same for every run of a process."""
    return {
        "torch": _version("torch"),
        "numba": _version("numba", missing=""),
        "python": platform.python_version(),
        "harness": _version("seqharness"),
        "git_commit": _git_commit(),
        "cpu": _cpu(),
    }


class PeakMemory:
    """Peak resident memory of this process since this object was made.

    A worker makes many runs: on Linux the kernel's high-water mark is reset, so that a run does not inherit
    the peak of an earlier one. Elsewhere the peak is that of the process since its start.
    """

    def __init__(self) -> None:
        with contextlib.suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5")

    def mib(self) -> float | None:
        """Returns the peak in MiB; None where the system does not report it."""
        try:
            for line in Path("/proc/self/status").read_text().splitlines():
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) / 1024
        except OSError:
            pass
        try:
            import resource
        except ImportError:  # Windows
            return None
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / (1024**2 if sys.platform == "darwin" else 1024)


def _version(distribution: str, missing: str = "unknown") -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return missing


def _git_commit() -> str | None:
    """The commit of the checkout that tracks this package; None for an installed one."""
    try:
        if _git("ls-files", "--", "__init__.py") == "":
            return None
        dirty = _git("status", "--porcelain", "--", ".", "../conf") != ""
        return _git("rev-parse", "--short=12", "HEAD") + ("-dirty" if dirty else "")
    except (OSError, subprocess.SubprocessError):
        return None


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(PACKAGE), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()


def _cpu() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
