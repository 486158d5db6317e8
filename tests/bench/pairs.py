"""Contenders in separate processes, measured in alternation: drift of the machine affects all alike."""

from __future__ import annotations

import math
import multiprocessing
from multiprocessing.connection import Connection
from typing import Any

from harness.results.machine import PeakMemory

from .contenders import Shape, make_step, seconds_per_step, set_up_process

WARM_UP = 3


class Contender:
    """A process that makes training steps of one kind on request."""

    def __init__(self, name: str, **options: bool):
        self.name = name
        context = multiprocessing.get_context("spawn")
        self.pipe, child_end = context.Pipe()
        self.process = context.Process(target=_serve, args=(child_end, name, options), daemon=True)
        self.process.start()

    def ready(self, shape: Shape) -> None:
        """Makes the model of a shape and warms up."""
        self._request("ready", shape)

    def seconds(self, at_least: float) -> float:
        """Mean seconds of a step, measured over at least `at_least` seconds."""
        return float(self._request("time", at_least))

    def peak_mib(self) -> float:
        """Peak resident memory of the process so far, MiB; NaN if the system does not report it."""
        return float(self._request("peak", None))

    def close(self) -> None:
        """Ends the process."""
        self.pipe.send(("end", None))
        self.process.join()

    def _request(self, command: str, value: Any) -> Any:
        self.pipe.send((command, value))
        reply = self.pipe.recv()
        if isinstance(reply, Exception):
            raise reply
        return reply


def _serve(pipe: Connection, name: str, options: dict[str, bool]) -> None:
    set_up_process(name)
    step, memory = None, PeakMemory()
    while True:
        command, value = pipe.recv()
        try:
            if command == "end":
                return
            if command == "ready":
                step = make_step(name, value, **options)
                for _ in range(WARM_UP):
                    step()
                pipe.send(None)
            elif command == "peak":
                pipe.send(memory.mib() or math.nan)
            else:
                step()  # not measured: other contenders have used the caches
                pipe.send(seconds_per_step(step, value))
        except Exception as error:  # the parent raises it
            pipe.send(error)


def alternate(
    contenders: list[Contender], shape: Shape, *, pairs: int, at_least: float
) -> dict[str, list[float]]:
    """Seconds per step of each contender, one number per round; a round measures every contender once."""
    for contender in contenders:
        contender.ready(shape)
    seconds: dict[str, list[float]] = {contender.name: [] for contender in contenders}
    for number in range(pairs):
        order = contenders if number % 2 == 0 else contenders[::-1]
        for contender in order:
            seconds[contender.name].append(contender.seconds(at_least))
    return seconds
