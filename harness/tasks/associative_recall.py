"""Associative recall: pairs of a key and a value, then keys whose values are the labels."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import numpy as np
import torch

from harness.tasks.common.arguments import one_of, split_sizes, whole_number
from harness.tasks.common.disjoint import disjoint_splits
from harness.tasks.common.names import names_of
from harness.tasks.common.predictors import equal_classes
from harness.tasks.common.random_streams import uniform_integers
from harness.tasks.common.without_replacement import draw_without_replacement, shuffle_rows
from harness.tasks.task import NO_LABEL, Split, Task, TaskSpec, full_lengths

VARIANTS = ("single", "mqar")


def make_associative_recall(
    *,
    seq_len: int = 50,
    variant: str = "single",
    num_pairs: int = 8,
    num_keys: int = 26,
    num_values: int = 10,
    n_train: int = 10_000,
    n_val: int = 1_000,
    n_test: int = 2_000,
    seed: int = 0,
    fresh: bool = False,
) -> Task:
    """The label of a query, a key that is repeated, is the value that followed the key.

    The first 2P steps are P pairs of a key and its value; keys differ, values may repeat. Tokens are the
    V values 0 to V − 1, the K keys V to V + K − 1, and the blank V + K. With V = 10, K = 26 and P = 2
    (keys written as letters a = 10, b = 11, …; _ is the blank; · is a step that is not scored; tested
    examples: `labels_of`):

        single  c 9 k 8 _ _ c  ->  class 9        mqar  x  c 9 k 8 _ k c _
        single  k 0 a 0 _ _ a  ->  class 0              y  · · · · · 8 9 ·

    Variants: `single` has one query, at the last step, after blanks (Ba et al. 2016, with letters as keys
    and digits as values); `mqar` has one query for each key, at different steps after the pairs and in any
    order, each choice equally likely, with blanks between (Arora et al. 2023, where short distances are
    more frequent and values are drawn without repetition).

    Baseline: a query is independent of its value, so without memory every value is equally likely: a loss
    of ln V. Solved: an accuracy of 0.99.

    Splits: no two share a sample. There are K! / (K − P)! · Vᴾ lists of pairs, about 10¹⁸ at the default
    sizes; one pair of 26 keys and 10 values gives 260 samples in `single`, too few for the default n_val
    and n_test.

    Args:
        seq_len: number of steps, at least 2 · num_pairs + 1 (`single`) or 3 · num_pairs (`mqar`).
        variant: `single` or `mqar`.
        num_pairs: number of pairs P, at least 1 and at most num_keys.
        num_keys: number of different keys K.
        num_values: number of different values V, at least 2.
        n_train, n_val, n_test: number of sequences in each split.
        seed: seed of the samples; each split has its own random stream.
        fresh: new training samples in each epoch.

    Returns:
        x (N, seq_len) int64 token ids below V + K + 1; y (N,) int64 below V (`single`), or (N, seq_len)
        int64 below V at the queries and -100 elsewhere (`mqar`).

    Raises:
        ValueError: an argument is outside its range, or there are too few samples for the splits.

    Source: Graves, Wayne & Danihelka 2014, arXiv 1410.5401; `single`: Ba et al. 2016, arXiv 1610.06258;
    `mqar`: Arora et al. 2023, arXiv 2312.04927.
    """
    variant = one_of("variant", variant, VARIANTS)
    num_pairs = whole_number("num_pairs", num_pairs)
    num_keys = whole_number("num_keys", num_keys, low=num_pairs)
    num_values = whole_number("num_values", num_values, low=2)
    shortest = 2 * num_pairs + 1 if variant == "single" else 3 * num_pairs
    seq_len = whole_number("seq_len", seq_len, low=shortest)
    sizes = split_sizes(n_train, n_val, n_test, sample_bytes=8 * seq_len)
    seed = whole_number("seed", seed, low=0, high=None)
    spec = TaskSpec(
        name="associative_recall",
        variant=f"{variant}-{num_pairs}",
        target="class" if variant == "single" else "steps",
        seq_len=seq_len,
        lag=(seq_len - 2 * num_pairs if variant == "single" else 1, seq_len - 1),
        vocab_size=num_values + num_keys + 1,
        symbols=names_of(num_values + num_keys, lambda token: _name(token, num_values, num_keys), ("_",)),
        num_classes=num_values,
        chance_accuracy=1 / num_values,
        memoryless_loss=math.log(num_values),
        solved_accuracy=0.99,
        data_source="generated",
        citation="Ba et al. 2016, arXiv 1610.06258"
        if variant == "single"
        else "Arora et al. 2023, arXiv 2312.04927",
    )
    draw = functools.partial(
        _draw,
        seq_len=seq_len,
        variant=variant,
        num_pairs=num_pairs,
        num_keys=num_keys,
        num_values=num_values,
    )
    splits = disjoint_splits(draw, seed=seed, sizes=sizes)
    return Task(spec, splits, fresh, baselines=equal_classes(num_values))


def _name(token: int, num_values: int, num_keys: int) -> str:
    """A value's number; a key's letter, as in the source, or of more than 26 keys `k0`, `k1`, …."""
    key = token - num_values
    if key < 0:
        return str(token)
    return chr(ord("a") + key) if num_keys <= 26 else f"k{key}"


def labels_of(tokens: Sequence[int], num_pairs: int) -> list[int]:
    """The label of each step of one input; in `single` the last one is the class.

    >>> labels_of([12, 9, 20, 8, 36, 36, 12], num_pairs=2)[-1]
    9
    >>> labels_of([12, 9, 20, 8, 36, 20, 12, 36], num_pairs=2)
    [-100, -100, -100, -100, -100, 8, 9, -100]
    """
    pairs, rest = tokens[: 2 * num_pairs], tokens[2 * num_pairs :]
    value_of = dict(zip(pairs[::2], pairs[1::2], strict=True))
    return [NO_LABEL] * len(pairs) + [value_of.get(token, NO_LABEL) for token in rest]


def _draw(
    rng: np.random.RandomState,
    n: int,
    *,
    seq_len: int,
    variant: str,
    num_pairs: int,
    num_keys: int,
    num_values: int,
) -> Split:
    keys = shuffle_rows(rng, draw_without_replacement(rng, n, num_pairs, num_keys)) + num_values
    values = uniform_integers(rng, 0, num_values, n, num_pairs)
    x_NT = np.full((n, seq_len), num_values + num_keys, dtype=np.int64)
    x_NT[:, : 2 * num_pairs : 2] = keys
    x_NT[:, 1 : 2 * num_pairs : 2] = values
    add_queries = _add_single_query if variant == "single" else _add_all_queries
    return add_queries(rng, x_NT, keys, values)


def _add_single_query(
    rng: np.random.RandomState, x_NT: np.ndarray, keys: np.ndarray, values: np.ndarray
) -> Split:
    n, num_pairs = keys.shape
    rows, pair = np.arange(n), uniform_integers(rng, 0, num_pairs, n)
    x_NT[:, -1] = keys[rows, pair]
    y = torch.from_numpy(values[rows, pair])
    return Split(torch.from_numpy(x_NT), y, full_lengths(n, x_NT.shape[1]))


def _add_all_queries(
    rng: np.random.RandomState, x_NT: np.ndarray, keys: np.ndarray, values: np.ndarray
) -> Split:
    (n, num_pairs), seq_len = keys.shape, x_NT.shape[1]
    free = seq_len - 2 * num_pairs
    steps = shuffle_rows(rng, draw_without_replacement(rng, n, num_pairs, free)) + 2 * num_pairs
    np.put_along_axis(x_NT, steps, keys, axis=1)
    y_NT = np.full((n, seq_len), NO_LABEL, dtype=np.int64)
    np.put_along_axis(y_NT, steps, values, axis=1)
    return Split(torch.from_numpy(x_NT), torch.from_numpy(y_NT), full_lengths(n, seq_len))
