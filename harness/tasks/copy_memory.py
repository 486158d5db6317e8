"""The copying memory problem: ten symbols, a long delay, a delimiter; then the ten symbols are the labels."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from harness.tasks.common.arguments import one_of, split_sizes, whole_number
from harness.tasks.common.disjoint import disjoint_splits
from harness.tasks.common.predictors import equal_classes
from harness.tasks.common.random_streams import uniform_integers
from harness.tasks.task import NO_LABEL, Baselines, Split, Task, TaskSpec, full_lengths

VARIANTS = ("all_steps", "last_steps")

SYMBOLS, COUNT = 8, 10
"""The source's sizes: 10 symbols to copy, each one of 8."""

BLANK, DELIMITER = 8, 9
"""Token ids besides the symbols 0 to 7; BLANK is also the ninth class of `all_steps`."""


def make_copy_memory(
    *,
    seq_len: int = 120,
    variant: str = "all_steps",
    n_train: int = 10_000,
    n_val: int = 1_000,
    n_test: int = 2_000,
    seed: int = 0,
    fresh: bool = False,
) -> Task:
    """Reproduces the first ten symbols at the last ten steps.

    An input is ten symbols (0 to 7), T − 1 blanks (8), a delimiter (9) and ten blanks; seq_len = T + 20 for
    the delay T of the papers, so their T = 100 is seq_len=120. With T = 2, in `all_steps` and `last_steps`
    (· is a step that is not scored; tested examples: `labels_of`):

        x  3 1 4 1 5 2 6 5 3 5 8 9 8 8 8 8 8 8 8 8 8 8
        y  8 8 8 8 8 8 8 8 8 8 8 8 3 1 4 1 5 2 6 5 3 5
        x  0 0 7 0 0 0 0 0 0 7 8 9 8 8 8 8 8 8 8 8 8 8
        y  · · · · · · · · · · · · 0 0 7 0 0 0 0 0 0 7

    Variants: `all_steps` scores every step, with the blank as a ninth class (Arjovsky et al. 2016; Bai et
    al. 2018, with the delimiter instead of blanks at the last ten steps); `last_steps` scores the last ten
    steps only, with 8 classes.

    Baseline: a predictor that knows the step but remembers no symbol predicts blank before the last ten
    steps and guesses there. `all_steps`: a loss of 10 · ln 8 / (T + 20), 0.1733 at T = 100 and 0.0400 at
    T = 500, and (T + 10 + 10/8) of T + 20 correct. `last_steps`: ln 8 and 1 of 8. Solved: 99 of 100
    symbols, which in `all_steps` is an accuracy of 1 − 0.1 / (T + 20).

    Splits: no two share a sample; 8¹⁰ ≈ 10⁹ samples exist.

    Args:
        seq_len: number of steps T + 20, at least 21.
        variant: `all_steps` or `last_steps`.
        n_train, n_val, n_test: number of sequences in each split.
        seed: seed of the samples; each split has its own random stream.
        fresh: new training samples in each epoch.

    Returns:
        x (N, T + 20) int64 token ids below 10; y (N, T + 20) int64 below 9 (`all_steps`) or below 8 with
        -100 at the steps that are not scored (`last_steps`).

    Raises:
        ValueError: an argument is outside its range.

    Source: Arjovsky, Shah & Bengio 2016, arXiv 1511.06464, section 4.1, after Hochreiter & Schmidhuber
    1997; Bai, Kolter & Koltun 2018, arXiv 1803.01271.
    """
    seq_len = whole_number("seq_len", seq_len, low=2 * COUNT + 1)
    variant = one_of("variant", variant, VARIANTS)
    sizes = split_sizes(n_train, n_val, n_test, sample_bytes=8 * seq_len)
    seed = whole_number("seed", seed, low=0, high=None)
    scored = seq_len if variant == "all_steps" else COUNT
    spec = TaskSpec(
        name="copy_memory",
        variant=variant,
        target="steps",
        seq_len=seq_len,
        lag=(seq_len - COUNT, seq_len - COUNT),
        vocab_size=SYMBOLS + 2,
        symbols=(*map(str, range(SYMBOLS)), "_", "|"),
        class_names=(*map(str, range(SYMBOLS)), "_") if variant == "all_steps" else None,
        num_classes=SYMBOLS + 1 if variant == "all_steps" else SYMBOLS,
        chance_accuracy=(scored - COUNT + COUNT / SYMBOLS) / scored,
        memoryless_loss=COUNT * math.log(SYMBOLS) / scored,
        solved_accuracy=1 - 0.01 * COUNT / scored,
        data_source="generated",
        citation="Arjovsky, Shah & Bengio 2016, arXiv 1511.06464, section 4.1",
    )

    draw = functools.partial(_draw, seq_len=seq_len, variant=variant)
    predictors = equal_classes(SYMBOLS)
    if variant == "all_steps":
        predictors = Baselines(memoryless=functools.partial(_blank_or_guess, seq_len - COUNT))
    return Task(spec, disjoint_splits(draw, seed=seed, sizes=sizes), fresh, baselines=predictors)


def labels_of(tokens: Sequence[int], variant: str) -> list[int]:
    """The labels of one input.

    >>> x = [3, 1, 4, 1, 5, 2, 6, 5, 3, 5, 8, 9, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8]
    >>> labels_of(x, "all_steps")
    [8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 3, 1, 4, 1, 5, 2, 6, 5, 3, 5]
    >>> labels_of([0, 0, 7] + [0] * 6 + [7, 8, 9] + [8] * 10, "last_steps")[-12:]
    [-100, -100, 0, 0, 7, 0, 0, 0, 0, 0, 0, 7]
    """
    before = BLANK if variant == "all_steps" else NO_LABEL
    return [before] * (len(tokens) - COUNT) + list(tokens[:COUNT])


def _blank_or_guess(first_symbol: int, _x: Tensor, steps: Tensor) -> Tensor:
    """Blank before the step `first_symbol`; from it on every symbol is equally likely."""
    shares = torch.tensor([[0.0] * SYMBOLS + [1], [1 / SYMBOLS] * SYMBOLS + [0]], dtype=torch.float64)
    return shares.log()[(steps >= first_symbol).long()]


def _draw(rng: np.random.RandomState, n: int, *, seq_len: int, variant: str) -> Split:
    symbols = uniform_integers(rng, 0, SYMBOLS, n, COUNT)
    x_NT = np.full((n, seq_len), BLANK, dtype=np.int64)
    x_NT[:, :COUNT] = symbols
    x_NT[:, -COUNT - 1] = DELIMITER
    y_NT = np.full((n, seq_len), BLANK if variant == "all_steps" else NO_LABEL, dtype=np.int64)
    y_NT[:, -COUNT:] = symbols
    return Split(torch.from_numpy(x_NT), torch.from_numpy(y_NT), full_lengths(n, seq_len))
