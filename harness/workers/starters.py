"""How a pool gets new workers: forked by a server that has imported everything, or started afresh."""

from __future__ import annotations

import multiprocessing
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, Pipe
from typing import Any, Protocol

from harness.workers.call import how_it_ended
from harness.workers.server import ENDED, NOTICE, READY, REQUEST, STARTED, main
from harness.workers.worker import serve

IN_A_JOB = "SLURM_JOB_ID"
"""Variable of processes to all of which a cluster sends its signals."""


class WorkersBrokenError(RuntimeError):
    """Worker processes cannot be started on this machine now."""


@dataclass(eq=False)
class Worker:
    """A worker process, as the pool knows it."""

    process: int
    connection: Connection
    death: str | None = None
    """How it ended, once that is known."""


class Starter(Protocol):
    """Starts workers and learns how they end."""

    broken: bool
    """Whether it starts no more workers."""

    def start(self) -> Worker:
        """A new worker. Raises `WorkersBrokenError` where none can be started."""

    def send_signal(self, worker: Worker, number: int) -> None:
        """Sends it a signal; SIGKILL goes to all that it started too."""

    def waits_for(self) -> list[Any]:
        """What becomes ready, in `multiprocessing.connection.wait`, when a worker has ended."""

    def read_deaths(self) -> None:
        """Fills in `death` of the workers that have ended."""

    def close(self) -> None:
        """Ends all workers, and what was started for them."""


class ForkStarter:
    """Workers forked by a server of their own, see `server`; Linux only."""

    def __init__(self, preload: Sequence[str]) -> None:
        self.broken = False
        self._channel, theirs = socket.socketpair()
        self._workers: dict[int, Worker] = {}
        bound = threading.current_thread() is threading.main_thread()
        shielded = IN_A_JOB in os.environ
        code = (
            f"import sys; sys.path[:] = {sys.path!r}; from {main.__module__} import main; "
            f"main({theirs.fileno()}, {os.getpid()}, {list(preload)!r}, bound={bound}, shielded={shielded})"
        )
        with theirs:
            self._server = subprocess.Popen(
                [sys.executable, *subprocess._args_from_interpreter_flags(), "-c", code],  # type: ignore[attr-defined]
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )

    def start(self) -> Worker:
        """Asks the server for a fork, and waits for it; at first until the server has imported all."""
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                socket.send_fds(self._channel, [REQUEST.pack(0, 0)], [theirs.fileno()])
            except OSError:
                raise self._broken() from None
        while (notice := self._read()) is not None:
            kind, process, code = notice
            if kind == STARTED and process == 0:
                ours.close()
                raise WorkersBrokenError(f"no worker can be started: {os.strerror(code)}")
            if kind == STARTED:
                worker = Worker(process, Connection(ours.detach()))
                self._workers[process] = worker
                return worker
            self._note(*notice)
        ours.close()
        raise self._broken()

    def send_signal(self, worker: Worker, number: int) -> None:
        """Through the server, which alone knows that the number still belongs to the worker."""
        try:
            self._channel.sendall(REQUEST.pack(worker.process, number))
        except OSError:
            self._lose_all()

    def waits_for(self) -> list[Any]:
        """The channel to the server."""
        return [self._channel]

    def read_deaths(self) -> None:
        """Reads one notice of the server, or that it has ended, and its workers with it."""
        notice = self._read()
        if notice is None:
            self._lose_all()
        else:
            self._note(*notice)

    def close(self) -> None:
        """Closes the channel, upon which the server ends its workers and itself."""
        self._channel.close()
        self._server.wait()

    def _read(self) -> tuple[int, int, int] | None:
        """A notice of the server; None when it has ended."""
        raw = b""
        while len(raw) < NOTICE.size:
            try:
                part = self._channel.recv(NOTICE.size - len(raw))
            except ConnectionError:
                return None
            if not part:
                return None
            raw += part
        return NOTICE.unpack(raw)

    def _note(self, kind: int, process: int, code: int) -> None:
        if kind == ENDED and (worker := self._workers.pop(process, None)) is not None:
            worker.death = how_it_ended(code)
        elif kind not in (ENDED, READY):
            raise AssertionError(f"unexpected notice {kind} of the server")

    def _lose_all(self) -> None:
        self.broken = True
        for worker in self._workers.values():
            worker.death = "ended with the process that had started it"
        self._workers.clear()

    def _broken(self) -> WorkersBrokenError:
        self._lose_all()
        how = how_it_ended(self._server.wait())
        return WorkersBrokenError(f"the process that starts the workers {how}")


class SpawnStarter:
    """Workers that each import everything themselves: where a fork is not safe, as on macOS."""

    def __init__(self) -> None:
        self.broken = False
        self._processes: dict[Worker, Any] = {}

    def start(self) -> Worker:
        """A new interpreter."""
        ours, theirs = Pipe()
        process = multiprocessing.get_context("spawn").Process(target=serve, args=(theirs,), daemon=True)
        process.start()
        theirs.close()
        assert process.pid is not None
        worker = Worker(process.pid, ours)
        self._processes[worker] = process
        return worker

    def send_signal(self, worker: Worker, number: int) -> None:
        """To the worker alone."""
        if self._processes[worker].is_alive():
            os.kill(worker.process, number)

    def waits_for(self) -> list[Any]:
        """The sentinels of the processes."""
        return [process.sentinel for process in self._processes.values()]

    def read_deaths(self) -> None:
        """Joins the processes that have ended."""
        for worker, process in list(self._processes.items()):
            if process.exitcode is not None:
                worker.death = how_it_ended(process.exitcode)
                del self._processes[worker]

    def close(self) -> None:
        """Kills the workers."""
        for process in self._processes.values():
            process.kill()
            process.join()
        self._processes.clear()


def usual_starter(preload: Sequence[str]) -> Starter:
    """The one for this system."""
    return ForkStarter(preload) if sys.platform == "linux" else SpawnStarter()
