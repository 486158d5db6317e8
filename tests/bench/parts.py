"""The parts of the bench: each is a function from the number of pairs to rows."""

from __future__ import annotations

import itertools
import multiprocessing
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from statistics import mean
from typing import Any

import numpy as np

from .contenders import CELLS, CONTENDERS, PRODUCTS, Shape, product_flops
from .gradflow_cost import training_seconds
from .grid_cost import gather_seconds, skip_seconds
from .pairs import Contender, alternate
from .rows import Row, row_of
from .whole_grid import GRIDS, ROOT, Outcome, by_harness, by_tutorial, data_source, starting_seconds

SECONDS = 0.3
"""Shortest duration of one measurement of a step."""

SHAPES = [
    Shape(cell, T, H, B, D)
    for (T, B, D), H, cell in itertools.product(
        ((28, 128, 28), (196, 100, 4), (784, 100, 1)), (32, 128, 256), CELLS
    )
]

ENDS = [
    Shape(cell, T, H, B, 28)
    for (T, H, B), cell in itertools.product(
        ((28, 512, 32), (28, 128, 8), (28, 128, 1), (50, 1024, 32)), CELLS
    )
]
"""Small batches and large cells, where the fused loops gain least."""

TARGETS = {
    (28, 128): {"rnn": 1.6, "gru": 1.5, "lstm": 1.0},
    (784, 128): {"rnn": 2.7, "gru": 2.2, "lstm": 2.2},
    (784, 32): {"rnn": 4.0, "gru": 2.8, "lstm": 1.0},
}
"""Least ratio of a plain step to a fused one, by (T, H); 0.95 for other shapes."""


def steps(pairs: int) -> Iterator[Row]:
    """a) One training step: plain torch.nn over each kernel; GFLOP/s over torch's and NumPy's SGEMM."""
    contenders = [Contender(name) for name in (*CONTENDERS, *PRODUCTS)]
    for shape in SHAPES:
        about = _about(shape, "steps")
        taken = alternate(contenders, shape, pairs=pairs, at_least=SECONDS)
        plain, products = taken["plain"], {text: taken.pop(name) for name, text in PRODUCTS.items()}
        for name in ("torch", "fused"):
            target = None
            if name == "fused":
                target = TARGETS.get((shape.T, shape.H), {}).get(shape.cell, 0.95)
            ratios = [a / b for a, b in zip(plain, taken[name], strict=True)]
            yield row_of(ratios, what=f"plain / {name}", unit="ratio", at_least=target, **about)
        for name, seconds in taken.items():
            yield row_of([1000 * s for s in seconds], what=f"{name} step", unit="ms", **about)
        rates = [shape.flops / seconds / 1e9 for seconds in taken["fused"]]
        yield row_of(rates, what="fused", unit="GFLOP/s", **about)
        wanted = 0.6 if shape.T == 784 and shape.H >= 128 and shape.cell != "lstm" else None
        for text, seconds in products.items():
            own = [product_flops(shape) / each / 1e9 for each in seconds]
            shares = [rate / machine for rate, machine in zip(rates, own, strict=True)]
            yield row_of(own, what=text, unit="GFLOP/s", **about)
            yield row_of(shares, what=f"fused / {text}", unit="ratio", at_least=wanted, **about)
    for contender in contenders:
        contender.close()


def ends(pairs: int) -> Iterator[Row]:
    """Small batches and large cells: plain torch.nn over kernel=auto and over kernel=fused."""
    contenders = [Contender("plain"), Contender("auto"), Contender("fused")]
    for shape in ENDS:
        taken = alternate(contenders, shape, pairs=pairs, at_least=SECONDS)
        about = _about(shape, "ends")
        for name, least in (("auto", 0.95), ("fused", None)):
            ratios = [a / b for a, b in zip(taken["plain"], taken[name], strict=True)]
            yield row_of(ratios, what=f"plain / {name}", unit="ratio", at_least=least, **about)
    for contender in contenders:
        contender.close()


def whole_grids(pairs: int) -> Iterator[Row]:
    """b) A whole grid: one tutorial script per configuration over the harness.

    The script runs one process after another, each with torch's default number of threads; its time with one
    thread and its start-up time are rows of their own. The harness runs one configuration per core.
    """
    source = data_source()
    for grid, least in zip(GRIDS, (3.0, 5.0), strict=True):
        about = {"part": "grids", "T": grid.seq_len}
        where = f"{grid.name}, {source}, {grid.n_train} digits, {grid.steps} steps"
        by_harness(grid)  # compiles the loops, once per machine
        by_tutorial(grid.smallest())  # fills the disk cache
        outcomes: dict[str, list[Outcome]] = {"tutorial": [], "harness": []}
        sides = (("tutorial", by_tutorial), ("harness", by_harness))
        for number in range(pairs):
            for name, run in sides if number % 2 == 0 else sides[::-1]:
                outcomes[name].append(run(grid))
        plain, ours = outcomes["tutorial"], outcomes["harness"]
        ratios = [a.seconds / b.seconds for a, b in zip(plain, ours, strict=True)]
        yield row_of(ratios, what=f"{where}: tutorial / harness", unit="ratio", at_least=least, **about)
        for name, taken in outcomes.items():
            yield row_of([o.seconds for o in taken], what=f"{where}: {name}", unit="s", **about)
        starting = [starting_seconds() for _ in range(pairs)]
        yield row_of(starting, what="starting one tutorial: its imports alone", unit="s", **about)
        if grid.seq_len < 100:  # with one pixel per step it would take longer than all other parts
            alone = by_tutorial(grid, threads=1)
            yield row_of([alone.seconds], what=f"{where}: tutorial, one thread", unit="s", **about)
        for cell, hidden_size in itertools.product(grid.cells, grid.hidden_sizes):
            for name, taken in outcomes.items():
                scores = [taken[0].accuracies[cell, hidden_size, seed] for seed in grid.seeds]
                yield Row(
                    what=f"{where}: {name}, mean test accuracy", cell=cell, H=hidden_size,
                    value=mean(scores), n=len(scores), unit="share", **about,
                )  # fmt: skip


def gradflow(pairs: int) -> Iterator[Row]:
    """c) Trainings with the gradient flow over trainings without; three times as many pairs of short ones."""
    for cell, T in itertools.product(CELLS, (28, 196, 784)):
        ratios = _training_ratios(cell, T, pairs if T > 196 else 3 * pairs)
        yield row_of(
            ratios, what="gradient flow on / off, a training", part="gradflow", cell=cell, T=T, H=128,
            unit="ratio", at_most=1.05,
        )  # fmt: skip


def measuring(pairs: int) -> Iterator[Row]:
    """c) Steps with norms over steps without; steps that return freed memory over steps that keep it."""
    contenders = [Contender("fused", clip=False), Contender("fused", norms=False)]
    contenders[1].name = "without"
    for shape in (shape for shape in SHAPES if shape.H == 128):
        timed = alternate(contenders, shape, pairs=pairs, at_least=SECONDS)
        ratios = [a / b for a, b in zip(timed["fused"], timed["without"], strict=True)]
        about = _about(shape, "measuring")
        yield row_of(ratios, what="norms on / off, a step", unit="ratio", at_most=1.05, **about)
    for contender in contenders:
        contender.close()
    yield from _memory(pairs)


def _training_ratios(cell: str, T: int, pairs: int) -> list[float]:
    """Seconds of a training with gradient flow over one without, in a separate process."""
    ratios = []
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        pool.submit(training_seconds, cell, T, gradflow=True).result()  # compiles
        for number in range(pairs):
            order = (True, False) if number % 2 else (False, True)
            taken = {on: pool.submit(training_seconds, cell, T, gradflow=on).result() for on in order}
            ratios.append(taken[True] / taken[False])
    return ratios


def _memory(pairs: int) -> Iterator[Row]:
    """Gain and cost of keeping freed memory in the process."""
    for cell in CELLS:
        shape = Shape(cell, 784, 128, 100, 1)
        contenders = [Contender("fused"), Contender("returning")]
        taken = alternate(contenders, shape, pairs=pairs, at_least=SECONDS)
        ratios = [a / b for a, b in zip(taken["returning"], taken["fused"], strict=True)]
        about = _about(shape, "measuring")
        yield row_of(ratios, what="freed memory given back / kept, a step", unit="ratio", **about)
        kept, given_back = (contender.peak_mib() for contender in contenders)
        yield Row(what="peak memory, freed memory kept", value=kept, unit="MiB", **about)
        yield Row(what="peak memory, freed memory given back", value=given_back, unit="MiB", **about)
        for contender in contenders:
            contender.close()


def _about(shape: Shape, part: str) -> dict[str, Any]:
    return {"part": part, "cell": shape.cell, "T": shape.T, "H": shape.H, "B": shape.B}


def scaling(pairs: int) -> Iterator[Row]:
    """d) Slopes on log-log axes: seconds of a fused step against T and H, of a grid against its runs."""
    contender = Contender("fused")
    for cell in CELLS:
        along = {
            "T": [Shape(cell, T, 128, 100, 1) for T in (98, 196, 392, 784)],
            "H": [Shape(cell, 196, H, 100, 1) for H in (32, 64, 128, 256)],
        }
        for axis, shapes in along.items():
            sizes, slopes = [getattr(shape, axis) for shape in shapes], []
            for number in range(pairs):
                seconds = {}
                for shape in shapes if number % 2 == 0 else shapes[::-1]:
                    contender.ready(shape)
                    seconds[shape] = contender.seconds(SECONDS)
                slopes.append(slope(sizes, [seconds[shape] for shape in shapes]))
            limit = 1.05 if axis == "T" else None
            yield row_of(
                slopes, what=f"seconds against {axis}", part="scaling", cell=cell, unit="slope", at_most=limit
            )
    contender.close()
    counts = (8, 16, 32)
    rounds = [[grid_seconds(count) for count in counts] for _ in range(pairs)]
    for count, taken in zip(counts, zip(*rounds, strict=True), strict=True):
        yield row_of(taken, part="scaling", what=f"a grid of {count} runs", unit="s")
    slopes = [slope(counts, taken) for taken in rounds]
    yield row_of(slopes, part="scaling", what="seconds against runs, starting included", unit="slope")
    further = [(taken[-1] - taken[0]) / (counts[-1] - counts[0]) for taken in rounds]
    yield row_of(further, part="scaling", what="a further run", unit="s")


def slope(sizes: Sequence[int], seconds: Sequence[float]) -> float:
    """Slope of the least-squares line through the logarithms."""
    return float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0])


def grid_seconds(count: int) -> float:
    """Seconds of a whole grid of `count` runs of 100 steps."""
    with tempfile.TemporaryDirectory() as folder:
        command = [
            sys.executable, "-m", "harness", "-m", "task=adding", "task.seq_len=50", "task.n_train=2000",
            "cell=gru", "cell.hidden_size=64", "train.steps=100", f"seed=range(1,{count + 1})",
            f"results_dir={folder}",
        ]  # fmt: skip
        start = time.perf_counter()
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
        return time.perf_counter() - start


def tables(pairs: int) -> Iterator[Row]:
    """e) Seconds of skipping 500 finished runs, and of gathering and summarising 10,000 rows."""
    yield row_of(
        [skip_seconds(500) for _ in range(pairs)],
        what="500 finished runs skipped", part="tables", unit="s", at_most=15.0,
    )  # fmt: skip
    gathered, summed, reported = zip(*[gather_seconds(10_000) for _ in range(pairs)], strict=True)
    yield row_of(gathered, what="10,000 rows gathered", part="tables", unit="s", at_most=10.0)
    yield row_of(summed, what="their summary", part="tables", unit="s", at_most=30.0)
    yield row_of(reported, what="harness report on them, figures and all", part="tables", unit="s")


PARTS = {
    "steps": steps,
    "ends": ends,
    "gradflow": gradflow,
    "measuring": measuring,
    "scaling": scaling,
    "tables": tables,
    "grids": whole_grids,
}
