"""Delayed recall: which symbol came first? The simplest test of how long a cell remembers."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import numpy as np
import torch

from harness.tasks.common.arguments import one_of, split_sizes, whole_number
from harness.tasks.common.disjoint import disjoint_splits
from harness.tasks.common.predictors import equal_classes
from harness.tasks.common.random_streams import uniform_integers
from harness.tasks.task import Split, Task, TaskSpec, full_lengths

VARIANTS = ("separate", "shared")


def make_delayed_recall(
    *,
    seq_len: int = 100,
    num_classes: int = 8,
    variant: str = "separate",
    n_train: int = 10_000,
    n_val: int = 1_000,
    n_test: int = 2_000,
    seed: int = 0,
    fresh: bool = False,
) -> Task:
    """The class is the first symbol, which seq_len − 1 distractors follow.

    With K = 3 classes, in `separate` (distractors are 3, 4, 5) and in `shared` (0, 1, 2); tested examples:
    `class_of`.

        separate  1 3 5 5 4  ->  class 1        shared  1 0 2 1 2  ->  class 1
        separate  0 4 3 5 3  ->  class 0        shared  2 1 1 0 1  ->  class 2

    Variants: `separate` draws the distractors from K other symbols; `shared` draws them from the class
    symbols, so the cell must also distinguish the first symbol from those that follow.

    Splits: no two share a sample. There are K^T, too few for the default sizes at T = 5 with K = 2.

    Baseline: the last symbol is independent of the first, so without memory every class is equally likely:
    a loss of ln K. Solved: an accuracy of 0.99.

    Args:
        seq_len: number of steps T, at least 2.
        num_classes: number of class symbols K, at least 2.
        variant: `separate` or `shared`.
        n_train, n_val, n_test: number of sequences in each split.
        seed: seed of the samples; each split has its own random stream.
        fresh: new training samples in each epoch.

    Returns:
        x (N, T) int64 token ids below 2K (`separate`) or K (`shared`); y (N,) int64 below K.

    Raises:
        ValueError: an argument is outside its range, or there are too few samples for the splits.

    Source: the latching problem of Bengio, Simard & Frasconi 1994, IEEE Trans. Neural Networks 5(2),
    with K symbols instead of two real-valued classes.
    """
    seq_len = whole_number("seq_len", seq_len, low=2)
    num_classes = whole_number("num_classes", num_classes, low=2)
    variant = one_of("variant", variant, VARIANTS)
    sizes = split_sizes(n_train, n_val, n_test, sample_bytes=8 * seq_len)
    seed = whole_number("seed", seed, low=0, high=None)
    spec = TaskSpec(
        name="delayed_recall",
        variant=f"{variant}-{num_classes}",
        target="class",
        seq_len=seq_len,
        lag=(seq_len - 1, seq_len - 1),
        vocab_size=2 * num_classes if variant == "separate" else num_classes,
        num_classes=num_classes,
        chance_accuracy=1 / num_classes,
        memoryless_loss=math.log(num_classes),
        solved_accuracy=0.99,
        data_source="generated",
        citation="after Bengio, Simard & Frasconi 1994, IEEE Trans. Neural Networks 5(2), latching",
    )

    draw = functools.partial(_draw, seq_len=seq_len, num_classes=num_classes, variant=variant)
    splits = disjoint_splits(draw, seed=seed, sizes=sizes)
    return Task(spec, splits, fresh, baselines=equal_classes(num_classes))


def class_of(symbols: Sequence[int]) -> int:
    """The label of one sequence.

    >>> class_of([1, 3, 5, 5, 4]), class_of([0, 4, 3, 5, 3])
    (1, 0)
    >>> class_of([1, 0, 2, 1, 2]), class_of([2, 1, 1, 0, 1])
    (1, 2)
    """
    return symbols[0]


def _draw(rng: np.random.RandomState, n: int, *, seq_len: int, num_classes: int, variant: str) -> Split:
    low = num_classes if variant == "separate" else 0
    x_NT = uniform_integers(rng, low, low + num_classes, n, seq_len)
    x_NT[:, 0] = uniform_integers(rng, 0, num_classes, n)
    x = torch.from_numpy(x_NT)
    return Split(x, x[:, 0].clone(), full_lengths(n, seq_len))
