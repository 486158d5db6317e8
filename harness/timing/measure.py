"""Timing apart from any run: whole training steps with their parts, and the machine's matrix product.

Configurations take turns: each round visits every one of them, so that a machine that slows down does so
for all. A visit runs real training steps under torch's `Timer`. Forward and backward are not timed in loops
of their own: the clock is read where they begin and end inside these steps, so that caches, memory and
gradients are what they are in training, and no difference of two noisy numbers is taken.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from harness.experiment.schema import TimingOptions
from harness.training.loop import Batch, clip_gradient
from harness.training.model import SequenceClassifier, loss_of
from harness.training.optimizer import Optimizer

PHASES = ("forward", "backward", "step")
"""`forward` up to the loss, `backward` of the loss, and the whole `step` with clipping and optimiser."""

PRODUCT = "sgemm"

Clock = Callable[[], float]
"""Seconds from any beginning."""


class TrainingStep:
    """One step of the training loop, always on the same batch; notes how long its parts took.

    Attributes:
        laps: seconds (forward, backward) of each call.
    """

    def __init__(
        self,
        model: SequenceClassifier,
        optimizer: Optimizer,
        batch: Batch,
        clip: float | None,
        clock: Clock | None = None,
    ):
        self.model, self.optimizer, self.batch, self.clip = model.train(), optimizer, batch, clip
        self.clock = clock or synchronized_clock
        self.laps: list[tuple[float, float]] = []

    def __call__(self) -> None:
        """Trains once."""
        x, y, lengths = self.batch
        self.optimizer.zero_grad()
        start = self.clock()
        loss = loss_of(self.model(x, lengths), y)
        middle = self.clock()
        loss.backward()
        end = self.clock()
        clip_gradient(self.optimizer.parameters, self.clip)
        self.optimizer.step()
        self.laps.append((middle - start, end - middle))


class MatrixProduct:
    """(rows × inner) times (inner × columns) into memory that is used again: the machine's own rate."""

    def __init__(self, rows: int, inner: int, columns: int, like: Tensor):
        self.a, self.b = like.new_ones(rows, inner), like.new_ones(inner, columns)
        self.out = like.new_empty(rows, columns)
        self.flops = 2 * rows * inner * columns

    def __call__(self) -> None:
        """Multiplies once."""
        torch.mm(self.a, self.b, out=self.out)


class Repeated:
    """Something to do under torch's `Timer`, so often that a visit lasts long enough."""

    def __init__(
        self, do: Callable[[], None], *, threads: int, min_seconds: float, clock: Clock | None = None
    ):
        from torch.utils.benchmark import Timer  # imports compilers' tools, which a training does not need

        self.timer = Timer("do()", globals={"do": do}, timer=clock or synchronized_clock, num_threads=threads)
        self.min_seconds = min_seconds
        self.repetitions = 1

    def warm_up(self, times: int) -> None:
        """Does it `times` times and a few more, and sets how often a visit repeats it."""
        seconds = self.timer.timeit(times).mean
        self.repetitions = max(1, math.ceil(self.min_seconds / max(seconds, 1e-9)))

    def visit(self) -> float:
        """Seconds a time, mean over the repetitions."""
        return self.timer.timeit(self.repetitions).mean


class Case:
    """What is measured of one configuration in each round."""

    def __init__(
        self,
        step: TrainingStep,
        product: MatrixProduct | None,
        options: TimingOptions,
        threads: int,
        clock: Clock | None = None,
    ):
        self.step, self.product, self.warmup = step, product, options.warmup

        def repeated(do: Callable[[], None]) -> Repeated:
            return Repeated(do, threads=threads, min_seconds=options.min_seconds, clock=clock)

        self._steps = repeated(step)
        self._products = None if product is None else repeated(product)

    @property
    def repetitions(self) -> int:
        """Training steps of a visit that count."""
        return self._steps.repetitions

    def warm_up(self) -> None:
        """Compiles, fills caches, and finds out how many steps a visit takes."""
        self._steps.warm_up(self.warmup)
        if self._products is not None:
            self._products.warm_up(self.warmup)

    def visit(self) -> dict[str, float]:
        """Seconds of each of `PHASES`, means over the visit, and of the matrix product where there is one."""
        self.step.laps.clear()
        whole = self._steps.visit()
        counted = self.step.laps[-self.repetitions :]  # the Timer begins with a few that do not count
        forward, backward = (math.fsum(lap) / len(counted) for lap in zip(*counted, strict=True))
        seconds = {"forward": forward, "backward": backward, "step": whole}
        return seconds if self._products is None else seconds | {PRODUCT: self._products.visit()}


def interleave(
    visits: Sequence[Callable[[], dict[str, float]]], rounds: int, said: Callable[[int], None] | None = None
) -> list[dict[str, list[float]]]:
    """Makes every visit once a round, in turn; `said` is called with the number of each round that ended.

    Returns:
        For each visit, by phase, one number a round.

    >>> interleave([lambda: {"step": 1.0}, lambda: {"step": 2.0}], rounds=2)
    [{'step': [1.0, 1.0]}, {'step': [2.0, 2.0]}]
    """
    measured: list[dict[str, list[float]]] = [{} for _ in visits]
    for number in range(1, rounds + 1):
        for visit, by_phase in zip(visits, measured, strict=True):
            for phase, seconds in visit().items():
                by_phase.setdefault(phase, []).append(seconds)
        if said is not None:
            said(number)
    return measured


def synchronized_clock() -> float:
    """Seconds, once a GPU has done what it was given: as the `Timer` itself reads the time."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


@contextlib.contextmanager
def onednn_off(off: bool = True) -> Iterator[None]:
    """No oneDNN on the CPU for as long as the context lasts; with `off=False` all stays as it is."""
    if not off:
        yield
        return
    with torch.backends.mkldnn.flags(enabled=False, allow_tf32=None):
        yield
