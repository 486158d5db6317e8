"""Sine frequency: how many cycles does the sequence have? Phase and amplitude do not matter."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import numpy as np
import torch

from harness.tasks.common.arguments import split_sizes, whole_number
from harness.tasks.common.disjoint import disjoint_splits
from harness.tasks.common.names import names_of
from harness.tasks.common.predictors import equal_classes
from harness.tasks.common.random_streams import uniform_float32, uniform_integers
from harness.tasks.common.tones import PHASES_PER_STEP, add_waves, sine_table
from harness.tasks.task import Split, Task, TaskSpec, full_lengths


def make_sine_frequency(
    *,
    seq_len: int = 100,
    num_classes: int = 8,
    n_train: int = 10_000,
    n_val: int = 1_000,
    n_test: int = 2_000,
    seed: int = 0,
    fresh: bool = False,
) -> Task:
    """The class is the frequency of a sine wave: class k has k + 1 cycles in the sequence.

    With 8 steps:

        0 0.707 1 0.707 0 -0.707 -1 -0.707  ->  1 cycle   ->  class 0
        0.5 0 -0.5 0 0.5 0 -0.5 0           ->  2 cycles  ->  class 1

    Variants: `cycles-K`, by `num_classes`. The phase is one of 256 T and the amplitude is from 0.5 to 1,
    both uniform; classes are equally likely. The wave is noise-free, so three neighbouring steps determine
    the frequency in principle (x₋ + x₊ = 2x cos ω): a test of time resolution rather than of long memory.
    In the source the two classes are ranges of periods and the steps are uneven in time; here each class is
    one frequency and the steps are even.

    Sines are rounded to multiples of 2⁻¹² before they are scaled, so that the bytes are the same on
    every machine.

    Splits: no two share a sample; each class has 256 T · 2²⁴.

    Baseline: the phase at the last step is uniform at every frequency, so without memory every class is
    equally likely: a loss of ln K, chance 1/K. Solved: an accuracy of 0.99.

    Args:
        seq_len: number of steps T, at least 2K + 1, more than two for each cycle of the fastest wave.
        num_classes: number of frequencies K, at least 2.
        n_train, n_val, n_test: number of sequences in each split.
        seed: seed of the samples; each split has its own random stream.
        fresh: new training samples in each epoch.

    Returns:
        x (N, T, 1) float32 from −1 to 1; y (N,) int64 below K.

    Raises:
        ValueError: an argument is outside its range, or there are too few samples for the splits.

    Source: after Neil, Pfeiffer & Liu 2016, NeurIPS, arXiv 1610.09513, frequency discrimination.
    """
    num_classes = whole_number("num_classes", num_classes, low=2)
    seq_len = whole_number("seq_len", seq_len, low=2 * num_classes + 1)
    sizes = split_sizes(n_train, n_val, n_test, sample_bytes=4 * seq_len)
    seed = whole_number("seed", seed, low=0, high=None)
    spec = TaskSpec(
        name="sine_frequency",
        variant=f"cycles-{num_classes}",
        target="class",
        seq_len=seq_len,
        input_size=1,
        num_classes=num_classes,
        class_names=names_of(num_classes, lambda k: f"{k + 1} cycle{'s' * (k > 0)}"),
        chance_accuracy=1 / num_classes,
        memoryless_loss=math.log(num_classes),
        solved_accuracy=0.99,
        data_source="generated",
        citation="after Neil, Pfeiffer & Liu 2016, NeurIPS, arXiv 1610.09513, frequency discrimination",
    )

    draw = functools.partial(_draw, seq_len=seq_len, num_classes=num_classes)
    splits = disjoint_splits(draw, seed=seed, sizes=sizes)
    return Task(spec, splits, fresh, baselines=equal_classes(num_classes))


def class_of(wave: Sequence[float]) -> int:
    """The label of one wave: the strongest of its integer frequencies.

    >>> class_of([0, 0.707, 1, 0.707, 0, -0.707, -1, -0.707])
    0
    >>> class_of([0.5, 0, -0.5, 0, 0.5, 0, -0.5, 0])
    1
    """
    return int(np.abs(np.fft.rfft(wave))[1:].argmax())


def _draw(rng: np.random.RandomState, n: int, *, seq_len: int, num_classes: int) -> Split:
    y = uniform_integers(rng, 0, num_classes, n)
    starts = uniform_integers(rng, 0, PHASES_PER_STEP * seq_len, n)
    amplitudes = (1 + uniform_float32(rng, n)) / 2
    x_NTD = np.zeros((n, seq_len, 1), dtype=np.float32)
    add_waves(x_NTD[:, :, 0], sine_table(seq_len), starts, y + 1, amplitudes)
    return Split(torch.from_numpy(x_NTD), torch.from_numpy(y), full_lengths(n, seq_len))
