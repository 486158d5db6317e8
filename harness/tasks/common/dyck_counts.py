"""How many Dyck words there are, to refuse at once a task that has too few of them."""

from __future__ import annotations

import itertools
import math

import numpy as np

LONGEST_LISTED = 20
"""Steps up to which all words are listed: there are 16,796 of 20 steps."""


def words_of_depth(seq_len: int, max_depth: int) -> list[int]:
    """The numbers of words, of one bracket type, whose depth is 1, 2, …, max_depth.

    >>> words_of_depth(6, 3)  # ()()(), then (())() ()(()) (()()), then ((()))
    [1, 3, 1]
    """
    within = [0]
    for most in range(1, max_depth + 1):
        ways = [1] + [0] * most  # by the brackets that are open
        for _ in range(seq_len):
            ways = [sum(ways[max(k - 1, 0) : k + 2 : 2] if k else ways[1:2]) for k in range(most + 1)]
        within.append(ways[0])
    return [after - before for before, after in itertools.pairwise(within)]


def all_words(seq_len: int, max_depth: int) -> np.ndarray:
    """(words, seq_len) int16: every word of one type with at most max_depth open brackets; 0 opens, 1 closes.

    >>> all_words(4, 2).tolist()
    [[0, 0, 1, 1], [0, 1, 0, 1]]
    """
    words = np.zeros((1, 0), dtype=np.int16)
    for step in range(seq_len):
        depth = (1 - 2 * words).sum(axis=1)
        opened = words[(depth < max_depth) & (depth < seq_len - step)]
        closed = words[depth > 0]
        words = np.concatenate(
            [np.pad(part, ((0, 0), (0, 1)), constant_values=k) for k, part in enumerate((opened, closed))]
        )
    return words[np.lexsort(words.T[::-1])]


def are_used_up(words: int, held_out: float) -> bool:
    """Whether so many random draws from equally likely words leave almost surely none for training.

    The expected number of words that are in no draw is at most words · exp(−draws / words): below 0.01.
    """
    return words < 1 or words * math.exp(-held_out / words) < 0.01
