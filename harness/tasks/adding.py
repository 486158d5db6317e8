"""The adding problem: the target is the sum of the two numbers in a sequence that have a marker."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from harness.tasks.common.arguments import one_of, split_sizes, whole_number
from harness.tasks.common.disjoint import disjoint_splits
from harness.tasks.common.predictors import always
from harness.tasks.common.random_streams import uniform_float32, uniform_integers
from harness.tasks.task import Baselines, Split, Task, TaskSpec, full_lengths

VARIANTS = {
    "half": "Arjovsky et al. 2016, arXiv 1511.06464",
    "any": "Bai et al. 2018, arXiv 1803.01271",
    "hs97": "the source's own, at a fixed length",
}
"""Names of the variants and their sources."""

SHORTEST = {"half": 2, "any": 2, "hs97": 11}
"""Smallest seq_len; hs97 has ten steps for the first marker, and a last one."""

TOLERANCE = 0.04
CHUNK_VALUES = 2**16
"""Values drawn at a time, few enough to stay in the processor's cache."""


def make_adding(
    *,
    seq_len: int = 100,
    variant: str = "half",
    n_train: int = 10_000,
    n_val: int = 1_000,
    n_test: int = 2_000,
    seed: int = 0,
    fresh: bool = False,
) -> Task:
    """The target is the sum of the two numbers whose marker is 1 (tested examples: `target_of`).

    A step is (value, marker): the value uniform on [0, 1), the marker 1 at two steps and 0 elsewhere;
    in the variant `hs97` values are uniform on [−1, 1) and the target is scaled.

        values   0.5 0.1 0.7 0.2        values   0.25 0.5 0.0 0.75
        markers  0   1   1   0          markers  1    0   0   1
        target   0.1 + 0.7 = 0.8        target   0.25 + 0.75 = 1.0

    and as hs97, of 12 steps:

        values   0.3 -0.5 0.1 0.9 ...   values   0.0  0.1 0.25 -0.7 ...
        markers  -1   1   0   1   ...   markers  1    0   1     0   ...
        target   0.5 + (-0.5 + 0.9) / 4 = 0.6    target   0.5 + (0 + 0.25) / 4 = 0.5625

    Variants: `half` puts one marker in the first half of the sequence and one in the second (Arjovsky
    et al. 2016; Le et al. 2015), so the mean distance is T/2; `any` puts them at two different steps
    anywhere (Bai et al. 2018). `hs97` marks one of the first 10 steps and then one of the first T/2 − 1
    (rounded down) steps without a marker. The markers of the first and the last step are −1 unless the
    step is marked, the value at a marked first step is 0, and the target is 0.5 + (x₁ + x₂)/4. It differs
    from task 4 of the source in one point: there lengths are drawn from T to T + T/10, here every
    sequence has T steps.

    Baseline: the best constant is 1, the mean of the sum, with squared error Var(u₁ + u₂) = 2/12 = 1/6, the
    value that the papers compare with. The last step alone allows slightly less: it is marked with
    probability p = 1/⌈T/2⌉ (`half`) or 2/T (`any`), and then the best prediction is x_T + 1/2, with squared
    error 1/12. So without memory the loss is 1/6 − p/12: 0.165 at T = 100. A prediction is correct if its
    error is below 0.04 (Hochreiter & Schmidhuber 1997); a constant 1 is correct with probability
    0.04 · (2 − 0.04) = 0.0784. Solved: a mean squared error of at most 0.05 (Keller et al. 2023).

    Baseline of hs97: the first step is marked with probability p = 1/10 + 9/10 / (T/2 − 1); then one term
    is 0, else two terms of variance 1/3 are added. The last step is never marked and its value is not part
    of the sum, so the best prediction without memory is the constant 0.5, with squared error
    (p · 1/3 + (1 − p) · 2/3) / 16 = (2 − p)/48. It is correct where |x₁ + x₂| < 0.16: with probability
    0.16 for one term and 0.16 − 0.16²/4 = 0.1536 for two. Solved: 0.05/4, since the target is half the
    sum of two numbers on [0, 1), so squared errors are a quarter.

    Splits: no two share a sample; 2⁴⁸ exist at 2 steps.

    Args:
        seq_len: number of steps T, at least 2; for hs97 at least 11.
        variant: `half`, `any` or `hs97`.
        n_train, n_val, n_test: number of sequences in each split.
        seed: seed of the samples; each split has its own random stream.
        fresh: new training samples in each epoch.

    Returns:
        x (N, T, 2) float32; y (N,) float32 in [0, 2), for hs97 in [0, 1).

    Raises:
        ValueError: an argument is outside its range.

    Source: Hochreiter & Schmidhuber 1997, Neural Computation 9(8), task 4.
    """
    variant = one_of("variant", variant, VARIANTS)
    seq_len = whole_number("seq_len", seq_len, low=SHORTEST[variant])
    sizes = split_sizes(n_train, n_val, n_test, sample_bytes=8 * seq_len)
    seed = whole_number("seed", seed, low=0, high=None)
    chance, loss = _baselines(seq_len, variant)
    spec = TaskSpec(
        name="adding",
        variant=variant,
        target="value",
        seq_len=seq_len,
        lag=_lag(seq_len, variant),
        input_size=2,
        chance_accuracy=chance,
        memoryless_loss=loss,
        tolerance=TOLERANCE,
        solved_loss=0.05 / 4 if variant == "hs97" else 0.05,
        data_source="generated",
        citation="Hochreiter & Schmidhuber 1997, Neural Computation 9(8), task 4; variant: "
        + VARIANTS[variant],
    )
    draw = functools.partial(_draw, seq_len=seq_len, variant=variant)
    predictors = Baselines(chance=1.0, memoryless=_from_last_step)
    if variant == "hs97":
        predictors = Baselines(chance=0.5, memoryless=always(0.5))
    return Task(spec, disjoint_splits(draw, seed=seed, sizes=sizes), fresh, baselines=predictors)


def _lag(seq_len: int, variant: str) -> tuple[int, int]:
    """Steps from a marker to the end; the markers of hs97 lie in the first 10 steps or the first half."""
    last = max(9, seq_len // 2 - 1) if variant == "hs97" else seq_len - 1
    return seq_len - 1 - last, seq_len - 1


def target_of(steps: Sequence[tuple[float, float]], variant: str) -> float:
    """The target of one sequence of (value, marker) steps.

    >>> target_of([(0.5, 0), (0.125, 1), (0.75, 1), (0.25, 0)], "half")
    0.875
    >>> target_of([(0.25, 1), (0.5, 0), (0.0, 0), (0.75, 1)], "any")
    1.0
    >>> target_of([(0.3, -1), (-0.5, 1), (0.1, 0), (0.9, 1)], "hs97")
    0.6
    """
    total = sum(value for value, marker in steps if marker == 1)
    return 0.5 + total / 4 if variant == "hs97" else total


def _baselines(seq_len: int, variant: str) -> tuple[float, float]:
    """Chance accuracy and memoryless loss, derived in the docstring of `make_adding`."""
    if variant != "hs97":
        last_marked = 1 / ((seq_len + 1) // 2) if variant == "half" else 2 / seq_len
        return TOLERANCE * (2 - TOLERANCE), 1 / 6 - last_marked / 12
    first_marked = 1 / 10 + 9 / 10 / (seq_len // 2 - 1)
    width = 4 * TOLERANCE
    return width - (1 - first_marked) * width**2 / 4, (2 - first_marked) / 48


def _from_last_step(x: Tensor, _steps: Tensor) -> Tensor:
    """1, the mean of the sum; at a marked step its value, and 1/2 for the other."""
    value, marker = x.double().unbind(dim=1)
    return torch.where(marker == 1, value + 0.5, 1.0)


def _draw(rng: np.random.RandomState, n: int, seq_len: int, variant: str) -> Split:
    x_NTD = np.zeros((n, seq_len, 2), dtype=np.float32)
    _draw_values(rng, x_NTD[:, :, 0], signed=variant == "hs97")
    if variant == "half":
        first = uniform_integers(rng, 0, seq_len // 2, n)
        second = uniform_integers(rng, seq_len // 2, seq_len, n)
    else:
        first = uniform_integers(rng, 0, 10 if variant == "hs97" else seq_len, n)
        second = uniform_integers(rng, 0, (seq_len // 2 if variant == "hs97" else seq_len) - 1, n)
        second += second >= first  # skips the first marker: uniform over the other steps
    if variant == "hs97":
        x_NTD[:, (0, -1), 1] = -1
        x_NTD[(first == 0) | (second == 0), 0, 0] = 0
    rows = np.arange(n)
    x_NTD[rows, first, 1] = 1
    x_NTD[rows, second, 1] = 1
    y = x_NTD[rows, first, 0] + x_NTD[rows, second, 0]
    if variant == "hs97":  # in float64, rounded once
        y = (0.5 + (x_NTD[rows, first, 0].astype(float) + x_NTD[rows, second, 0]) / 4).astype(np.float32)
    return Split(torch.from_numpy(x_NTD), torch.from_numpy(y), full_lengths(n, seq_len))


def _draw_values(rng: np.random.RandomState, out_NT: np.ndarray, *, signed: bool) -> None:
    """Fills `out_NT` a few rows at a time, with the same draws as one large array."""
    n, seq_len = out_NT.shape
    step = max(1, CHUNK_VALUES // seq_len)
    for start in range(0, n, step):
        values = uniform_float32(rng, min(step, n - start), seq_len)
        out_NT[start : start + step] = 2 * values - 1 if signed else values
