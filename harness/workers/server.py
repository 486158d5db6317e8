"""A process that imports once and forks a worker whenever the pool asks for one.

A worker then costs some hundredths of a second in place of seconds, and shares the memory of what is
imported. The server runs no code but imports: each worker is as clean as the first. It tells the pool how
each worker ended, and is a session of its own, so that Ctrl-C reaches the pool alone.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import socket
import struct
import sys
import traceback
import warnings
from multiprocessing.connection import Connection, wait
from types import FrameType
from typing import Any, NoReturn

from harness.workers.orphans import adopt_orphans, end_with, kill_children, signal_group
from harness.workers.stop import FOR_THE_COMMAND, SIGNALS, leave_to_the_command
from harness.workers.worker import serve

REQUEST = struct.Struct("=ii")
"""Process and signal to send to it; 0, 0: start a worker, with its end of the connection beside it."""

STARTED, ENDED, READY = 1, 2, 3
NOTICE = struct.Struct("=iii")
"""Kind, process, exit code; of a worker that could not be started the process is 0, the code the errno."""


def main(channel: int, parent: int, preload: list[str], *, bound: bool, shielded: bool) -> NoReturn:
    """Serves the pool at the other end of the socket `channel` until that is closed.

    Args:
        channel: file descriptor of the socket.
        parent: the pool's process.
        preload: modules to import before the first fork; one that is not installed is left out.
        bound: whether this process ends with the thread that started it, as with its process.
        shielded: whether signals such as SIGTERM, which a cluster sends to all processes of a job, do nothing
            here and in the workers: the pool's process stops the calls, so that they end in order.
    """
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)  # Ray, for one, blocks some where it starts processes
    for number in FOR_THE_COMMAND if shielded else ():
        signal.signal(number, signal.SIG_IGN)
    if bound:
        end_with(parent)
    for module in preload:
        with contextlib.suppress(ImportError):
            importlib.import_module(module)
    if bound:  # from now on the workers are ended first; shielded it is the closed channel that tells
        end_with(parent, signal.SIGTERM)
    adopt_orphans()
    pool = socket.socket(fileno=channel)
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, _nothing)
    if not shielded:
        signal.signal(signal.SIGTERM, _stop)
    warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
    children: set[int] = set()
    try:
        _tell(pool, READY)
        while True:
            ready = wait([pool, woken])
            if woken in ready:
                os.read(woken, 4096)
                _reap(pool, children)
            if pool in ready and not _answer(pool, children, shielded):
                break
    except OSError:  # the pool is gone
        pass
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # it comes with the death of the pool, too
        for child in children:
            signal_group(child, signal.SIGKILL)
        kill_children()
        os._exit(0)


def _nothing(number: int, frame: FrameType | None) -> None:
    """Lets a signal wake the loop."""


def _stop(number: int, frame: FrameType | None) -> None:
    raise OSError("the pool is gone")


def _answer(pool: socket.socket, children: set[int], shielded: bool) -> bool:
    """Does what the pool asks for; False when it has closed its end."""
    request, passed, _, _ = socket.recv_fds(pool, REQUEST.size, 1)
    if not request:
        return False
    process, number = REQUEST.unpack(request)
    if process:
        if process in children:  # not reaped yet, so that the number is still its own
            if number == signal.SIGKILL:
                signal_group(process, number)
            else:
                os.kill(process, number)
        return True
    server = os.getpid()
    try:
        child = os.fork()
    except OSError as error:
        os.close(passed[0])
        _tell(pool, STARTED, 0, error.errno or 0)
        return True
    if child == 0:
        _be_worker(passed[0], pool, server, shielded)
    with contextlib.suppress(OSError):
        os.setpgid(child, child)
    children.add(child)
    os.close(passed[0])
    _tell(pool, STARTED, child)
    return True


def _be_worker(connection: int, pool: socket.socket, server: int, shielded: bool) -> NoReturn:
    """In the fork: a worker, in a process group of its own with all that its calls start."""
    status = 1
    try:
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        if shielded:
            leave_to_the_command()
        os.setpgid(0, 0)
        end_with(server)
        pool.close()
        serve(Connection(connection))
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _reap(pool: socket.socket, children: set[int]) -> None:
    """Tells how workers ended, and ends what they left behind."""
    while children:
        ended: Any = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if ended is None:
            return
        if ended.si_pid in children:  # the group keeps its number until its first process is reaped
            signal_group(ended.si_pid, signal.SIGKILL)
        _, status = os.waitpid(ended.si_pid, 0)
        if ended.si_pid in children:
            children.discard(ended.si_pid)
            _tell(pool, ENDED, ended.si_pid, os.waitstatus_to_exitcode(status))


def _tell(pool: socket.socket, kind: int, process: int = 0, code: int = 0) -> None:
    pool.sendall(NOTICE.pack(kind, process, code))
