"""Parity: is the number of ones odd? One bit of memory is enough, but every step matters."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from harness.tasks.common.arguments import split_sizes, whole_number
from harness.tasks.common.disjoint import checked_length
from harness.tasks.common.predictors import equal_classes
from harness.tasks.modular_sum import sum_of, sum_spec, sum_splits
from harness.tasks.task import Task


def make_parity(
    *,
    seq_len: int = 100,
    n_train: int = 10_000,
    n_val: int = 1_000,
    n_test: int = 2_000,
    seed: int = 0,
    fresh: bool = False,
) -> Task:
    """The class is 0 if the number of ones is even and 1 if it is odd: the xor of all bits.

        1 0 1 0 1 0 0  ->  3 ones  ->  class 1        0 1 1 1 1  ->  4 ones  ->  class 0

    One variant, `bits`: independent fair bits.

    Splits: no two share a sequence. There are 2^T, so 1,024 at T = 10; fewer than 2 (n_val + n_test), with
    the default sizes below T = 13, are an error, as is a class whose sequences are all held out. Within a
    split a sequence may occur twice.

    Baseline: from T = 2 on the last bit is independent of the parity, since the first bit alone makes both
    classes equally likely: a loss of ln 2, chance 1/2. Solved: an accuracy of 0.99.

    Args:
        seq_len: number of steps T, at least 2.
        n_train, n_val, n_test: number of sequences in each split.
        seed: seed of the samples; each split has its own random stream.
        fresh: new training samples in each epoch.

    Returns:
        x (N, T) int64 bits; y (N,) int64, 0 or 1.

    Raises:
        ValueError: an argument is outside its range, or there are too few samples for the splits.

    Source: Delétang et al. 2023, ICLR, arXiv 2207.02098, parity check.
    """
    seq_len = checked_length(seq_len, low=2, symbols=2, n_val=n_val, n_test=n_test)
    sizes = split_sizes(n_train, n_val, n_test, sample_bytes=8 * seq_len)
    seed = whole_number("seed", seed, low=0, high=None)
    spec = sum_spec(
        name="parity",
        variant="bits",
        seq_len=seq_len,
        modulus=2,
        citation="Delétang et al. 2023, ICLR, arXiv 2207.02098, parity check",
    )
    splits = sum_splits(seed=seed, sizes=sizes, seq_len=seq_len, modulus=2)
    spec = dataclasses.replace(spec, class_names=("even", "odd"))
    return Task(spec, splits, fresh, baselines=equal_classes(2))


def parity_of(bits: Iterable[int]) -> int:
    """The label of one sequence.

    >>> parity_of([1, 0, 1, 0, 1, 0, 0])
    1
    >>> parity_of([0, 1, 1, 1, 1])
    0
    """
    return sum_of(bits, 2)
