"""Random Dyck words (matched brackets): every word of the given length and depth is equally likely."""

from __future__ import annotations

import functools

import numpy as np

from harness.tasks.common.random_streams import uniform_integers

_ONE = 2**31


@functools.lru_cache(maxsize=4)
def _opening_table(seq_len: int, max_depth: int) -> np.ndarray:
    """(seq_len + 1, 2, max_depth + 1) int64: 2³¹ times the probability that the next bracket opens.

    Indexed by the number of steps left, whether depth `max_depth` was reached, and the number of brackets
    open now. The probability is the share of the completions that start with an opening bracket, from exact
    counts (Python integers), rounded down to a multiple of 2⁻³¹; a step without a choice is exact.
    """
    table = np.zeros((seq_len + 1, 2, max_depth + 1), dtype=np.int64)
    ways = np.zeros((2, max_depth + 1), dtype=object)
    ways[1, 0] = 1
    for left in range(1, seq_len + 1):
        opened, closed = np.zeros_like(ways), np.zeros_like(ways)
        opened[:, :-1] = ways[:, 1:]
        opened[0, -2] = ways[1, -1]  # this step reaches the depth
        closed[:, 1:] = ways[:, :-1]
        ways = opened + closed
        table[left] = opened * _ONE // np.maximum(ways, 1)
    return table


def draw_dyck_words(
    rng: np.random.RandomState, n: int, seq_len: int, max_depth: int, num_types: int, *, reach: bool
) -> np.ndarray:
    """(n, seq_len) int16: matched words with at most `max_depth` brackets open at once.

    Opening brackets are 0, …, num_types − 1; the one that closes type j is num_types + j.

    Args:
        rng: the random stream.
        n: number of words.
        seq_len: brackets in a word, even.
        max_depth: largest number of open brackets.
        num_types: number of bracket types.
        reach: whether every word must reach `max_depth`; if not, any depth up to it is possible.
    """
    table = _opening_table(seq_len, max_depth)
    words = np.empty((n, seq_len), dtype=np.int16)
    open_types = np.zeros((n, max_depth), dtype=np.int16)  # a stack for each word
    rows, depth = np.arange(n), np.zeros(n, dtype=np.int64)
    reached = np.full(n, 0 if reach else 1)
    for step in range(seq_len):
        opens = uniform_integers(rng, 0, _ONE, n) < table[seq_len - step, reached, depth]
        types = uniform_integers(rng, 0, num_types, n).astype(np.int16)
        top = np.where(opens, depth, depth - 1)
        open_types[rows[opens], top[opens]] = types[opens]
        words[:, step] = open_types[rows, top] + np.where(opens, 0, num_types)
        depth += np.where(opens, 1, -1)
        reached |= depth == max_depth
    return words


def random_true_step(rng: np.random.RandomState, mask_NT: np.ndarray) -> np.ndarray:
    """(N,) int64: for each row one of the steps at which the mask is true, each equally likely."""
    count = mask_NT.cumsum(axis=1, dtype=np.int32)
    chosen = rng.randint(0, count[:, -1], dtype=np.int64)
    return (count > chosen[:, None]).argmax(axis=1)
