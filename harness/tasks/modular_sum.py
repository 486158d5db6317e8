"""Modular sum: the sum of all digits modulo k. Every step matters, their order does not."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable

import numpy as np
import torch

from harness.tasks.common.arguments import split_sizes, whole_number
from harness.tasks.common.disjoint import checked_length, disjoint_splits
from harness.tasks.common.predictors import equal_classes
from harness.tasks.common.random_streams import uniform_integers
from harness.tasks.task import MakeSplit, Split, Task, TaskSpec, full_lengths


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
    """The class is the sum of the digits modulo k.

    With k = 5, digits are 0 to 4:

        3 4 1 0  ->  8 mod 5  ->  class 3        2 2 2 2 2  ->  10 mod 5  ->  class 0

    Variants: `mod-k`, by `modulus`. Digits are independent and uniform. The source's modular arithmetic has
    the operators +, − and ×; here every operator is + and is left out.

    Splits: no two share a sequence. There are k^T, so 5⁴ = 625 at T = 4; fewer than 2 (n_val + n_test) are
    an error, as is a class whose sequences are all held out. Within a split a sequence may occur twice.

    Baseline: from T = 2 on the last digit is independent of the sum, since each other digit makes every
    class equally likely: a loss of ln k, chance 1/k. Solved: an accuracy of 0.99. It is hard for its length:
    with seq_len=6 and the other defaults, an LSTM or GRU of 64 units, trained by Adam at a learning rate of
    0.01, solves it within 2,500 steps of 100 sequences (three seeds each); with 8 digits an LSTM stayed at
    chance.

    Args:
        seq_len: number of steps T, at least 2.
        modulus: number k of digits and of classes, at least 2.
        n_train, n_val, n_test: number of sequences in each split.
        seed: seed of the samples; each split has its own random stream.
        fresh: new training samples in each epoch.

    Returns:
        x (N, T) int64 digits below k; y (N,) int64 below k.

    Raises:
        ValueError: an argument is outside its range, or there are too few samples for the splits.

    Source: after Delétang et al. 2023, ICLR, arXiv 2207.02098, modular arithmetic (simple).
    """
    modulus = whole_number("modulus", modulus, low=2)
    seq_len = checked_length(seq_len, low=2, symbols=modulus, n_val=n_val, n_test=n_test)
    sizes = split_sizes(n_train, n_val, n_test, sample_bytes=8 * seq_len)
    seed = whole_number("seed", seed, low=0, high=None)
    spec = sum_spec(
        name="modular_sum",
        variant=f"mod-{modulus}",
        seq_len=seq_len,
        modulus=modulus,
        citation="after Delétang et al. 2023, arXiv 2207.02098, modular arithmetic with + alone",
    )
    splits = sum_splits(seed=seed, sizes=sizes, seq_len=seq_len, modulus=modulus)
    return Task(spec, splits, fresh, baselines=equal_classes(modulus))


def sum_of(digits: Iterable[int], modulus: int) -> int:
    """The label of one sequence.

    >>> sum_of([3, 4, 1, 0], 5)
    3
    >>> sum_of([2, 2, 2, 2, 2], 5)
    0
    """
    return sum(digits) % modulus


def sum_spec(*, name: str, variant: str, seq_len: int, modulus: int, citation: str) -> TaskSpec:
    """The spec of a modular sum; parity is the modular sum with modulus 2."""
    return TaskSpec(
        name=name,
        variant=variant,
        target="class",
        seq_len=seq_len,
        lag=(0, seq_len - 1),
        vocab_size=modulus,
        num_classes=modulus,
        chance_accuracy=1 / modulus,
        memoryless_loss=math.log(modulus),
        solved_accuracy=0.99,
        data_source="generated",
        citation=citation,
    )


def sum_splits(*, seed: int, sizes: dict[str, int], seq_len: int, modulus: int) -> MakeSplit:
    """Disjoint splits of a modular sum, whose length `checked_length` has checked."""
    draw = functools.partial(_draw, seq_len=seq_len, modulus=modulus)
    return disjoint_splits(draw, seed=seed, sizes=sizes)


def _draw(rng: np.random.RandomState, n: int, *, seq_len: int, modulus: int) -> Split:
    x_NT = uniform_integers(rng, 0, modulus, n, seq_len)
    y = x_NT.sum(axis=1) % modulus
    return Split(torch.from_numpy(x_NT), torch.from_numpy(y), full_lengths(n, seq_len))
