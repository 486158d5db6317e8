"""Processes end with the one that started them, however that ends."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
from pathlib import Path

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
"""Options of Linux's prctl: the signal that this process gets when the thread that started it ends; and
whether it becomes the parent of its descendants whose own parent has ended."""

GENERATIONS = 5
"""Of processes that each started the next and ended, so that killing one shows the next."""


def end_with(parent: int, with_signal: signal.Signals = signal.SIGKILL) -> None:
    """Lets Linux send a signal to this process when its parent, the process `parent`, ends.

    Where it has ended already this process ends here. On other systems nothing happens: there a process has
    to read the end of a pipe.
    """
    if sys.platform != "linux":
        return
    _prctl(PR_SET_PDEATHSIG, int(with_signal))
    if os.getppid() != parent:
        os._exit(1)


def signal_group(leader: int, number: int) -> None:
    """Sends a signal to all processes of the group of `leader`, if there is one."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, number)


def adopt_orphans() -> None:
    """Makes this process the parent of all its descendants whose own parent ends, on Linux."""
    if sys.platform == "linux":
        _prctl(PR_SET_CHILD_SUBREAPER, 1)


def kill_children() -> None:
    """Kills every child of this process, then the children that it inherits from them, on Linux."""
    for _ in range(GENERATIONS):
        try:
            children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
        except OSError:
            return
        for child in children:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(int(child), signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            for _ in children:
                os.waitpid(-1, 0)


def _prctl(option: int, value: int) -> None:
    ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)
