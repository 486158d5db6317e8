"""Words of matched brackets, drawn uniformly: each word of the asked length and depth is equally likely."""

from __future__ import annotations

import functools

import numpy as np

from harness.tasks.common.random_streams import whole

_ONE = 2**31


@functools.lru_cache(maxsize=4)
def _open_table(seq_len: int, max_depth: int) -> np.ndarray:
    """(seq_len + 1, 2, max_depth + 1) int64: 2³¹ times the probability that the next bracket opens.

    Indexed by the steps left, whether the depth `max_depth` was reached, and the brackets open now. The
    probability is the share of the completions that begin with an opening bracket, from exact counts
    (Python integers), rounded down to a multiple of 2⁻³¹; a forced step is exact.
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


def draw_words(
    rng: np.random.RandomState, n: int, seq_len: int, max_depth: int, num_types: int, *, reach: bool
) -> np.ndarray:
    """(n, seq_len) int16: matched words, `seq_len` even, at most `max_depth` brackets open at once.

    Opening brackets are 0, …, num_types − 1; the one that closes type j is num_types + j.

    Args:
        rng: the stream to draw from.
        n: words.
        seq_len: brackets in a word.
        max_depth: most brackets that are open at once.
        num_types: types of brackets.
        reach: every word has `max_depth` open brackets at some step, else up to `max_depth`.
    """
    table = _open_table(seq_len, max_depth)
    words = np.empty((n, seq_len), dtype=np.int16)
    waiting = np.zeros((n, max_depth), dtype=np.int16)  # the types of the brackets open now
    rows, depth = np.arange(n), np.zeros(n, dtype=np.int64)
    reached = np.full(n, 0 if reach else 1)
    for step in range(seq_len):
        opens = whole(rng, 0, _ONE, n) < table[seq_len - step, reached, depth]
        kinds = whole(rng, 0, num_types, n).astype(np.int16)
        top = np.where(opens, depth, depth - 1)
        waiting[rows[opens], top[opens]] = kinds[opens]
        words[:, step] = waiting[rows, top] + np.where(opens, 0, num_types)
        depth += np.where(opens, 1, -1)
        reached |= depth == max_depth
    return words


def pick_step(rng: np.random.RandomState, mask_NT: np.ndarray) -> np.ndarray:
    """(N,) int64: for each row one of the steps where the mask is true, each equally likely."""
    count = mask_NT.cumsum(axis=1, dtype=np.int32)
    chosen = rng.randint(0, count[:, -1], dtype=np.int64)
    return (count > chosen[:, None]).argmax(axis=1)
