"""Parity: is the number of ones odd? One bit of memory does it, and no step may be missed."""

from __future__ import annotations

from collections.abc import Iterable

from harness.tasks.common.arguments import split_sizes, whole_number
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
    """Says whether the number of ones is even (class 0) or odd (class 1): the xor of all bits.

        1 0 1 0 1 0 0  ->  3 ones  ->  class 1        0 1 1 1 1  ->  4 ones  ->  class 0

    One variant, `bits`: independent fair bits.

    Splits: no two share a sequence. There are 2^T, so 1,024 at T = 10; an error says when they are fewer
    than 2 (n_val + n_test), which with the default sizes is below T = 13, or when all of one class are held
    out. Within a split a sequence may come twice.

    Baseline: from T = 2 on the last bit says nothing about the parity, as the first bit alone makes
    both classes equally likely: a loss of ln 2, chance 1/2. Solved: an accuracy of 0.99.

    Args:
        seq_len: steps T, at least 2.
        n_train, n_val, n_test: sequences in each split.
        seed: of the samples; each split has a stream of its own.
        fresh: new training samples in each pass, never those of validation or test.

    Returns:
        x (N, T) int64 bits; y (N,) int64, 0 or 1.

    Raises:
        ValueError: an argument is outside its range, or there are too few sequences of this length.

    Source: Delétang et al. 2023, ICLR, arXiv 2207.02098, parity check.
    """
    seq_len = whole_number("seq_len", seq_len, low=2)
    sizes = split_sizes(n_train, n_val, n_test)
    seed = whole_number("seed", seed, low=0, high=None)
    spec = sum_spec(
        name="parity",
        variant="bits",
        seq_len=seq_len,
        modulus=2,
        citation="Delétang et al. 2023, ICLR, arXiv 2207.02098, parity check",
    )
    return Task(spec, sum_splits(seed=seed, sizes=sizes, seq_len=seq_len, modulus=2), fresh)


def parity_of(bits: Iterable[int]) -> int:
    """The label of one sequence.

    >>> parity_of([1, 0, 1, 0, 1, 0, 0])
    1
    >>> parity_of([0, 1, 1, 1, 1])
    0
    """
    return sum_of(bits, 2)
