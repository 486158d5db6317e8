"""Timers of the pass: training steps with their forward and backward parts, and a plain matrix product.

Rounds are interleaved: each round visits every configuration once, so that a slow phase of the machine
affects all of them. A visit runs real training steps under torch's `Timer`. Forward and backward are not
timed in separate loops: the clock is read at their beginning and end inside these steps, so that caches,
memory and gradients are those of training, and no difference of two noisy numbers is taken.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from harness.experiment.schema import TimingOptions
from harness.training.model import SequenceClassifier
from harness.training.optimizer import Optimizer
from harness.training.step import Batch, training_step

PHASES = ("forward", "backward", "step")
"""`forward` up to the loss, `backward` from the loss, and the whole `step` with clipping and optimiser."""

PRODUCT = "sgemm"
"""The key of the matrix product beside `PHASES`."""

Clock = Callable[[], float]
"""Returns seconds since an arbitrary moment."""


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
        times: list[float] = []
        training_step(
            self.model, self.optimizer, self.batch, self.clip, on_phase=lambda: times.append(self.clock())
        )
        start, middle, end = times
        self.laps.append((middle - start, end - middle))


class MatrixProduct:
    """`torch.mm` of (rows × inner) and (inner × columns) into preallocated memory: a reference rate."""

    def __init__(self, rows: int, inner: int, columns: int, like: Tensor):
        self.a, self.b = like.new_ones(rows, inner), like.new_ones(inner, columns)
        self.out = like.new_empty(rows, columns)
        self.flops = 2 * rows * inner * columns

    def __call__(self) -> None:
        """Computes the product once."""
        torch.mm(self.a, self.b, out=self.out)


class RepeatedCall:
    """A function under torch's `Timer`, called often enough that a visit lasts `min_seconds`."""

    def __init__(
        self, function: Callable[[], None], *, threads: int, min_seconds: float, clock: Clock | None = None
    ):
        from torch.utils.benchmark import Timer  # slow to import

        self.timer = Timer(
            "function()",
            globals={"function": function},
            timer=clock or synchronized_clock,
            num_threads=threads,
        )
        self.min_seconds = min_seconds
        self.repetitions = 1

    def warm_up(self, times: int) -> None:
        """Calls the function at least `times` times, and sets the number of repetitions of a visit."""
        seconds = self.timer.timeit(times).mean
        self.repetitions = max(1, math.ceil(self.min_seconds / max(seconds, 1e-9)))

    def visit(self) -> float:
        """Seconds per call, mean over the repetitions."""
        return self.timer.timeit(self.repetitions).mean


class ConfigurationTimer:
    """Measures the training step of one configuration, and its matrix product, once per round."""

    def __init__(
        self,
        step: TrainingStep,
        product: MatrixProduct | None,
        options: TimingOptions,
        threads: int,
        clock: Clock | None = None,
        setting: Callable[[], contextlib.AbstractContextManager[None]] = contextlib.nullcontext,
    ):
        """`setting` makes a context in which everything is measured, such as `tf32_allowed`."""
        self.step, self.product, self.warmup = step, product, options.warmup
        self.setting = setting

        def repeated(function: Callable[[], None]) -> RepeatedCall:
            return RepeatedCall(function, threads=threads, min_seconds=options.min_seconds, clock=clock)

        self._steps = repeated(step)
        self._products = None if product is None else repeated(product)

    @property
    def repetitions(self) -> int:
        """Training steps that a visit measures."""
        return self._steps.repetitions

    def warm_up(self) -> None:
        """Runs the first steps, which compile and fill caches, and sets the repetitions of a visit."""
        with self.setting():
            self._steps.warm_up(self.warmup)
            if self._products is not None:
                self._products.warm_up(self.warmup)

    def visit(self) -> dict[str, float]:
        """Seconds of each of `PHASES` and of `PRODUCT` if there is one, means over the visit."""
        self.step.laps.clear()
        with self.setting():
            whole = self._steps.visit()
            product = {} if self._products is None else {PRODUCT: self._products.visit()}
        counted = self.step.laps[-self.repetitions :]  # without the warm-up calls of the Timer
        forward, backward = (math.fsum(lap) / len(counted) for lap in zip(*counted, strict=True))
        return {"forward": forward, "backward": backward, "step": whole} | product


def interleave(
    visits: Sequence[Callable[[], dict[str, float]]],
    rounds: int,
    on_round: Callable[[int], None] | None = None,
) -> list[dict[str, list[float]]]:
    """Calls every visit once per round, in the same order; `on_round` gets the number of each finished round.

    Returns:
        For each visit the seconds by phase, one number per round.

    >>> interleave([lambda: {"step": 1.0}, lambda: {"step": 2.0}], rounds=2)
    [{'step': [1.0, 1.0]}, {'step': [2.0, 2.0]}]
    """
    measured: list[dict[str, list[float]]] = [{} for _ in visits]
    for number in range(1, rounds + 1):
        for visit, by_phase in zip(visits, measured, strict=True):
            for phase, seconds in visit().items():
                by_phase.setdefault(phase, []).append(seconds)
        if on_round is not None:
            on_round(number)
    return measured


def synchronized_clock() -> float:
    """Seconds, after the GPU has finished its queue, as the `Timer` itself reads the clock."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


@contextlib.contextmanager
def onednn_off(off: bool = True) -> Iterator[None]:
    """Disables oneDNN on the CPU inside the context; `off=False` changes nothing."""
    if not off:
        yield
        return
    with torch.backends.mkldnn.flags(enabled=False, allow_tf32=None):
        yield
