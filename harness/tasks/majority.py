"""Majority: which symbol is the most frequent? As many counters as there are symbols."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch

from harness.tasks.common.arguments import split_sizes, whole_number
from harness.tasks.common.disjoint import check_space, splits_apart
from harness.tasks.common.random_streams import whole
from harness.tasks.task import Split, Task, TaskSpec, full_lengths

CHUNK = 2**17
"""Symbols counted at a time, so that the counts take no memory to speak of."""


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
    """Names the symbol that comes most often; no two symbols share the first place.

        2 0 2 1 2  ->  2 comes 3 times  ->  class 2        1 1 0 0 1 3  ->  class 1

    Variants: `iid-K`, by `num_classes`. Symbols are independent and uniform; a sequence where two share
    the first place is rejected and drawn again. That treats all symbols alike, so every class is
    equally likely. Most margins are small, about √T: nearly every step has to be counted.

    Splits: no two share a sequence. There are K^T, ties included; an error says when they are fewer than
    2 (n_val + n_test). Within a split a sequence may come twice.

    Baseline: chance is 1/K. The last symbol is the majority's with a probability p, the mean share of
    the most frequent symbol, and otherwise each of the others; so without memory the loss is
    −p ln p − (1 − p) ln((1 − p)/(K − 1)), a little below ln K (T = 100, K = 4: 1.379, ln 4 is 1.386). p is
    computed, see `last_is_majority`. Solved: an accuracy of 0.99.

    Args:
        seq_len: steps T, at least 3 and at least `num_classes`.
        num_classes: symbols K, at least 2.
        n_train, n_val, n_test: sequences in each split.
        seed: of the samples; each split has a stream of its own.
        fresh: new training samples in each pass, never those of validation or test.

    Returns:
        x (N, T) int64 symbols below K; y (N,) int64 below K.

    Raises:
        ValueError: an argument is outside its range, or there are too few sequences of this length.

    Source: after Weiss, Goldberg & Yahav 2021, ICML, arXiv 2106.06981, most-freq: here the first alone.
    """
    num_classes = whole_number("num_classes", num_classes, low=2)
    seq_len = whole_number("seq_len", seq_len, low=max(3, num_classes))
    sizes = split_sizes(n_train, n_val, n_test)
    check_space(seq_len, num_classes, sizes)
    seed = whole_number("seed", seed, low=0, high=None)
    spec = TaskSpec(
        name="majority",
        variant=f"iid-{num_classes}",
        target="class",
        seq_len=seq_len,
        vocab_size=num_classes,
        num_classes=num_classes,
        chance_accuracy=1 / num_classes,
        memoryless_loss=_memoryless_loss(last_is_majority(seq_len, num_classes), num_classes),
        solved_accuracy=0.99,
        data_source="generated",
        citation="after Weiss, Goldberg & Yahav 2021, ICML, arXiv 2106.06981, most-freq",
    )

    def draw(rng: np.random.RandomState, n: int) -> Split:
        x_NT = _without_ties(rng, n, seq_len, num_classes)
        y, _ = _winners(x_NT, num_classes)
        return Split(torch.from_numpy(x_NT), torch.from_numpy(y), full_lengths(len(y), seq_len))

    return Task(spec, splits_apart(draw, seed=seed, sizes=sizes), fresh)


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

    All places are alike, so it is E[M]/T, M the count of the most frequent of K symbols. The number of
    sequences in which a given symbol comes m times and every other less often is T!/m! times the
    coefficient of z^(T−m) in (Σ_{j<m} z^j/j!)^(K−1). With Poisson weights in place of 1/j!, whose total
    is near T, the coefficient is a short discrete Fourier sum; weights beyond 9 deviations are nothing.

    >>> last_is_majority(3, 2)  # 000 and twice 0 among 3: (1 · 1 + 3 · 2/3) / 4
    0.75
    """
    mean = seq_len / num_classes
    points = 64 + 40 * math.isqrt(seq_len)
    low = math.ceil(mean)
    high = min(seq_len, math.ceil(mean + 9 * math.sqrt(mean) + 24))
    counts = np.arange(high + 1)
    log_factorials = np.array([math.lgamma(count + 1) for count in counts])
    weights = np.exp(counts * math.log(mean) - mean - log_factorials)
    roots = np.exp(-2j * np.pi * np.arange(points) / points)
    fewer = np.fft.fft(np.bincount(counts[:low] % points, weights[:low], points))  # Σ_{j<m} w_j z^j
    total = weighted = 0.0
    for m in range(low, high + 1):
        ways = weights[m] * (fewer ** (num_classes - 1) * roots ** (m - seq_len)).real.mean()
        total += ways
        weighted += ways * m / seq_len
        fewer = fewer + weights[m] * roots**m
    return round(float(weighted / total), 12)


def _memoryless_loss(p: float, num_classes: int) -> float:
    other = 0.0 if p == 1 else (1 - p) * math.log((1 - p) / (num_classes - 1))
    return -p * math.log(p) - other


def _without_ties(rng: np.random.RandomState, n: int, seq_len: int, num_classes: int) -> np.ndarray:
    x_NT = whole(rng, 0, num_classes, n, seq_len)
    tied = np.flatnonzero(_winners(x_NT, num_classes)[1])
    while len(tied):
        anew = whole(rng, 0, num_classes, len(tied), seq_len)
        x_NT[tied] = anew
        tied = tied[_winners(anew, num_classes)[1]]
    return x_NT


def _winners(x_NT: np.ndarray, num_classes: int) -> tuple[np.ndarray, np.ndarray]:
    """The most frequent symbol of each row, and whether another comes as often."""
    n, seq_len = x_NT.shape
    winner, tied = np.empty(n, dtype=np.int64), np.empty(n, dtype=bool)
    step = max(1, CHUNK // seq_len)
    for start in range(0, n, step):
        part = x_NT[start : start + step]
        cells = part + num_classes * np.arange(len(part))[:, None]
        counts_NK = np.bincount(cells.ravel(), minlength=len(part) * num_classes).reshape(-1, num_classes)
        winner[start : start + step] = counts_NK.argmax(axis=1)
        tied[start : start + step] = (counts_NK == counts_NK.max(axis=1, keepdims=True)).sum(axis=1) > 1
    return winner, tied
