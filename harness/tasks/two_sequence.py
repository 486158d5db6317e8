"""The two-sequence problem: the first values give the class, and noise on the same channel follows."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import numpy as np
import torch

from harness.tasks.common.arguments import split_sizes, whole_number
from harness.tasks.common.disjoint import disjoint_splits
from harness.tasks.common.noise import fill_normal
from harness.tasks.common.predictors import equal_classes
from harness.tasks.common.random_streams import uniform_integers
from harness.tasks.task import Split, Task, TaskSpec, full_lengths

NOISE_DEVIATION = np.float32(math.sqrt(0.2))


def make_two_sequence(
    *,
    seq_len: int = 100,
    signal_len: int = 3,
    n_train: int = 10_000,
    n_val: int = 1_000,
    n_test: int = 2_000,
    seed: int = 0,
    fresh: bool = False,
) -> Task:
    """The class tells whether the sequence starts with 1 or with −1, before the noise.

        1  1  1 0.3 -0.6 0.1  ->  class 1        -1 -1 -1 0.9 0.2 -0.4  ->  class 0

    Variants: `3a-N`, by `signal_len` N: the first N values are 1 (class 1) or −1 (class 0), the others
    Gaussian noise of mean 0 and variance 0.2; the source has N = 1 and 3. The source draws lengths from
    T to T + T/10, here every sequence has T steps; its class 2 with target 0 is class 0 here. Classes are
    drawn with equal probability.

    The noise is made from sums of 12 integers (see `common.noise`), so that its bytes are the same on every
    machine: multiples of 2⁻¹⁶ of a standard deviation, none beyond 6 standard deviations.

    Splits: no two share a sample; a single noise step has 786,421 possible values.

    Baseline: the last value is noise, so without memory both classes are equally likely: a loss of
    ln 2, chance 1/2. Solved: an accuracy of 0.99.

    Args:
        seq_len: number of steps T, at least signal_len + 1.
        signal_len: number of steps N that carry the class, at least 1.
        n_train, n_val, n_test: number of sequences in each split.
        seed: seed of the samples; each split has its own random stream.
        fresh: new training samples in each epoch.

    Returns:
        x (N, T, 1) float32; y (N,) int64, 0 or 1.

    Raises:
        ValueError: an argument is outside its range, or there are too few samples for the splits.

    Source: Hochreiter & Schmidhuber 1997, Neural Computation 9(8), task 3a; first Bengio, Simard &
    Frasconi 1994, IEEE Trans. Neural Networks 5(2).
    """
    signal_len = whole_number("signal_len", signal_len)
    seq_len = whole_number("seq_len", seq_len, low=signal_len + 1)
    sizes = split_sizes(n_train, n_val, n_test, sample_bytes=4 * seq_len)
    seed = whole_number("seed", seed, low=0, high=None)
    spec = TaskSpec(
        name="two_sequence",
        variant=f"3a-{signal_len}",
        target="class",
        seq_len=seq_len,
        lag=(seq_len - signal_len, seq_len - 1),
        input_size=1,
        num_classes=2,
        class_names=("starts with -1", "starts with 1"),
        chance_accuracy=1 / 2,
        memoryless_loss=math.log(2),
        solved_accuracy=0.99,
        data_source="generated",
        citation="Hochreiter & Schmidhuber 1997, Neural Computation 9(8), task 3a",
    )

    draw = functools.partial(_draw, seq_len=seq_len, signal_len=signal_len)
    splits = disjoint_splits(draw, seed=seed, sizes=sizes)
    return Task(spec, splits, fresh, baselines=equal_classes(2))


def class_of(values: Sequence[float]) -> int:
    """The label of one sequence.

    >>> class_of([1, 1, 1, 0.3, -0.6, 0.1])
    1
    >>> class_of([-1, -1, -1, 0.9, 0.2, -0.4])
    0
    """
    return int(values[0] > 0)


def _draw(rng: np.random.RandomState, n: int, *, seq_len: int, signal_len: int) -> Split:
    y = uniform_integers(rng, 0, 2, n)
    x_NTD = np.empty((n, seq_len, 1), dtype=np.float32)
    x_NTD[:, :signal_len, 0] = 2 * y[:, None] - 1
    fill_normal(rng, x_NTD[:, signal_len:])
    x_NTD[:, signal_len:] *= NOISE_DEVIATION
    return Split(torch.from_numpy(x_NTD), torch.from_numpy(y), full_lengths(n, seq_len))
