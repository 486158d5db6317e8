"""How often intervals of means cover them; `python -m tests.results.coverage` prints the tables."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from harness.results import accuracy_interval, interquartile_mean, stratified_interval

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


POOLED = ((6, 2), (4, 3), (10, 3), (4, 5), (12, 5))
"""Places and seeds in each."""


def pooled_coverage(places: int, n: int, skewed: bool, samples: int, seed: int = 0) -> float:
    """Share of intervals of an interquartile mean that cover it; places lie evenly from 0.2 to 0.9.

    Args:
        places: tasks and settings.
        n: seeds of each.
        skewed: whether seeds fall below a best value by an exponential of mean 0.05, else normally by 0.05.
        samples: number of simulated experiments.
        seed: of the simulation.
    """
    rng = np.random.default_rng(seed)
    middles = np.linspace(0.2, 0.9, places)[:, None]

    def draw() -> np.ndarray:
        spread = 0.05 - rng.exponential(0.05, (places, n)) if skewed else rng.normal(0, 0.05, (places, n))
        return middles + spread

    truth = float(np.mean([interquartile_mean(draw().ravel()) for _ in range(20_000)]))
    found = (stratified_interval(list(draw()), samples=500) for _ in range(samples))
    return float(np.mean([low <= truth <= high for low, high in found]))


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
    print("\n| interquartile mean of | normal | skewed |\n| --- | --- | --- |")
    for places, n in POOLED:
        shares = (pooled_coverage(places, n, skewed, samples // 5) for skewed in (False, True))
        print(f"| {places} places, {n} seeds | {' | '.join(f'{100 * share:.0f} %' for share in shares)} |")


if __name__ == "__main__":
    main()
