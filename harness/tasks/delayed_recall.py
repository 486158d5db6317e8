"""Delayed recall: which symbol came first? The plainest test of how long a cell remembers."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch

from harness.tasks.common.arguments import one_of, split_sizes, whole_number
from harness.tasks.common.disjoint import splits_apart
from harness.tasks.common.random_streams import whole
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
    """Recalls the first symbol after seq_len − 1 distractors.

    With K = 3 classes, in the variant `separate` (distractors are 3, 4, 5) and in `shared` (0, 1, 2);
    examples that run are in `class_of`:

        separate  1 3 5 5 4  ->  class 1        shared  1 0 2 1 2  ->  class 1
        separate  0 4 3 5 3  ->  class 0        shared  2 1 1 0 1  ->  class 2

    Variants: `separate` draws the distractors from K symbols of their own; `shared` draws them from the
    class symbols, so the cell must also tell the first symbol from those that follow.

    Splits: no two share a sample. There are K^T, too few for the default sizes at T = 5 with K = 2.

    Baseline: the last symbol says nothing about the first, so without memory every class is equally
    likely: a loss of ln K. Solved: an accuracy of 0.99.

    Args:
        seq_len: steps T, at least 2.
        num_classes: symbols K, at least 2.
        variant: `separate` or `shared`.
        n_train, n_val, n_test: sequences in each split.
        seed: of the samples; each split has a stream of its own.
        fresh: new training samples in each pass.

    Returns:
        x (N, T) int64 token ids below 2K (`separate`) or K (`shared`); y (N,) int64 below K.

    Raises:
        ValueError: an argument is outside its range; where splits are made, too few samples exist.

    Source: the latching problem of Bengio, Simard & Frasconi 1994, IEEE Trans. Neural Networks 5(2),
    with K symbols in place of two real-valued classes.
    """
    seq_len = whole_number("seq_len", seq_len, low=2)
    num_classes = whole_number("num_classes", num_classes, low=2)
    variant = one_of("variant", variant, VARIANTS)
    sizes = split_sizes(n_train, n_val, n_test)
    seed = whole_number("seed", seed, low=0, high=None)
    spec = TaskSpec(
        name="delayed_recall",
        variant=f"{variant}-{num_classes}",
        target="class",
        seq_len=seq_len,
        vocab_size=2 * num_classes if variant == "separate" else num_classes,
        num_classes=num_classes,
        chance_accuracy=1 / num_classes,
        memoryless_loss=math.log(num_classes),
        solved_accuracy=0.99,
        data_source="generated",
        citation="after Bengio, Simard & Frasconi 1994, IEEE Trans. Neural Networks 5(2), latching",
    )

    def draw(rng: np.random.RandomState, n: int) -> Split:
        low = num_classes if variant == "separate" else 0
        x_NT = whole(rng, low, low + num_classes, n, seq_len)
        x_NT[:, 0] = whole(rng, 0, num_classes, n)
        x = torch.from_numpy(x_NT)
        return Split(x, x[:, 0].clone(), full_lengths(n, seq_len))

    return Task(spec, splits_apart(draw, seed=seed, sizes=sizes), fresh)


def class_of(symbols: Sequence[int]) -> int:
    """The label of one sequence.

    >>> class_of([1, 3, 5, 5, 4]), class_of([0, 4, 3, 5, 3])
    (1, 0)
    >>> class_of([1, 0, 2, 1, 2]), class_of([2, 1, 1, 0, 1])
    (1, 2)
    """
    return symbols[0]
