"""The temporal order problem: in which order did the relevant symbols occur?"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterable

import numpy as np
import torch

from harness.tasks.common.arguments import one_of, split_sizes, whole_number
from harness.tasks.common.disjoint import disjoint_splits
from harness.tasks.common.predictors import equal_classes
from harness.tasks.common.random_streams import uniform_integers
from harness.tasks.task import Split, Task, TaskSpec, full_lengths

SYMBOLS = ("X", "Y", "a", "b", "c", "d", "E", "B")
"""Token ids 0 to 7: X and Y are relevant, a to d are distractors, E starts a sequence, B ends it."""

WINDOWS = {
    "6a-fractions": ((10, 20), (50, 60)),
    "6b-fractions": ((10, 20), (33, 43), (66, 76)),
}
"""For each variant the first and last possible step of each relevant symbol, in hundredths of the length."""


def make_temporal_order(
    *,
    seq_len: int = 100,
    variant: str = "6a-fractions",
    n_train: int = 10_000,
    n_val: int = 1_000,
    n_test: int = 2_000,
    seed: int = 0,
    fresh: bool = False,
) -> Task:
    """The class is the order of the relevant symbols X and Y, far from the end (tested examples: `class_of`).

        E a X c d Y b B  ->  X, Y  ->  class 1
        E b Y a a X d B  ->  Y, X  ->  class 2

    The class is the binary number formed by the relevant symbols, X = 0 and Y = 1, most significant first:
    X,X = 0; X,Y = 1; Y,X = 2; Y,Y = 3.

    Variants, after tasks 6a and 6b of the source: `6a-fractions` has 2 relevant symbols (4 classes), at
    a step from T/10 to T/5 and from T/2 to 3T/5; `6b-fractions` has 3 (8 classes), at T/10 to T/5,
    33T/100 to 43T/100 and 66T/100 to 76T/100, rounded down, both ends included. The source draws lengths
    from 100 to 110 and has these windows at 10–20, 50–60 and so on; here the length is fixed and the
    windows scale with it.

    Splits: no two share a sample. There are more than 4^(T − 2), 65,536 at T = 10, the shortest length, in
    6a.

    Baseline: the last symbol is always B, so without memory every class is equally likely: a loss of
    ln 4 or ln 8. Solved: an accuracy of 0.99.

    Args:
        seq_len: number of steps T, at least 10, so that windows overlap neither each other nor the ends.
        variant: `6a-fractions` or `6b-fractions`.
        n_train, n_val, n_test: number of sequences in each split.
        seed: seed of the samples; each split has its own random stream.
        fresh: new training samples in each epoch.

    Returns:
        x (N, T) int64 token ids below 8 (see `SYMBOLS`); y (N,) int64.

    Raises:
        ValueError: an argument is outside its range, or there are too few samples for the splits.

    Source: Hochreiter & Schmidhuber 1997, Neural Computation 9(8), task 6.
    """
    seq_len = whole_number("seq_len", seq_len, low=10)
    variant = one_of("variant", variant, WINDOWS)
    sizes = split_sizes(n_train, n_val, n_test, sample_bytes=8 * seq_len)
    seed = whole_number("seed", seed, low=0, high=None)
    num_classes = 2 ** len(WINDOWS[variant])
    spec = TaskSpec(
        name="temporal_order",
        variant=variant,
        target="class",
        seq_len=seq_len,
        lag=_lag(seq_len, variant),
        vocab_size=len(SYMBOLS),
        symbols=SYMBOLS,
        num_classes=num_classes,
        class_names=tuple(map("".join, itertools.product("XY", repeat=len(WINDOWS[variant])))),
        chance_accuracy=1 / num_classes,
        memoryless_loss=math.log(num_classes),
        solved_accuracy=0.99,
        data_source="generated",
        citation="Hochreiter & Schmidhuber 1997, Neural Computation 9(8), task 6",
    )
    draw = functools.partial(_draw, seq_len=seq_len, variant=variant)
    splits = disjoint_splits(draw, seed=seed, sizes=sizes)
    return Task(spec, splits, fresh, baselines=equal_classes(num_classes))


def _lag(seq_len: int, variant: str) -> tuple[int, int]:
    """Steps from the last and from the first possible relevant symbol to the end."""
    windows = WINDOWS[variant]
    return seq_len - 1 - windows[-1][1] * seq_len // 100, seq_len - 1 - windows[0][0] * seq_len // 100


def class_of(symbols: Iterable[str]) -> int:
    """The label of one sequence of letters.

    >>> class_of("E a X c d Y b B".split()), class_of("E b Y a a X d B".split())
    (1, 2)
    >>> class_of("EaYbYcXB")
    6
    """
    label = 0
    for symbol in symbols:
        if symbol in "XY":
            label = 2 * label + "XY".index(symbol)
    return label


def _draw(rng: np.random.RandomState, n: int, *, seq_len: int, variant: str) -> Split:
    x_NT = uniform_integers(rng, SYMBOLS.index("a"), SYMBOLS.index("d") + 1, n, seq_len)
    x_NT[:, 0] = SYMBOLS.index("E")
    x_NT[:, -1] = SYMBOLS.index("B")
    rows, y = np.arange(n), np.zeros(n, dtype=np.int64)
    for low, high in WINDOWS[variant]:
        step = uniform_integers(rng, low * seq_len // 100, high * seq_len // 100 + 1, n)
        symbol = uniform_integers(rng, 0, 2, n)
        x_NT[rows, step] = symbol
        y = 2 * y + symbol
    return Split(torch.from_numpy(x_NT), torch.from_numpy(y), full_lengths(n, seq_len))
