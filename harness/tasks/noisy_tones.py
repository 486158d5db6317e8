"""Noisy tones: the frequency or the phase of a sine wave in noise, a test of integrating evidence."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from harness.tasks.common.arguments import one_of, split_sizes, whole_number
from harness.tasks.common.disjoint import disjoint_splits
from harness.tasks.common.names import names_of
from harness.tasks.common.noise import fill_normal
from harness.tasks.common.predictors import equal_classes
from harness.tasks.common.random_streams import uniform_integers
from harness.tasks.common.tones import PHASES_PER_STEP, add_waves, sine_table
from harness.tasks.task import Baselines, Split, Task, TaskSpec, full_lengths

VARIANTS = ("frequency", "phase")


def make_noisy_tones(
    *,
    seq_len: int = 100,
    variant: str = "frequency",
    num_classes: int = 4,
    cycles: int = 2,
    snr_db: float = 0.0,
    n_train: int = 10_000,
    n_val: int = 1_000,
    n_test: int = 2_000,
    seed: int = 0,
    fresh: bool = False,
) -> Task:
    """The class is the frequency or the phase of a sine wave of amplitude 1 in white Gaussian noise.

    With 8 steps, 4 classes, cycles=1 and without the noise (tested examples: `class_of`):

        frequency  0 1 0 -1 0 1 0 -1                   ->  2 cycles          ->  class 1
        phase      1 0.707 0 -0.707 -1 -0.707 0 0.707  ->  starts at 1/4     ->  class 1

    Variants: in `frequency-K-SdB` class k has c + k cycles in the sequence and a random phase, one of
    256 T; in `phase-K-SdB` every class has c cycles and class k starts at k/K of a period (rounded down to
    one of the 256 T). The power of the noise is S decibels below that of the tone: its variance is
    10^(−S/10) / 2.

    Sines are multiples of 2⁻¹² and the noise is made from sums of 12 integers (see `common.noise`), its
    standard deviation a multiple of 2⁻²⁰, so that the bytes are the same on every machine.

    Splits: no two share a sample; the noise makes every sample different.

    Baseline: chance is 1/K. In `frequency` the phase at the last step is uniform for every class, so
    without memory the loss is ln K. In `phase` the last value depends on the class: its mean μₖ is the sine
    at the last step, and the loss is E[−ln p(k | x)], p(k | x) ∝ exp(−(x − μₖ)²/2σ²), computed numerically.
    There is no threshold for solved: the noise limits the accuracy of any predictor to below 1.

    Args:
        seq_len: number of steps T, more than two for each cycle of the fastest tone: at least
            2 (c + K − 1) + 1 (`frequency`) or 2c + 1 (`phase`).
        variant: `frequency` or `phase`.
        num_classes: number of classes K, at least 2.
        cycles: number of cycles c of the slowest tone, at least 1.
        snr_db: signal-to-noise ratio S in decibels, −40 to 60.
        n_train, n_val, n_test: number of sequences in each split.
        seed: seed of the samples; each split has its own random stream.
        fresh: new training samples in each epoch.

    Returns:
        x (N, T, 1) float32; y (N,) int64 below K.

    Raises:
        ValueError: an argument is outside its range, or there are too few samples for the splits.

    Source: after Neil, Pfeiffer & Liu 2016, NeurIPS, arXiv 1610.09513, frequency discrimination, with noise.
    """
    variant = one_of("variant", variant, VARIANTS)
    num_classes = whole_number("num_classes", num_classes, low=2)
    cycles = whole_number("cycles", cycles)
    fastest = cycles + num_classes - 1 if variant == "frequency" else cycles
    seq_len = whole_number("seq_len", seq_len, low=2 * fastest + 1)
    snr_db = _decibels(snr_db)
    sizes = split_sizes(n_train, n_val, n_test, sample_bytes=4 * seq_len)
    seed = whole_number("seed", seed, low=0, high=None)
    deviation = round(math.sqrt(10 ** (-snr_db / 10) / 2) * 2**20) / 2**20
    loss, predictors = math.log(num_classes), equal_classes(num_classes)
    if variant == "phase":
        means = _last_means(seq_len, num_classes, cycles)
        loss = _last_value_loss(means, deviation)
        predictors = Baselines(memoryless=functools.partial(_given_last_value, means, deviation))
    spec = TaskSpec(
        name="noisy_tones",
        variant=f"{variant}-{num_classes}-{snr_db:g}dB",
        target="class",
        seq_len=seq_len,
        input_size=1,
        num_classes=num_classes,
        class_names=names_of(
            num_classes,
            lambda k: (
                f"{cycles + k} cycle{'s' * (cycles + k > 1)}"
                if variant == "frequency"
                else f"starts at {k}/{num_classes}"
            ),
        ),
        chance_accuracy=1 / num_classes,
        memoryless_loss=loss,
        data_source="generated",
        citation="after Neil, Pfeiffer & Liu 2016, NeurIPS, arXiv 1610.09513, with noise",
    )

    draw = functools.partial(
        _draw,
        seq_len=seq_len,
        variant=variant,
        num_classes=num_classes,
        cycles=cycles,
        deviation=np.float32(deviation),
    )
    return Task(spec, disjoint_splits(draw, seed=seed, sizes=sizes), fresh, baselines=predictors)


def class_of(wave: Sequence[float], variant: str, num_classes: int, cycles: int) -> int:
    """The most likely label of one wave: its strongest integer frequency, or the nearest of the K phases.

    >>> class_of([0, 1, 0, -1, 0, 1, 0, -1], "frequency", num_classes=4, cycles=1)
    1
    >>> class_of([1, 0.707, 0, -0.707, -1, -0.707, 0, 0.707], "phase", num_classes=4, cycles=1)
    1
    """
    spectrum = np.fft.rfft(wave)
    if variant == "frequency":
        return int(np.abs(spectrum)[cycles : cycles + num_classes].argmax())
    phase = np.angle(1j * spectrum[cycles]) / (2 * np.pi)  # 0 for a sine that starts at 0 and rises
    return round(float(phase) * num_classes) % num_classes


def _draw(
    rng: np.random.RandomState,
    n: int,
    *,
    seq_len: int,
    variant: str,
    num_classes: int,
    cycles: int,
    deviation: np.float32,
) -> Split:
    y = uniform_integers(rng, 0, num_classes, n)
    if variant == "frequency":
        starts, cycles_N = uniform_integers(rng, 0, PHASES_PER_STEP * seq_len, n), cycles + y
    else:
        starts, cycles_N = _starts(y, seq_len, num_classes), np.full(n, cycles)
    x_NTD = np.empty((n, seq_len, 1), dtype=np.float32)
    fill_normal(rng, x_NTD)
    x_NTD *= deviation
    add_waves(x_NTD[:, :, 0], sine_table(seq_len), starts, cycles_N, np.ones(n, dtype=np.float32))
    return Split(torch.from_numpy(x_NTD), torch.from_numpy(y), full_lengths(n, seq_len))


def _decibels(value: object) -> float:
    wanted = f"snr_db must be a number from -40 to 60, not {value!r}"
    if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
        raise ValueError(wanted)
    if not -40 <= value <= 60:
        raise ValueError(f"{wanted}; the nearest is {-40 if value < 0 else 60}")
    return float(value)


def _starts(classes: np.ndarray, seq_len: int, num_classes: int) -> np.ndarray:
    """Index in the sine table at which each class starts: k/K of the period.

    >>> _starts(np.arange(4), 8, 4).tolist()  # quarters of 256 * 8
    [0, 512, 1024, 1536]
    """
    return classes * PHASES_PER_STEP * seq_len // num_classes


def _last_means(seq_len: int, num_classes: int, cycles: int) -> np.ndarray:
    """(K,) the tone of each class at the last step, in the variant `phase`."""
    indices = _starts(np.arange(num_classes), seq_len, num_classes) + PHASES_PER_STEP * cycles * (seq_len - 1)
    return sine_table(seq_len)[indices % (PHASES_PER_STEP * seq_len)].astype(float)


def _given_last_value(means_K: np.ndarray, deviation: float, x: Tensor, _steps: Tensor) -> Tensor:
    """ln p(k | x) of a last value x that is normal around the mean of its class."""
    gaps_NK = (x.double() - torch.from_numpy(means_K)) / deviation
    return (-(gaps_NK**2) / 2).log_softmax(dim=1)


def _last_value_loss(means_K: np.ndarray, deviation: float) -> float:
    """Mean of −ln p(k | x) with x normal around the mean of its class, summed over a grid of deviations.

    >>> round(_last_value_loss(np.array([1.0, 1.0]), 0.5), 6)  # independent of the class: ln 2
    0.693147
    >>> round(_last_value_loss(np.array([-1.0, 1.0]), 0.1), 6)  # determines the class
    0.0
    """
    z_G = np.linspace(-8, 8, 641)
    weights_G = np.exp(-(z_G**2) / 2)
    losses = []
    for mean in means_K:
        gaps_KG = (mean - means_K[:, None]) / deviation + z_G
        losses.append(np.logaddexp.reduce((z_G**2 - gaps_KG**2) / 2, axis=0))
    return round(float(np.average(np.mean(losses, axis=0), weights=weights_G)), 9)
