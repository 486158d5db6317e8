"""ListOps: the value, a digit, of a nested expression of minima, maxima, medians and sums."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import numpy as np
import torch

from harness.tasks.common.arguments import split_sizes, whole_number
from harness.tasks.common.disjoint import disjoint_splits
from harness.tasks.common.expressions import (
    evaluate,
    grow_trees,
    most_long_trees,
    select_trees,
    trees_per_round,
    write_tokens,
)
from harness.tasks.common.predictors import always
from harness.tasks.common.random_streams import random_stream
from harness.tasks.task import Baselines, Split, Task, TaskSpec

VOCABULARY = ("-", *"0123456789", "[MIN", "[MAX", "[MED", "[SM", "]")
"""Token ids 0 to 15; 0 pads shorter expressions on the right."""

BASELINE_SAMPLES, BASELINE_TREES = 4_096, 2**18
"""Number of expressions on which the baselines are measured, and most trees to start for them."""

BASELINE_SEED = 2**127 - 1
"""Seed of these expressions, one that is not used for samples."""


def make_listops(
    *,
    seq_len: int = 100,
    min_len: int | None = None,
    max_depth: int = 10,
    max_args: int = 10,
    n_train: int = 10_000,
    n_val: int = 1_000,
    n_test: int = 2_000,
    seed: int = 0,
    fresh: bool = False,
) -> Task:
    """Evaluates a nested expression over digits; the value, 0 to 9, is the class.

    MIN and MAX are the smallest and the largest argument, MED the median (for an even number the mean of
    the middle two, rounded down), SM the sum modulo 10 (tested examples: `value_of`):

        [MAX 2 9 [MIN 4 7 ] 0 ]        ->  9
        [SM 8 5 [MED 1 6 4 3 ] ]       ->  8 + 5 + 3 = 16  ->  6

    Variants, named `min_len-seq_len-dDEPTH-aARGS`: seq_len=2000 with the other arguments at their defaults
    is `500-2000-d10-a10`, the setting of Tay et al. (2021), who exclude 500 and 2,000 themselves; shorter
    ones use the same grammar. Their tree: a node is an operator with probability 1/4, and never at the
    largest depth; operators are equally likely, as are 2 to max_args arguments and the ten digits. A tree
    with a number of tokens (operators and closing brackets included) outside the range is drawn again.

    Baseline: measured when the task is made, on about 4,096 expressions from a separate random stream: the
    share of the most frequent value, and the entropy of the values in nats (the last token is always a
    closing bracket, so this is the loss without memory). 0 and 9 are most frequent: MIN and MAX of several
    digits. Always predicting the most frequent value is correct in 0.17 at 500 to 2,000 tokens (loss 2.25)
    and in 0.16 at 25 to 100 (2.26). Solved: an accuracy of 0.99.

    Splits: no two share an expression. There are 400 of 4 tokens, which are frequent with a small min_len:
    those in the test samples do not occur in training.

    Args:
        seq_len: largest number of tokens T, at least 4.
        min_len: smallest number of tokens, at least 4 and at most seq_len; None: a quarter of seq_len, at
            least 4.
        max_depth: levels of nesting, the innermost digits included, at least 2.
        max_args: largest number of arguments of an operator, at least 2.
        n_train, n_val, n_test: number of sequences in each split.
        seed: seed of the samples; each split has its own random stream.
        fresh: new training samples in each epoch.

    Returns:
        x (N, seq_len) int64 token ids below 16 (see `VOCABULARY`); y (N,) int64 below 10.

    Raises:
        ValueError: an argument is outside its range, fewer than one tree in 1,000 (of those with an operator
            at the root) has such a length, or there are too few samples for the splits.

    Source: Nangia & Bowman 2018, arXiv 1804.06028; Tay et al. 2021, Long Range Arena, arXiv 2011.04006.
    """
    seq_len = whole_number("seq_len", seq_len, low=4)
    min_len = max(4, seq_len // 4) if min_len is None else whole_number("min_len", min_len, low=4)
    if min_len > seq_len:
        raise ValueError(
            f"min_len must be at most seq_len, {seq_len}, not {min_len}; the nearest is {seq_len}"
        )
    max_depth = whole_number("max_depth", max_depth, low=2)
    max_args = whole_number("max_args", max_args, low=2)
    sizes = split_sizes(n_train, n_val, n_test, sample_bytes=8 * seq_len)
    seed = whole_number("seed", seed, low=0, high=None)
    shares = _value_shares(min_len, seq_len, max_depth, max_args)
    logs = [math.log(share) if share else -math.inf for share in shares]
    spec = TaskSpec(
        name="listops",
        variant=f"{min_len}-{seq_len}-d{max_depth}-a{max_args}",
        target="class",
        seq_len=seq_len,
        lag=(0, seq_len - 1),
        vocab_size=len(VOCABULARY),
        symbols=VOCABULARY,
        num_classes=10,
        chance_accuracy=max(shares),
        memoryless_loss=-math.fsum(share * log for share, log in zip(shares, logs, strict=True) if share),
        solved_accuracy=0.99,
        data_source="generated",
        citation="Nangia & Bowman 2018, arXiv 1804.06028; Tay et al. 2021, arXiv 2011.04006",
    )
    draw = functools.partial(_draw, min_len=min_len, seq_len=seq_len, max_depth=max_depth, max_args=max_args)
    predictors = Baselines(chance=shares.index(max(shares)), memoryless=always(logs))
    return Task(spec, disjoint_splits(draw, seed=seed, sizes=sizes), fresh, baselines=predictors)


def value_of(tokens: Sequence[str]) -> int:
    """The value of an expression, given as a list of words.

    >>> value_of("[MAX 2 9 [MIN 4 7 ] 0 ]".split()), value_of("[SM 8 5 [MED 1 6 4 3 ] ]".split())
    (9, 6)
    """
    stack: list[tuple[str, list[int]]] = [("", [])]
    for token in tokens:
        if token == "]":
            operator, numbers = stack.pop()
            numbers.sort()
            middle = (numbers[(len(numbers) - 1) // 2] + numbers[len(numbers) // 2]) // 2
            values = {"[MIN": numbers[0], "[MAX": numbers[-1], "[MED": middle, "[SM": sum(numbers) % 10}
            stack[-1][1].append(values[operator])
        elif token.isdigit():
            stack[-1][1].append(int(token))
        else:
            stack.append((token, []))
    return stack[0][1][0]


def _draw(
    rng: np.random.RandomState, n: int, *, min_len: int, seq_len: int, max_depth: int, max_args: int
) -> Split:
    x_NT = np.zeros((n, seq_len), dtype=np.int64)
    y, lengths, done = np.empty(n, dtype=np.int64), np.empty(n, dtype=np.int64), 0
    while done < n:
        found, levels = grow_trees(rng, min_len, seq_len, max_depth, max_args)
        if found > n - done:
            found, levels = n - done, select_trees(levels, np.arange(found) < n - done)
        if found:
            part = slice(done, done + found)
            y[part] = evaluate(levels)
            lengths[part] = write_tokens(levels, x_NT[part])
            done += found
    return Split(torch.from_numpy(x_NT), torch.from_numpy(y), torch.from_numpy(lengths))


@functools.lru_cache(maxsize=64)
def _value_shares(min_len: int, seq_len: int, max_depth: int, max_args: int) -> tuple[float, ...]:
    """The shares of the values 0 to 9, measured."""
    too_rare = ValueError(
        f"fewer than one tree in 1,000 has min_len={min_len} to seq_len={seq_len} tokens with "
        f"max_depth={max_depth} and max_args={max_args}; set min_len=4, or other max_depth, max_args"
    )
    if most_long_trees(min_len, max_depth, max_args) < 1e-3:
        raise too_rare
    rng = random_stream(BASELINE_SEED, "test")
    counts, started = np.zeros(10, dtype=np.int64), 0
    while counts.sum() < BASELINE_SAMPLES and started < BASELINE_TREES:
        found, levels = grow_trees(rng, min_len, seq_len, max_depth, max_args)
        started += trees_per_round(seq_len)
        if found:
            counts += np.bincount(evaluate(levels), minlength=10)
    if 1_000 * counts.sum() < started:
        raise too_rare
    return tuple((counts / counts.sum()).tolist())
