"""A pool of worker processes for calls that may crash, hang or change their process."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import wait
from typing import Any

from harness.workers.call import Call, Outcome, Setting
from harness.workers.starters import Starter, Worker, WorkersBrokenError, usual_starter

MOST_LOST = 5
"""Calls in a row that no worker has lived to begin, after which the pool gives up."""

KILLED_S = 1.0
"""Seconds to wait for killed workers to be gone."""


@dataclass(eq=False)
class _Task:
    """A call that a worker is making."""

    index: int
    call: Call
    slot: int
    deadline: float | None
    begun: bool = False
    too_long: bool = False
    outcome: Outcome | None = None


class Pool:
    """Makes calls in worker processes, several at a time, and says how each ended, be it by a crash.

    No thread takes part: workers are watched while `results` is being read. Workers are started when they
    are needed and stay for later calls; a `fresh` call has a worker of its own. All of them end with the
    process that made the pool, however it ends.
    """

    def __init__(
        self,
        size: int,
        *,
        preload: Sequence[str] = (),
        environments: Sequence[Mapping[str, str]] = (),
        starter: Callable[[Sequence[str]], Starter] = usual_starter,
        wake_s: float | None = None,
    ) -> None:
        """Starts nothing yet.

        Args:
            size: calls at a time.
            preload: modules that workers have imported before their first call.
            environments: variables of the environment of the workers of each of the `size` places; the
                others are those of this process when the worker is started.
            starter: makes what starts the workers.
            wake_s: seconds after which waiting for a call lets Python look for interrupts that come without a
                signal; None: never.
        """
        self.size, self._wake_s = size, wake_s
        self._preload, self._make_starter = preload, starter
        self.environments = [dict(one) for one in environments] or [{} for _ in range(size)]
        self._starter: Starter | None = None
        self._idle: dict[int, Worker] = {}
        self._busy: dict[Worker, _Task] = {}
        self._lost = 0

    def results(self, calls: Sequence[Call]) -> Iterator[Outcome]:
        """Makes the calls in their order; yields their outcomes as they come.

        Raises:
            WorkersBrokenError: no worker can be started, or none lives to begin a call.
        """
        self.kill()
        waiting = deque(enumerate(calls))
        while waiting or self._busy:
            while waiting and len(self._busy) < self.size:
                index, call = waiting.popleft()
                failed = self._begin(index, call)
                if failed is not None:
                    yield failed
            for task in self._ended(self._next_deadline()):
                if task.outcome is not None:
                    self._lost = 0
                    yield task.outcome
                else:
                    self._lost += 1
                    if self._lost >= MOST_LOST:
                        raise WorkersBrokenError(f"{MOST_LOST} workers in a row ended before their call")
                    waiting.appendleft((task.index, task.call))

    def interrupt(self, patience_s: float) -> None:
        """Raises KeyboardInterrupt in the calls in progress, and kills the workers that go on.

        A second KeyboardInterrupt here kills them at once.
        """
        with contextlib.suppress(KeyboardInterrupt):
            for worker in self._busy:
                self._send_signal(worker, signal.SIGINT)
            give_up = time.monotonic() + patience_s
            while self._busy and time.monotonic() < give_up:
                self._ended(give_up)
        self.kill()

    def kill(self) -> None:
        """Ends the calls in progress by killing their workers."""
        for worker in self._busy:
            self._send_signal(worker, signal.SIGKILL)
        give_up = time.monotonic() + KILLED_S
        while self._busy and time.monotonic() < give_up:
            self._ended(give_up)
        self._busy.clear()

    def close(self) -> None:
        """Ends all workers; those of later calls are new ones."""
        for worker in [*self._idle.values(), *self._busy]:
            worker.connection.close()
        self._idle.clear()
        self._busy.clear()
        if self._starter is not None:
            self._starter.close()
        self._starter = None

    @property
    def processes(self) -> list[int]:
        """The process numbers of the workers that are waiting for calls, or making them."""
        return [worker.process for worker in (*self._idle.values(), *self._busy)]

    def _begin(self, index: int, call: Call) -> Outcome | None:
        """Sends a call to a worker; returns an outcome where it cannot be sent."""
        try:
            message = pickle.dumps((call.function, call.arguments))
        except Exception as error:  # pickling runs code of the arguments
            return Outcome(index, error=error)
        self._read_deaths(0)
        worker, slot = self._worker_for(call)
        deadline = None if call.limit_s is None else time.monotonic() + call.limit_s
        self._busy[worker] = _Task(index, call, slot, deadline)
        with contextlib.suppress(OSError):  # it has just died, which will be noticed
            worker.connection.send_bytes(message)
        return None

    def _worker_for(self, call: Call) -> tuple[Worker, int]:
        """A worker for a call, and the place that it takes."""
        taken = {task.slot for task in self._busy.values()}
        free = [slot for slot in range(self.size) if slot not in taken]
        warm = [slot for slot in free if slot in self._idle]
        if warm and not call.fresh:
            return self._idle.pop(warm[0]), warm[0]
        cold = [slot for slot in free if slot not in self._idle]
        slot = (cold or free)[0]
        if self._starter is not None and self._starter.broken:
            self._starter.close()
            self._starter = None
        if self._starter is None:
            self._starter = self._make_starter(self._preload)
        worker = self._starter.start()
        environment = dict(os.environ) | self.environments[slot]
        with contextlib.suppress(OSError):
            worker.connection.send(Setting(_folder(), environment, list(sys.path)))
        return worker, slot

    def _next_deadline(self) -> float | None:
        deadlines = [
            task.deadline for task in self._busy.values() if task.deadline is not None and not task.too_long
        ]
        return min(deadlines, default=None)

    def _ended(self, until: float | None) -> list[_Task]:
        """Waits until something happens, or until a time; returns the tasks whose workers are done.

        One without an outcome was never begun.
        """
        seconds = None if until is None else max(0.0, until - time.monotonic())
        if self._wake_s is not None:
            seconds = self._wake_s if seconds is None else min(seconds, self._wake_s)
        connections = [worker.connection for worker in self._busy if not worker.connection.closed]
        ready = wait([*connections, *self._waits_for()], seconds)
        if any(item in ready for item in self._waits_for()):
            self._read_deaths(0)
        ended = []
        for worker, task in list(self._busy.items()):
            if worker.connection in ready or worker.death is not None:
                self._read_messages(worker, task)
            if task.outcome is not None:
                self._release(worker, task)
            elif worker.death is not None:
                worker.connection.close()
                if task.begun or task.too_long:
                    task.outcome = Outcome(task.index, death=worker.death, too_long=task.too_long)
            else:
                if task.deadline is not None and time.monotonic() >= task.deadline and not task.too_long:
                    task.too_long = True
                    self._send_signal(worker, signal.SIGKILL)
                continue
            del self._busy[worker]
            ended.append(task)
        return ended

    def _read_messages(self, worker: Worker, task: _Task) -> None:
        """Reads what a worker has sent; closes the connection when it is at its end."""
        try:
            while task.outcome is None and not worker.connection.closed and worker.connection.poll():
                kind, value = pickle.loads(worker.connection.recv_bytes())
                if kind == "begun":
                    task.begun = True
                elif kind == "limit":
                    task.deadline = time.monotonic() + value
                elif kind == "value":
                    task.outcome = Outcome(task.index, value=value)
                else:
                    task.outcome = Outcome(task.index, error=value)
        except (EOFError, OSError):
            worker.connection.close()  # how it ended is told by the starter
        except Exception as error:  # what it sent cannot be read here
            task.outcome = Outcome(task.index, error=error)

    def _release(self, worker: Worker, task: _Task) -> None:
        """Keeps a worker for the next call, or ends it with all that it started."""
        if worker.death is None and not task.call.fresh and task.slot not in self._idle:
            self._idle[task.slot] = worker
            return
        worker.connection.close()
        if worker.death is None:
            self._send_signal(worker, signal.SIGKILL)

    def _send_signal(self, worker: Worker, number: int) -> None:
        if self._starter is not None and worker.death is None:
            self._starter.send_signal(worker, number)

    def _waits_for(self) -> list[Any]:
        usable = self._starter is not None and not self._starter.broken
        return self._starter.waits_for() if usable and self._starter is not None else []

    def _read_deaths(self, seconds: float) -> None:
        """Learns which workers have died, and forgets the idle ones among them."""
        while self._starter is not None and wait(self._waits_for(), seconds):
            self._starter.read_deaths()
        for slot, worker in list(self._idle.items()):
            if worker.death is not None:
                worker.connection.close()
                del self._idle[slot]


def _folder() -> str:
    try:
        return os.getcwd()
    except FileNotFoundError:
        return os.path.sep
