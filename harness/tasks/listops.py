"""ListOps: the value of a nested expression of minima, maxima, medians and sums, a digit."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
import torch

from harness.tasks.common.arguments import split_sizes, whole_number
from harness.tasks.common.disjoint import splits_apart
from harness.tasks.common.expressions import evaluate, grow, only, place_tokens, trees_at_once
from harness.tasks.common.random_streams import stream
from harness.tasks.task import Split, Task, TaskSpec

VOCABULARY = ("-", *"0123456789", "[MIN", "[MAX", "[MED", "[SM", "]")
"""Token ids 0 to 15; 0 pads a shorter expression on the right."""

PILOT, PILOT_TREES = 4_096, 2**18
"""The baselines are measured on so many expressions, or on those among so many trees begun, if fewer."""

PILOT_SEED = 2**127 - 1
"""The pilot's seed, one that nobody takes for samples."""


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

    MIN and MAX are the least and greatest argument, MED the median (of an even number the mean of the
    middle two, rounded down), SM the sum modulo 10 (examples that run are in `value_of`):

        [MAX 2 9 [MIN 4 7 ] 0 ]        ->  9
        [SM 8 5 [MED 1 6 4 3 ] ]       ->  8 + 5 + 3 = 16  ->  6

    Variants, named `min_len-seq_len-dDEPTH-aARGS`: seq_len=2000 with the other arguments as they are is
    `500-2000-d10-a10`, the setting of Tay et al. (2021), who leave 500 and 2,000 themselves out; shorter
    ones are the same grammar. Their tree: a node is an operator with probability 1/4, at the greatest
    depth never; operators are equally likely, as are 2 to max_args arguments and the ten digits. A tree
    whose tokens, operator and closing bracket included, are outside the range is drawn anew.

    Baselines: measured when the task is made, on some 4,096 expressions of a stream of their own: the
    share of the commonest value, and the entropy of the values in nats (the last token is always a closing
    bracket, so the loss without memory). 0 and 9 come most: MIN and MAX of several digits. Always
    answering the commonest value is right in 0.17 at 500 to 2,000 tokens (loss 2.25) and in
    0.16 at 25 to 100 (2.26). Solved: an accuracy of 0.99.

    Splits: no two share an expression. There are 400 of 4 tokens, which a small min_len draws often: those
    that the test samples hold do not come in training.

    Args:
        seq_len: most tokens T, at least 4.
        min_len: fewest tokens, at least 4 and at most seq_len; None: a quarter of seq_len, at least 4.
        max_depth: operators inside one another, and the digits in the innermost: at least 2.
        max_args: most arguments of an operator, at least 2.
        n_train, n_val, n_test: sequences in each split.
        seed: of the samples; each split has a stream of its own.
        fresh: new training samples in each pass.

    Returns:
        x (N, seq_len) int64 token ids below 16 (see `VOCABULARY`); y (N,) int64 below 10.

    Raises:
        ValueError: an argument is outside its range, or fewer than one tree in 1,000 (of those that begin
            with an operator) has such a length.

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
    sizes = split_sizes(n_train, n_val, n_test)
    seed = whole_number("seed", seed, low=0, high=None)
    tree = (min_len, seq_len, max_depth, max_args)
    chance_accuracy, memoryless_loss = _baselines(*tree)
    spec = TaskSpec(
        name="listops",
        variant=f"{min_len}-{seq_len}-d{max_depth}-a{max_args}",
        target="class",
        seq_len=seq_len,
        vocab_size=len(VOCABULARY),
        num_classes=10,
        chance_accuracy=chance_accuracy,
        memoryless_loss=memoryless_loss,
        solved_accuracy=0.99,
        data_source="generated",
        citation="Nangia & Bowman 2018, arXiv 1804.06028; Tay et al. 2021, arXiv 2011.04006",
    )
    return Task(spec, splits_apart(lambda rng, n: _draw(rng, n, *tree), seed=seed, sizes=sizes), fresh)


def value_of(tokens: Sequence[str]) -> int:
    """The value of an expression in words.

    >>> value_of("[MAX 2 9 [MIN 4 7 ] 0 ]".split()), value_of("[SM 8 5 [MED 1 6 4 3 ] ]".split())
    (9, 6)
    """
    waiting: list[tuple[str, list[int]]] = [("", [])]
    for token in tokens:
        if token == "]":
            operator, numbers = waiting.pop()
            numbers.sort()
            middle = (numbers[(len(numbers) - 1) // 2] + numbers[len(numbers) // 2]) // 2
            values = {"[MIN": numbers[0], "[MAX": numbers[-1], "[MED": middle, "[SM": sum(numbers) % 10}
            waiting[-1][1].append(values[operator])
        elif token.isdigit():
            waiting[-1][1].append(int(token))
        else:
            waiting.append((token, []))
    return waiting[0][1][0]


def _draw(
    rng: np.random.RandomState, n: int, min_len: int, seq_len: int, max_depth: int, max_args: int
) -> Split:
    x_NT = np.zeros((n, seq_len), dtype=np.int64)
    y, lengths, done = np.empty(n, dtype=np.int64), np.empty(n, dtype=np.int64), 0
    while done < n:
        found, levels = grow(rng, min_len, seq_len, max_depth, max_args)
        if found > n - done:
            found, levels = n - done, only(levels, np.arange(found) < n - done)
        if found:
            part = slice(done, done + found)
            y[part] = evaluate(levels)
            lengths[part] = place_tokens(levels, x_NT[part])
            done += found
    return Split(torch.from_numpy(x_NT), torch.from_numpy(y), torch.from_numpy(lengths))


@functools.lru_cache(maxsize=64)
def _baselines(min_len: int, seq_len: int, max_depth: int, max_args: int) -> tuple[float, float]:
    """(share of the commonest value, entropy of the values in nats), measured on a pilot."""
    rng = stream(PILOT_SEED, "test")
    counts, begun = np.zeros(10, dtype=np.int64), 0
    while counts.sum() < PILOT and begun < PILOT_TREES:
        found, levels = grow(rng, min_len, seq_len, max_depth, max_args)
        begun += trees_at_once(seq_len)
        if found:
            counts += np.bincount(evaluate(levels), minlength=10)
    if 1_000 * counts.sum() < begun:
        raise ValueError(
            f"fewer than one tree in 1,000 has min_len={min_len} to seq_len={seq_len} tokens with "
            f"max_depth={max_depth} and max_args={max_args}; take min_len=4, or other max_depth, max_args"
        )
    shares = counts[counts > 0] / counts.sum()
    return float(shares.max()), -float((shares * np.log(shares)).sum())
