"""How often intervals of a mean accuracy cover it; `python -m tests.results.coverage` prints the table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from harness.results import accuracy_interval

SEEDS = (3, 5, 10)
TEST_SAMPLES = 1000


@dataclass(frozen=True)
class Outcome:
    """How the accuracies of a cell, measured without error, are spread over its seeds."""

    name: str
    draw: Callable[[np.random.Generator, int], np.ndarray]
    mean: float


OUTCOMES = (
    Outcome("normal, 95 ± 1 %", lambda rng, n: rng.normal(0.95, 0.01, n), 0.95),
    Outcome("normal, 70 ± 5 %", lambda rng, n: rng.normal(0.70, 0.05, n), 0.70),
    Outcome("skewed, Beta(5, 2)", lambda rng, n: rng.beta(5, 2, n), 5 / 7),
    Outcome("very skewed, Beta(9, 1)", lambda rng, n: rng.beta(9, 1, n), 0.9),
    Outcome("26 or 100 %, one half each", lambda rng, n: np.where(rng.random(n) < 0.5, 0.26, 1.0), 0.63),
    Outcome("26 or 100 %, one in ten 26", lambda rng, n: np.where(rng.random(n) < 0.1, 0.26, 1.0), 0.926),
)


def coverage(outcome: Outcome, n: int, shared: bool, samples: int, seed: int = 0) -> tuple[float, float]:
    """Share of intervals that cover the mean, of those that are given, and the share that is given.

    Args:
        outcome: of the seeds.
        n: number of seeds.
        shared: whether all seeds are measured on the same `TEST_SAMPLES` samples, whose error they then share
            wholly (the worst case); else each has its own.
        samples: number of simulated experiments.
        seed: of the simulation.
    """
    rng = np.random.default_rng(seed)
    covered = given = 0
    for _ in range(samples):
        true = np.clip(outcome.draw(rng, n), 0, 1)
        if shared:
            error = rng.normal() * np.sqrt(outcome.mean * (1 - outcome.mean) / TEST_SAMPLES)
            measured = np.clip(true + error, 0, 1)
        else:
            measured = rng.binomial(TEST_SAMPLES, true) / TEST_SAMPLES
        low, high = accuracy_interval(measured, TEST_SAMPLES * (1 if shared else n))
        if not np.isnan(low):
            given += 1
            covered += low <= outcome.mean <= high
    return covered / max(1, given), given / samples


def main(samples: int = 10_000) -> None:
    print("| seeds' accuracies | test set | n = 3 | n = 5 | n = 10 |\n| --- | --- | --- | --- | --- |")
    for outcome in OUTCOMES:
        for shared in (False, True):
            cells = []
            for n in SEEDS:
                covered, given = coverage(outcome, n, shared, samples)
                of = "" if given > 0.995 else f" of the {100 * given:.0f} % given"
                cells.append(f"{100 * covered:.0f} %{of}")
            print(f"| {outcome.name} | {'shared' if shared else 'own'} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
