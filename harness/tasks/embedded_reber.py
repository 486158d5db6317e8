"""The embedded Reber grammar: the second symbol decides the one before last, a whole string later."""

from __future__ import annotations

import functools
import math

import numpy as np
import torch

from harness.tasks.common.arguments import one_of, split_sizes, whole_number
from harness.tasks.common.disjoint import splits_apart
from harness.tasks.common.random_streams import stream, whole
from harness.tasks.task import Split, Task, TaskSpec

VARIANTS = ("variable", "fixed")

SYMBOLS = ("-", "B", "T", "P", "S", "X", "V", "E")
"""Token ids 0 to 7; 0 pads a shorter string on the right."""

FORKS = (
    (("T", 1), ("P", 2)),
    (("S", 1), ("X", 3)),
    (("T", 2), ("V", 4)),
    (("X", 2), ("S", 5)),
    (("P", 3), ("V", 5)),
)
"""The Reber grammar after its B: per state two (symbol, next state), each taken half the time."""

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
    """Names the symbol before last of an embedded Reber string, which repeats the second one.

    A string is B, then T or P, a Reber string (B … E), the same T or P, E. The input ends before the last
    two symbols; the class is 0 for T, 1 for P (examples that run are in `label_of`):

        B T B T X S E          ->  T E follows  ->  class 0
        B P B P T V P X V V E  ->  P E follows  ->  class 1

    Variants: `variable` draws strings as the source does, either branch of each fork half the time, and
    draws a string anew whose input would exceed seq_len; inputs have 7 steps or more, 10 on average, and
    are padded with token 0. `fixed` gives every input exactly seq_len steps, each string of that length
    being equally likely (up to rounding of each fork's probability to 2⁻³¹), which is what `variable`
    gives at that length.

    The source asks the next symbol at every step, most of which need no long memory; here only the long
    range is asked.

    Baseline: the last step is always E, and T and P are equally likely: a loss of ln 2, half right.
    Solved: an accuracy of 0.99.

    Splits: in `variable` they share strings, at the default sizes 95 of 100 test samples also occur in
    training. One string in four is one of the 4 shortest, so splits without a common string would have
    different lengths. In `fixed` no two splits share a string; there are 4 of 7 steps, 728 of 20, 7 · 10⁷
    of 50, so shorter ones need fewer samples to validate and test on.

    Args:
        seq_len: steps of the longest input, at least 7.
        variant: `variable` or `fixed`.
        n_train, n_val, n_test: sequences in each split.
        seed: of the samples; each split has a stream of its own.
        fresh: new training samples in each pass.

    Returns:
        x (N, seq_len) int64 token ids below 8 (see `SYMBOLS`); y (N,) int64 below 2.

    Raises:
        ValueError: an argument is outside its range; where splits are made, too few strings are `fixed`.

    Source: Hochreiter & Schmidhuber 1997, Neural Computation 9(8), task 1; the grammar: Reber 1967;
    embedded: Smith & Zipser 1989, Cleeremans et al. 1989.
    """
    seq_len = whole_number("seq_len", seq_len, low=7)
    variant = one_of("variant", variant, VARIANTS)
    sizes = split_sizes(n_train, n_val, n_test)
    seed = whole_number("seed", seed, low=0, high=None)
    spec = TaskSpec(
        name="embedded_reber",
        variant=variant,
        target="class",
        seq_len=seq_len,
        vocab_size=len(SYMBOLS),
        num_classes=2,
        chance_accuracy=0.5,
        memoryless_loss=math.log(2),
        solved_accuracy=0.99,
        data_source="generated",
        citation="Hochreiter & Schmidhuber 1997, Neural Computation 9(8), task 1",
    )

    def draw(rng: np.random.RandomState, n: int) -> Split:
        return _draw(rng, n, seq_len, variant)

    if variant == "fixed":
        return Task(spec, splits_apart(draw, seed=seed, sizes=sizes), fresh)
    return Task(spec, lambda split, epoch: draw(stream(seed, split, epoch), sizes[split]), fresh)


def label_of(string: str) -> int:
    """The class of one input: which of T and P must come again.

    >>> label_of("BTBTXSE"), label_of("BPBPTVPXVVE")
    (0, 1)
    """
    return "TP".index(string[1])


def _draw(rng: np.random.RandomState, n: int, seq_len: int, variant: str) -> Split:
    y = whole(rng, 0, 2, n)
    x_NT = np.zeros((n, seq_len), dtype=np.int64)
    x_NT[:, 0] = SYMBOLS.index("B")
    x_NT[:, 1] = SYMBOLS.index("T") + y
    x_NT[:, 2] = SYMBOLS.index("B")
    halves = np.full((seq_len + 1, len(FORKS)), _ONE // 2)
    first_share = halves if variant == "variable" else _first_shares(seq_len)
    lengths, rest = np.zeros(n, dtype=np.int64), np.arange(n)
    while len(rest):
        x_NT[rest, 3:], lengths[rest] = _walk(rng, len(rest), seq_len - 3, first_share)
        rest = rest[lengths[rest] == 0]
    return Split(torch.from_numpy(x_NT), torch.from_numpy(y), torch.from_numpy(lengths))


def _walk(
    rng: np.random.RandomState, n: int, steps: int, first_share: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """(n, steps) what follows the inner B, padded; (n,) the length of the whole input, or 0: not ended."""
    symbol_of = np.array([[SYMBOLS.index(symbol) for symbol, _ in fork] for fork in FORKS])
    next_of = np.array([[state for _, state in fork] for fork in FORKS])
    tokens = np.zeros((n, steps), dtype=np.int8)
    lengths, state = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.int64)
    running = np.arange(n)
    for step in range(steps):
        ends = state[running] == LAST
        tokens[running[ends], step] = SYMBOLS.index("E")
        lengths[running[ends]] = step + 4
        running = running[~ends]
        at = state[running]
        branch = (whole(rng, 0, _ONE, len(running)) >= first_share[steps - step, at]).astype(np.int64)
        tokens[running, step] = symbol_of[at, branch]
        state[running] = next_of[at, branch]
    return tokens, lengths


@functools.lru_cache(maxsize=4)
def _first_shares(seq_len: int) -> np.ndarray:
    """(steps left, state) int64: 2³¹ times the share of the strings of just this length on branch one.

    Every string of a length passes equally many forks, so each has the same probability in the source.
    """
    shares = np.zeros((seq_len + 1, len(FORKS)), dtype=np.int64)
    ways = [0] * (LAST + 1)  # per state, the strings that end after just this many more symbols
    for left in range(1, seq_len + 1):
        pairs = [(ways[first], ways[second]) for (_, first), (_, second) in FORKS]
        shares[left] = [first * _ONE // max(first + second, 1) for first, second in pairs]
        ways = [*(first + second for first, second in pairs), int(left == 1)]
    return shares
