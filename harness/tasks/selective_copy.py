"""Selective copying: symbols scattered among blanks are the labels of the last steps, in their order."""

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
from harness.tasks.common.random_streams import uniform_integers
from harness.tasks.common.without_replacement import draw_without_replacement
from harness.tasks.task import NO_LABEL, Split, Task, TaskSpec, full_lengths


def make_selective_copy(
    *,
    seq_len: int = 120,
    num_copied: int = 10,
    num_symbols: int = 8,
    n_train: int = 10_000,
    n_val: int = 1_000,
    n_test: int = 2_000,
    seed: int = 0,
    fresh: bool = False,
) -> Task:
    """Reproduces M symbols, scattered among blanks, at the last M steps.

    The first seq_len − M − 1 steps hold the M symbols at different steps, each set of steps equally
    likely, and blanks elsewhere; then a delimiter and M blanks. With K = 4 symbols (0 to 3, blank 4,
    delimiter 5) and M = 2 (· is a step that is not scored; tested examples: `labels_of`):

        x  4 2 4 4 1 5 4 4        x  3 4 4 3 4 5 4 4
        y  · · · · · · 2 1        y  · · · · · · 3 3

    Variants: `M-of-K`, by the sizes; the symbols are drawn with repetition. Unlike in `copy_memory` the
    steps differ between samples, so no fixed delay solves it: the cell must select what to store. Gu & Dao
    (2023) use M = 16, K = 16 and 4,096 steps before the scored ones.

    Baseline: a scored step holds a blank, which is independent of the symbol, so without memory every
    symbol is equally likely: a loss of ln K. Solved: an accuracy of 0.99.

    Splits: no two share a sample. There are Kᴹ · C(seq_len − M − 1, M), about 10²² at the default sizes;
    with one symbol of 2 in 12 steps there are 20, too few for the default n_val and n_test.

    Args:
        seq_len: number of steps, at least 2 · num_copied + 1.
        num_copied: number of symbols M in a sample, at least 1.
        num_symbols: number of different symbols K, at least 2.
        n_train, n_val, n_test: number of sequences in each split.
        seed: seed of the samples; each split has its own random stream.
        fresh: new training samples in each epoch.

    Returns:
        x (N, seq_len) int64 token ids below K + 2; y (N, seq_len) int64 below K at the last M steps and
        -100 before.

    Raises:
        ValueError: an argument is outside its range, or there are too few samples for the splits.

    Source: Jing et al. 2019, Gated Orthogonal Recurrent Units, Neural Computation 31(4) (the denoising
    task); as selective copying: Gu & Dao 2023, arXiv 2312.00752.
    """
    num_copied = whole_number("num_copied", num_copied)
    num_symbols = whole_number("num_symbols", num_symbols, low=2)
    seq_len = whole_number("seq_len", seq_len, low=2 * num_copied + 1)
    sizes = split_sizes(n_train, n_val, n_test, sample_bytes=8 * seq_len)
    seed = whole_number("seed", seed, low=0, high=None)
    spec = TaskSpec(
        name="selective_copy",
        variant=f"{num_copied}-of-{num_symbols}",
        target="steps",
        seq_len=seq_len,
        lag=(num_copied + 1, seq_len - num_copied),
        vocab_size=num_symbols + 2,
        symbols=names_of(num_symbols, str, ("_", "|")),
        num_classes=num_symbols,
        chance_accuracy=1 / num_symbols,
        memoryless_loss=math.log(num_symbols),
        solved_accuracy=0.99,
        data_source="generated",
        citation="Jing et al. 2019, Neural Computation 31(4); Gu & Dao 2023, arXiv 2312.00752",
    )

    draw = functools.partial(_draw, seq_len=seq_len, num_copied=num_copied, num_symbols=num_symbols)
    splits = disjoint_splits(draw, seed=seed, sizes=sizes)
    return Task(spec, splits, fresh, baselines=equal_classes(num_symbols))


def labels_of(tokens: Sequence[int], num_symbols: int) -> list[int]:
    """The labels of one input.

    >>> labels_of([4, 2, 4, 4, 1, 5, 4, 4], num_symbols=4)
    [-100, -100, -100, -100, -100, -100, 2, 1]
    >>> labels_of([3, 4, 4, 3, 4, 5, 4, 4], num_symbols=4)
    [-100, -100, -100, -100, -100, -100, 3, 3]
    """
    symbols = [token for token in tokens if token < num_symbols]
    return [NO_LABEL] * (len(tokens) - len(symbols)) + symbols


def _draw(rng: np.random.RandomState, n: int, *, seq_len: int, num_copied: int, num_symbols: int) -> Split:
    symbols = uniform_integers(rng, 0, num_symbols, n, num_copied)
    steps = np.sort(draw_without_replacement(rng, n, num_copied, seq_len - num_copied - 1), axis=1)
    x_NT = np.full((n, seq_len), num_symbols, dtype=np.int64)
    np.put_along_axis(x_NT, steps, symbols, axis=1)
    x_NT[:, -num_copied - 1] = num_symbols + 1
    y_NT = np.full((n, seq_len), NO_LABEL, dtype=np.int64)
    y_NT[:, -num_copied:] = symbols
    return Split(torch.from_numpy(x_NT), torch.from_numpy(y_NT), full_lengths(n, seq_len))
