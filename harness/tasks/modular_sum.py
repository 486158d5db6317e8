"""Modular sum: all the digits added up, modulo k. Every step counts, and their order does not."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import numpy as np
import torch

from harness.tasks.common.arguments import split_sizes, whole_number
from harness.tasks.common.disjoint import check_space, splits_apart
from harness.tasks.common.random_streams import whole
from harness.tasks.task import Split, Task, TaskSpec, full_lengths


def make_modular_sum(
    *,
    seq_len: int = 100,
    modulus: int = 5,
    n_train: int = 10_000,
    n_val: int = 1_000,
    n_test: int = 2_000,
    seed: int = 0,
    fresh: bool = False,
) -> Task:
    """Adds up the digits modulo k.

    With k = 5, digits are 0 to 4:

        3 4 1 0  ->  8 mod 5  ->  class 3        2 2 2 2 2  ->  10 mod 5  ->  class 0

    Variants: `mod-k`, by `modulus`. Digits are independent and uniform. The source mixes +, − and × into
    its modular arithmetic; here every operator is a + and is left out.

    Splits: no two share a sequence. There are k^T, so 5⁴ = 625 at T = 4; an error says when they are fewer
    than 2 (n_val + n_test), or when all of one class are held out. Within a split a sequence may come twice.

    Baseline: from T = 2 on the last digit says nothing about the sum, as each other digit makes every
    class equally likely: a loss of ln k, chance 1/k. Solved: an accuracy of 0.99. It is hard for its length:
    with seq_len=6 and the other defaults, Adam at a learning rate of 0.01 takes an LSTM or GRU of 64 units
    there within 2,500 steps of 100 sequences (three seeds of each); with 8 digits an LSTM stayed at chance.

    Args:
        seq_len: steps T, at least 2.
        modulus: k, digits and classes, at least 2.
        n_train, n_val, n_test: sequences in each split.
        seed: of the samples; each split has a stream of its own.
        fresh: new training samples in each pass, never those of validation or test.

    Returns:
        x (N, T) int64 digits below k; y (N,) int64 below k.

    Raises:
        ValueError: an argument is outside its range, or there are too few sequences of this length.

    Source: after Delétang et al. 2023, ICLR, arXiv 2207.02098, modular arithmetic (simple).
    """
    seq_len = whole_number("seq_len", seq_len, low=2)
    modulus = whole_number("modulus", modulus, low=2)
    sizes = split_sizes(n_train, n_val, n_test)
    seed = whole_number("seed", seed, low=0, high=None)
    spec = sum_spec(
        name="modular_sum",
        variant=f"mod-{modulus}",
        seq_len=seq_len,
        modulus=modulus,
        citation="after Delétang et al. 2023, arXiv 2207.02098, modular arithmetic with + alone",
    )
    return Task(spec, sum_splits(seed=seed, sizes=sizes, seq_len=seq_len, modulus=modulus), fresh)


def sum_of(digits: Iterable[int], modulus: int) -> int:
    """The label of one sequence.

    >>> sum_of([3, 4, 1, 0], 5)
    3
    >>> sum_of([2, 2, 2, 2, 2], 5)
    0
    """
    return sum(digits) % modulus


def sum_spec(*, name: str, variant: str, seq_len: int, modulus: int, citation: str) -> TaskSpec:
    """The spec of a modular sum; parity is the one with modulus 2."""
    return TaskSpec(
        name=name,
        variant=variant,
        target="class",
        seq_len=seq_len,
        vocab_size=modulus,
        num_classes=modulus,
        chance_accuracy=1 / modulus,
        memoryless_loss=math.log(modulus),
        solved_accuracy=0.99,
        data_source="generated",
        citation=citation,
    )


def sum_splits(
    *, seed: int, sizes: dict[str, int], seq_len: int, modulus: int
) -> Callable[[str, int], Split]:
    """What makes the splits; no two of them share a sequence."""

    check_space(seq_len, modulus, sizes)

    def draw(rng: np.random.RandomState, n: int) -> Split:
        x_NT = whole(rng, 0, modulus, n, seq_len)
        y = x_NT.sum(axis=1) % modulus
        return Split(torch.from_numpy(x_NT), torch.from_numpy(y), full_lengths(n, seq_len))

    return splits_apart(draw, seed=seed, sizes=sizes)
