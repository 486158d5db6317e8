"""The embedded Reber grammar: the second symbol determines the last but one, a whole string later."""

from __future__ import annotations

import functools
import math

import numpy as np
import torch

from harness.tasks.common.arguments import one_of, split_sizes, whole_number
from harness.tasks.common.disjoint import DrawSamples, disjoint_splits
from harness.tasks.common.predictors import equal_classes
from harness.tasks.common.random_streams import random_stream, uniform_integers
from harness.tasks.task import MakeSplit, Split, Task, TaskSpec

VARIANTS = ("variable", "fixed")

SYMBOLS = ("-", "B", "T", "P", "S", "X", "V", "E")
"""Token ids 0 to 7; 0 pads shorter strings on the right."""

BRANCHES = (
    (("T", 1), ("P", 2)),
    (("S", 1), ("X", 3)),
    (("T", 2), ("V", 4)),
    (("X", 2), ("S", 5)),
    (("P", 3), ("V", 5)),
)
"""The Reber grammar after its B: for each state two branches (symbol, next state) of probability 1/2."""

LAST = 5
"""The state in which E ends the inner string."""

_ONE = 2**31


def make_embedded_reber(
    *,
    seq_len: int = 50,
    variant: str = "variable",
    n_train: int = 10_000,
    n_val: int = 1_000,
    n_test: int = 2_000,
    seed: int = 0,
    fresh: bool = False,
) -> Task:
    """The class is the last but one symbol of an embedded Reber string, a repetition of the second symbol.

    A string is B, then T or P, a Reber string (B … E), the same T or P, E. The input ends before the last
    two symbols; the class is 0 for T, 1 for P (tested examples: `label_of`):

        B T B T X S E          ->  T E follows  ->  class 0
        B P B P T V P X V V E  ->  P E follows  ->  class 1

    Variants: `variable` draws strings as the source does, each branch with probability 1/2, and draws again
    if the input would be longer than seq_len; inputs have 7 steps or more, 10 on average, and are padded
    with token 0. `fixed` gives every input exactly seq_len steps, each string of that length equally likely
    (up to rounding of each branch's probability to 2⁻³¹), which is the distribution of `variable` at that
    length.

    The source scores a prediction of the next symbol at every step, most of which need no long memory; here
    only the long-range dependency is scored.

    Baseline: the last step is always E, and T and P are equally likely: a loss of ln 2, half correct.
    Solved: an accuracy of 0.99.

    Splits: in `variable` they share strings; at the default sizes 95 of 100 test samples also occur in
    training. One string in four is one of the 4 shortest, so disjoint splits would have different lengths.
    In `fixed` no two splits share a string; there are 4 of 7 steps, 728 of 20, 7 · 10⁷ of 50, so shorter
    ones need fewer validation and test samples.

    Args:
        seq_len: number of steps of the longest input, at least 7.
        variant: `variable` or `fixed`.
        n_train, n_val, n_test: number of sequences in each split.
        seed: seed of the samples; each split has its own random stream.
        fresh: new training samples in each epoch.

    Returns:
        x (N, seq_len) int64 token ids below 8 (see `SYMBOLS`); y (N,) int64 below 2.

    Raises:
        ValueError: an argument is outside its range, or `fixed` has too few strings for the splits.

    Source: Hochreiter & Schmidhuber 1997, Neural Computation 9(8), task 1; the grammar: Reber 1967;
    embedded: Smith & Zipser 1989, Cleeremans et al. 1989.
    """
    seq_len = whole_number("seq_len", seq_len, low=7)
    variant = one_of("variant", variant, VARIANTS)
    sizes = split_sizes(n_train, n_val, n_test, sample_bytes=8 * seq_len)
    seed = whole_number("seed", seed, low=0, high=None)
    spec = TaskSpec(
        name="embedded_reber",
        variant=variant,
        target="class",
        seq_len=seq_len,
        lag=(5 if variant == "variable" else seq_len - 2, seq_len - 2),
        vocab_size=len(SYMBOLS),
        symbols=SYMBOLS,
        num_classes=2,
        class_names=("T", "P"),
        chance_accuracy=0.5,
        memoryless_loss=math.log(2),
        solved_accuracy=0.99,
        data_source="generated",
        citation="Hochreiter & Schmidhuber 1997, Neural Computation 9(8), task 1",
    )

    draw = functools.partial(_draw, seq_len=seq_len, variant=variant)
    splits: MakeSplit = functools.partial(_independent_split, draw, seed, sizes)
    if variant == "fixed":
        splits = disjoint_splits(draw, seed=seed, sizes=sizes)
    return Task(spec, splits, fresh, baselines=equal_classes(2))


def label_of(string: str) -> int:
    """The class of one input: which of T and P must follow.

    >>> label_of("BTBTXSE"), label_of("BPBPTVPXVVE")
    (0, 1)
    """
    return "TP".index(string[1])


def _independent_split(draw: DrawSamples, seed: int, sizes: dict[str, int], split: str, epoch: int) -> Split:
    return draw(random_stream(seed, split, epoch), sizes[split])


def _draw(rng: np.random.RandomState, n: int, *, seq_len: int, variant: str) -> Split:
    y = uniform_integers(rng, 0, 2, n)
    x_NT = np.zeros((n, seq_len), dtype=np.int64)
    x_NT[:, 0] = SYMBOLS.index("B")
    x_NT[:, 1] = SYMBOLS.index("T") + y
    x_NT[:, 2] = SYMBOLS.index("B")
    halves = np.full((seq_len + 1, len(BRANCHES)), _ONE // 2)
    first_share = halves if variant == "variable" else _first_shares(seq_len)
    lengths, rows = np.zeros(n, dtype=np.int64), np.arange(n)
    while len(rows):
        x_NT[rows, 3:], lengths[rows] = _walk(rng, len(rows), seq_len - 3, first_share)
        rows = rows[lengths[rows] == 0]
    return Split(torch.from_numpy(x_NT), torch.from_numpy(y), torch.from_numpy(lengths))


def _walk(
    rng: np.random.RandomState, n: int, steps: int, first_share: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """(n, steps) the symbols after the inner B, padded; (n,) the length of the input, 0 if it did not end."""
    symbol_of = np.array([[SYMBOLS.index(symbol) for symbol, _ in pair] for pair in BRANCHES])
    next_of = np.array([[state for _, state in pair] for pair in BRANCHES])
    tokens = np.zeros((n, steps), dtype=np.int8)
    lengths, state = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.int64)
    running = np.arange(n)
    for step in range(steps):
        ends = state[running] == LAST
        tokens[running[ends], step] = SYMBOLS.index("E")
        lengths[running[ends]] = step + 4
        running = running[~ends]
        at = state[running]
        branch = (uniform_integers(rng, 0, _ONE, len(running)) >= first_share[steps - step, at]).astype(
            np.int64
        )
        tokens[running, step] = symbol_of[at, branch]
        state[running] = next_of[at, branch]
    return tokens, lengths


@functools.lru_cache(maxsize=4)
def _first_shares(seq_len: int) -> np.ndarray:
    """(steps left, state) int64: 2³¹ times the share of the strings with exactly these steps on branch one.

    All strings of one length have the same number of branches, so the source gives them equal probability.
    """
    shares = np.zeros((seq_len + 1, len(BRANCHES)), dtype=np.int64)
    ways = [0] * (LAST + 1)  # per state, the number of strings that end after exactly this many more symbols
    for left in range(1, seq_len + 1):
        pairs = [(ways[first], ways[second]) for (_, first), (_, second) in BRANCHES]
        shares[left] = [first * _ONE // max(first + second, 1) for first, second in pairs]
        ways = [*(first + second for first, second in pairs), int(left == 1)]
    return shares
