"""Contenders in processes of their own, asked in turn, so that the machine's moods meet all alike."""

from __future__ import annotations

import math
import multiprocessing
from multiprocessing.connection import Connection
from typing import Any

from harness.results.machine import PeakMemory

from .contenders import Shape, make_step, seconds_a_step, settle

WARM_UP = 3


class Contender:
    """A process that makes training steps of one kind when asked."""

    def __init__(self, name: str, **options: bool):
        self.name = name
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, name, options), daemon=True)
        self.process.start()

    def ready(self, shape: Shape) -> None:
        """Makes the model and warms up."""
        self._ask("ready", shape)

    def seconds(self, at_least: float) -> float:
        """Mean seconds of a step, over at least so many seconds."""
        return float(self._ask("time", at_least))

    def peak_mib(self) -> float:
        """Peak resident memory of the process so far, MiB; NaN where the system does not tell."""
        return float(self._ask("peak", None))

    def close(self) -> None:
        """Ends the process."""
        self.pipe.send(("end", None))
        self.process.join()

    def _ask(self, what: str, value: Any) -> Any:
        self.pipe.send((what, value))
        answer = self.pipe.recv()
        if isinstance(answer, Exception):
            raise answer
        return answer


def _serve(pipe: Connection, name: str, options: dict[str, bool]) -> None:
    settle(name)
    step, memory = None, PeakMemory()
    while True:
        what, value = pipe.recv()
        try:
            if what == "end":
                return
            if what == "ready":
                step = make_step(name, value, **options)
                for _ in range(WARM_UP):
                    step()
                pipe.send(None)
            elif what == "peak":
                pipe.send(memory.mib() or math.nan)
            else:
                step()  # off the clock: others have been at work meanwhile
                pipe.send(seconds_a_step(step, value))
        except Exception as error:  # handed over: the parent raises it
            pipe.send(error)


def in_turn(
    contenders: list[Contender], shape: Shape, *, pairs: int, at_least: float
) -> dict[str, list[float]]:
    """Seconds a step of each contender, one value a round; each round asks every contender once."""
    for contender in contenders:
        contender.ready(shape)
    taken: dict[str, list[float]] = {contender.name: [] for contender in contenders}
    for number in range(pairs):
        order = contenders if number % 2 == 0 else contenders[::-1]
        for contender in order:
            taken[contender.name].append(contender.seconds(at_least))
    return taken
