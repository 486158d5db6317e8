"""Majority: which symbol is the most frequent? It takes one counter per symbol."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import numpy as np
import torch

from harness.tasks.common.arguments import split_sizes, whole_number
from harness.tasks.common.disjoint import checked_length, disjoint_splits
from harness.tasks.common.predictors import by_token
from harness.tasks.common.random_streams import uniform_integers
from harness.tasks.task import Baselines, Split, Task, TaskSpec, full_lengths

CHUNK_VALUES = 2**17
"""Symbols counted at a time, to bound the memory of the counts."""


def make_majority(
    *,
    seq_len: int = 100,
    num_classes: int = 4,
    n_train: int = 10_000,
    n_val: int = 1_000,
    n_test: int = 2_000,
    seed: int = 0,
    fresh: bool = False,
) -> Task:
    """The class is the most frequent symbol; there are no ties for it.

        2 0 2 1 2  ->  2 occurs 3 times  ->  class 2        1 1 0 0 1 3  ->  class 1

    Variants: `iid-K`, by `num_classes`. Symbols are independent and uniform; a sequence with a tie for the
    most frequent symbol is drawn again. All symbols are treated alike, so every class is equally likely.
    Most margins are small, about √T: nearly every step has to be counted.

    Splits: no two share a sequence. There are K^T, ties included; fewer than 2 (n_val + n_test) are an
    error. Within a split a sequence may occur twice.

    Baseline: chance is 1/K. The last symbol is the most frequent one with probability p, the mean share of
    the most frequent symbol, and otherwise each other symbol is equally likely; so without memory the loss
    is −p ln p − (1 − p) ln((1 − p)/(K − 1)), slightly below ln K (T = 100, K = 4: 1.379, ln 4 is 1.386). p
    is computed, see `last_is_majority`. Solved: an accuracy of 0.99.

    Args:
        seq_len: number of steps T, at least 3 and at least `num_classes`.
        num_classes: number of symbols K, at least 2.
        n_train, n_val, n_test: number of sequences in each split.
        seed: seed of the samples; each split has its own random stream.
        fresh: new training samples in each epoch.

    Returns:
        x (N, T) int64 symbols below K; y (N,) int64 below K.

    Raises:
        ValueError: an argument is outside its range, or there are too few samples for the splits.

    Source: after Weiss, Goldberg & Yahav 2021, ICML, arXiv 2106.06981, most-freq: here only the most
    frequent one.
    """
    num_classes = whole_number("num_classes", num_classes, low=2)
    seq_len = checked_length(
        seq_len, low=max(3, num_classes), symbols=num_classes, n_val=n_val, n_test=n_test
    )
    sizes = split_sizes(n_train, n_val, n_test, sample_bytes=8 * seq_len)
    seed = whole_number("seed", seed, low=0, high=None)
    last_right = last_is_majority(seq_len, num_classes)
    spec = TaskSpec(
        name="majority",
        variant=f"iid-{num_classes}",
        target="class",
        seq_len=seq_len,
        lag=(0, seq_len - 1),
        vocab_size=num_classes,
        num_classes=num_classes,
        chance_accuracy=1 / num_classes,
        memoryless_loss=_memoryless_loss(last_right, num_classes),
        solved_accuracy=0.99,
        data_source="generated",
        citation="after Weiss, Goldberg & Yahav 2021, ICML, arXiv 2106.06981, most-freq",
    )

    draw = functools.partial(_draw, seq_len=seq_len, num_classes=num_classes)
    splits = disjoint_splits(draw, seed=seed, sizes=sizes)
    return Task(spec, splits, fresh, baselines=_given_last(last_right, num_classes))


def majority_of(symbols: Sequence[int]) -> int:
    """The label of one sequence.

    >>> majority_of([2, 0, 2, 1, 2])
    2
    >>> majority_of([1, 1, 0, 0, 1, 3])
    1
    """
    return max(set(symbols), key=symbols.count)


def last_is_majority(seq_len: int, num_classes: int) -> float:
    """Probability that the last of T symbols is the most frequent one, given that there is no tie.

    All steps are exchangeable, so it is E[M]/T, with M the count of the most frequent of K symbols. Up to
    T = max(16,000, 1,000 K) it is counted. For large T it is a power series in 1/√T whose first term is 1/K;
    beyond, its value is that of the polynomial through shorter lengths with the same remainder modulo 2 K,
    within 1e-9 of the counted one.

    >>> last_is_majority(3, 2)  # 000, and three sequences with two zeros: (1 · 1 + 3 · 2/3) / 4
    0.75
    """
    longest = max(16_000, 1_000 * num_classes)
    if seq_len <= longest:
        return round(_counted(seq_len, num_classes), 12)
    shorter = [longest >> halvings for halvings in range(5)]
    shorter = [T - (T - seq_len) % (2 * num_classes) for T in shorter]
    known = {0.0: 1 / num_classes} | {T**-0.5: _counted(T, num_classes) for T in shorter}
    at = seq_len**-0.5
    weights = [math.prod((at - other) / (one - other) for other in known if other != one) for one in known]
    return round(math.fsum(w * p for w, p in zip(weights, known.values(), strict=True)), 12)


def _counted(seq_len: int, num_classes: int) -> float:
    """E[M]/T of `last_is_majority`.

    The number of sequences in which a given symbol occurs m times and every other less often is T!/m! times
    the coefficient of z^(T−m) in (Σ_{j<m} z^j/j!)^(K−1). With Poisson weights w_j instead of 1/j!, whose sum
    has a mean near T, the coefficient is a short discrete Fourier sum; weights beyond 9 deviations are
    negligible. The series is real, so half of the points suffice.
    """
    mean = seq_len / num_classes
    points = 64 + 24 * math.isqrt(seq_len)
    low = math.ceil(mean)
    high = min(seq_len, math.ceil(mean + 9 * math.sqrt(mean) + 24))
    counts = np.arange(high + 1)
    log_factorials = np.array([math.lgamma(count + 1) for count in counts])
    weights = np.exp(counts * math.log(mean) - mean - log_factorials)
    root = np.exp(-2j * np.pi * np.arange(points // 2 + 1) / points)
    twice = np.where(np.arange(len(root)) * 2 % points == 0, 1.0, 2.0)  # all points but 0 and the middle one
    fewer = np.fft.rfft(np.bincount(counts[:low] % points, weights[:low], points))  # Σ_{j<m} w_j z^j
    added, turned = root**low, root ** (low - seq_len) * twice
    total = weighted = 0.0
    for m in range(low, high + 1):
        ways = weights[m] * (_power(fewer, num_classes - 1) * turned).real.sum()
        total += ways
        weighted += ways * m / seq_len
        fewer = fewer + weights[m] * added
        added, turned = added * root, turned * root
    return float(weighted / total)


def _power(values: np.ndarray, exponent: int) -> np.ndarray:
    """values ** exponent by squaring, for an exponent of at least 1: NumPy takes a logarithm of each."""
    result = None
    while True:
        if exponent & 1:
            result = values if result is None else result * values
        exponent >>= 1
        if not exponent:
            assert result is not None
            return result
        values = values * values


def _memoryless_loss(p: float, num_classes: int) -> float:
    other = 0.0 if p == 1 else (1 - p) * math.log((1 - p) / (num_classes - 1))
    return -p * math.log(p) - other


def _given_last(p: float, num_classes: int) -> Baselines:
    """The last symbol is the class with probability p, and the others are equally likely."""
    shares_KK = torch.full((num_classes, num_classes), (1 - p) / (num_classes - 1), dtype=torch.float64)
    return Baselines(memoryless=by_token(shares_KK.fill_diagonal_(p).log()))


def _draw(rng: np.random.RandomState, n: int, *, seq_len: int, num_classes: int) -> Split:
    x_NT = uniform_integers(rng, 0, num_classes, n, seq_len)
    tied = np.flatnonzero(_most_frequent(x_NT, num_classes)[1])
    while len(tied):
        redrawn = uniform_integers(rng, 0, num_classes, len(tied), seq_len)
        x_NT[tied] = redrawn
        tied = tied[_most_frequent(redrawn, num_classes)[1]]
    y, _ = _most_frequent(x_NT, num_classes)
    return Split(torch.from_numpy(x_NT), torch.from_numpy(y), full_lengths(n, seq_len))


def _most_frequent(x_NT: np.ndarray, num_classes: int) -> tuple[np.ndarray, np.ndarray]:
    """(N,) the most frequent symbol of each row, and (N,) whether another symbol is equally frequent."""
    n, seq_len = x_NT.shape
    symbol, tied = np.empty(n, dtype=np.int64), np.empty(n, dtype=bool)
    step = max(1, CHUNK_VALUES // seq_len)
    for start in range(0, n, step):
        part = x_NT[start : start + step]
        cells = part + num_classes * np.arange(len(part))[:, None]
        counts_NK = np.bincount(cells.ravel(), minlength=len(part) * num_classes).reshape(-1, num_classes)
        symbol[start : start + step] = counts_NK.argmax(axis=1)
        tied[start : start + step] = (counts_NK == counts_NK.max(axis=1, keepdims=True)).sum(axis=1) > 1
    return symbol, tied
