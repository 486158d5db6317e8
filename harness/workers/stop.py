"""Ctrl-C, SIGTERM and the like: what stops a command, told apart from what its code raises itself."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any

SIGNALS = tuple(
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2")
    if hasattr(signal, name)
)
"""Slurm sends SIGTERM where it cancels or preempts a job, and SIGUSR1 or 2 before a time limit."""

FOR_THE_COMMAND = tuple(number for number in SIGNALS if number != signal.SIGINT)
"""Those that a cluster sends to every process of a job, and that the command alone acts upon."""

STOPPED = "harness: stopped; the same command resumes"

AGAIN_S = 0.05
"""Seconds after which a signal is sent again that came at a wrong moment."""

MOST_PUT_OFF = 30
"""Times that it is put off, so that an import that hangs can be stopped too."""

_at_stake = 0
_left_by = 0
_put_off = 0


class Stopped(KeyboardInterrupt):
    """The user or the system asked this process to stop."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number
        self.exit_code = exit_code(number)


def exit_code(number: int) -> int:
    """130 for Ctrl-C; 143, that of SIGTERM, for the other signals."""
    return 130 if number == signal.SIGINT else 143


def stop(number: int, frame: FrameType | None) -> None:
    """The signal handler: raises `Stopped`.

    While modules are imported the process ends at once instead, and with `rows_at_stake` after the import.
    """
    global _put_off
    if _imports(frame):
        if not _at_stake:
            sys.stderr.write(STOPPED + "\n")
            sys.stderr.flush()
            os._exit(exit_code(number))
        if _put_off < MOST_PUT_OFF:
            _put_off += 1
            _send_again(number)
            return
    raise Stopped(number)


def stop_again(unraisable: Any) -> None:
    """Sends the signal again whose `Stopped` a callback from C has swallowed; for `sys.unraisablehook`."""
    if isinstance(unraisable.exc_value, Stopped):
        _send_again(unraisable.exc_value.number)
    else:
        sys.__unraisablehook__(unraisable)


def is_from_outside(error: KeyboardInterrupt) -> bool:
    """Whether it came from a signal; where no handler of ours is set, it counts as if it did."""
    return isinstance(error, Stopped) or signal.getsignal(signal.SIGINT) is not stop


@contextlib.contextmanager
def rows_at_stake() -> Iterator[None]:
    """Meanwhile signals never end this process at once: runs in progress have to leave their rows."""
    global _at_stake, _put_off
    _at_stake, _put_off = _at_stake + 1, 0
    try:
        yield
    finally:
        _at_stake -= 1


@contextlib.contextmanager
def stops_with_signals() -> Iterator[None]:
    """Signals raise `Stopped` meanwhile, or end the process at once while it imports modules.

    Half an import leaves nothing that is worth to be cleaned up, and modules in C turn the exception into
    others. Signals that are ignored, as below `nohup`, stay ignored.
    """
    usual = (signal.SIG_DFL, signal.default_int_handler)
    changed = {}
    if threading.current_thread() is threading.main_thread():
        changed = {number: old for number in SIGNALS if (old := signal.getsignal(number)) in usual}
    for number in changed:
        signal.signal(number, stop)
    hook = sys.unraisablehook
    sys.unraisablehook = stop_again if changed else hook
    try:
        yield
    finally:
        sys.unraisablehook = hook
        for number, old in changed.items():
            signal.signal(number, old)


def leave_to_the_command() -> None:
    """Signals other than Ctrl-C change nothing in this process from now on; they end what it starts."""
    global _left_by
    _left_by = os.getpid()
    for number in FOR_THE_COMMAND:
        signal.signal(number, left_to_the_command)


def left_to_the_command(number: int, frame: FrameType | None) -> None:
    """The signal handler of a process that leaves signals to the one that started it; a fork ends by them."""
    if os.getpid() != _left_by:
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Signals are ignored meanwhile: for what is short and must be whole, as writing a row."""
    changed = {}
    if threading.current_thread() is threading.main_thread():
        changed = {number: signal.getsignal(number) for number in SIGNALS}
    for number in changed:
        signal.signal(number, signal.SIG_IGN)
    try:
        yield
    finally:
        for number, old in changed.items():
            signal.signal(number, old)


def _imports(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


def _send_again(number: int) -> None:
    again = threading.Timer(AGAIN_S, os.kill, [os.getpid(), number])
    again.daemon = True
    again.start()
