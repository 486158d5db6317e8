"""A whole grid by one command of the harness, and by one process of a tutorial script per run."""

from __future__ import annotations

import dataclasses
import itertools
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from harness.results import load_runs
from harness.tasks import Split, load_mnist

ROOT = Path(__file__).resolve().parents[2]
BATCH_SIZE = 100


@dataclass(frozen=True)
class Grid:
    """3 cells × 2 hidden sizes × 2 seeds over the same digits."""

    name: str
    seq_len: int
    n_train: int
    epochs: int
    cells: tuple[str, ...] = ("rnn", "lstm", "gru")
    hidden_sizes: tuple[int, ...] = (32, 128)
    seeds: tuple[int, ...] = (1, 2)

    def configurations(self) -> list[tuple[str, int, int]]:
        """(cell, hidden size, seed) of each run."""
        return list(itertools.product(self.cells, self.hidden_sizes, self.seeds))

    @property
    def steps(self) -> int:
        """Training steps of a run."""
        return self.epochs * -(-self.n_train // BATCH_SIZE)

    def smallest(self) -> Grid:
        """Its first configuration only, on one batch."""
        return dataclasses.replace(
            self, n_train=BATCH_SIZE, epochs=1, cells=self.cells[:1], hidden_sizes=self.hidden_sizes[:1],
            seeds=self.seeds[:1],
        )  # fmt: skip


GRIDS = (
    Grid("rows", seq_len=28, n_train=3500, epochs=8),
    Grid("pixels", seq_len=784, n_train=1000, epochs=2),
)


@dataclass(frozen=True)
class Outcome:
    """Seconds of the whole grid, and the test accuracy of each run."""

    seconds: float
    accuracies: dict[tuple[str, int, int], float]


def by_tutorial(grid: Grid, threads: int | None = None) -> Outcome:
    """One process after another, as in a shell loop, with torch's default number of threads or `threads`."""
    accuracies = {}
    with tempfile.TemporaryDirectory() as folder:
        for seed in grid.seeds:
            _write_digits(Path(folder) / f"{seed}.npz", grid, seed)
        start = time.perf_counter()
        for cell, hidden_size, seed in grid.configurations():
            numbers = map(str, (hidden_size, seed, grid.epochs, BATCH_SIZE, grid.seq_len))
            script = [str(Path(__file__).with_name("tutorial.py")), str(Path(folder) / f"{seed}.npz"), cell]
            accuracies[cell, hidden_size, seed] = float(_run([*script, *numbers], threads))
        return Outcome(time.perf_counter() - start, accuracies)


def by_harness(grid: Grid) -> Outcome:
    """One `harness -m` into an empty folder, with its tables and figures."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        _run(
            [
                "-m", "harness", "-m", "task=mnist", f"task.seq_len={grid.seq_len}",
                f"task.n_train={grid.n_train}", f"cell={','.join(grid.cells)}",
                f"cell.hidden_size={','.join(map(str, grid.hidden_sizes))}",
                f"seed={','.join(map(str, grid.seeds))}", f"train.epochs={grid.epochs}",
                f"train.batch_size={BATCH_SIZE}",
                f"results_dir={folder}",
            ]
        )  # fmt: skip
        seconds = time.perf_counter() - start
        rows = load_runs(folder)
    keys = zip(rows["cell"], rows["hidden_size"], rows["seed"], strict=True)
    return Outcome(seconds, dict(zip(keys, rows["test_accuracy"], strict=True)))


def data_source() -> str:
    """The source of the digits that both sides read."""
    return load_mnist().spec.data_source


def _write_digits(path: Path, grid: Grid, seed: int) -> None:
    """Writes the samples that the harness trains and tests on, as images."""
    task = load_mnist(n_train=grid.n_train, seed=seed)

    def images(split: Split) -> np.ndarray:
        return (split.x * 255).round().to(torch.uint8).view(-1, 28, 28).numpy()

    np.savez(
        path,
        train_x=images(task.train), train_y=task.train.y.numpy(),
        test_x=images(task.test), test_y=task.test.y.numpy(),
    )  # fmt: skip


def starting_seconds() -> float:
    """Seconds of a process that only imports what the tutorial imports."""
    start = time.perf_counter()
    _run(["-c", "import numpy, torch, torch.nn, torch.utils.data, PIL.Image, torchvision.transforms"])
    return time.perf_counter() - start


def _run(arguments: list[str], threads: int | None = None) -> str:
    limit = {"OMP_NUM_THREADS": str(threads)} if threads else {}
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=os.environ | limit,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(arguments)} failed: {done.stderr[-2000:]}")
    return done.stdout
