"""Random expression trees, many at once: arrays of nodes level by level, without a loop over trees."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

DIGIT, OPERATOR, END = 1, 11, 15
"""First token id of the digits and of the operators MIN, MAX, MED, SM; token id of the closing bracket."""

_MED = 2


@dataclass(eq=False)
class Level:
    """The nodes of one depth. The arguments of its operators are the next level, in the same order.

    Attributes:
        tree: (nodes,) int32, ascending: the tree of each node.
        arity: (nodes,) int32: the number of arguments, 0 for a digit.
        symbol: (nodes,) int8: the digit, or 0 to 3 for MIN, MAX, MED, SM.
    """

    tree: np.ndarray
    arity: np.ndarray
    symbol: np.ndarray

    @property
    def operators(self) -> np.ndarray:
        """Indices of the operators among the nodes."""
        return np.flatnonzero(self.arity)

    @property
    def first_argument(self) -> np.ndarray:
        """For each operator the index of its first argument in the next level."""
        arity = self.arity[self.operators].astype(np.int64)
        return arity.cumsum() - arity


def trees_per_round(max_len: int) -> int:
    """Number of trees to start together: fewer if they are long, to bound the memory."""
    return min(4_096, max(16, 2**20 // max_len))


def grow_trees(
    rng: np.random.RandomState, min_len: int, max_len: int, max_depth: int, max_args: int
) -> tuple[int, list[Level]]:
    """Starts `trees_per_round` trees; returns the number of those with an allowed length, and their levels.

    The root is always an operator: a single digit is shorter than any `min_len`, so the trees that are kept
    have the distribution they would have with a random root.
    """
    roots = trees_per_round(max_len)
    tokens = np.ones(roots)  # so far; an operator adds its closing bracket and its arguments
    tree, levels = np.arange(roots, dtype=np.int32), []
    for depth in range(1, max_depth + 1):
        operator = np.full(len(tree), depth == 1)
        if 1 < depth < max_depth:
            operator = rng.randint(0, 4, len(tree), dtype=np.uint8) == 0
        count = np.count_nonzero(operator)
        arity = np.zeros(len(tree), dtype=np.int32)
        arity[operator] = rng.randint(2, max_args + 1, count, dtype=np.int32)
        symbol = rng.randint(0, 10, len(tree), dtype=np.int8)
        symbol[operator] = rng.randint(0, 4, count, dtype=np.int8)
        levels.append(Level(tree, arity, symbol))
        tokens += np.bincount(tree[operator], weights=arity[operator] + 1, minlength=roots)
        tree = np.repeat(
            tree, np.where(tokens[tree] <= max_len, arity, 0)
        )  # trees that are too long get no arguments
        if not len(tree):
            break
    allowed = (min_len <= tokens) & (tokens <= max_len)
    return int(np.count_nonzero(allowed)), select_trees(levels, allowed)


def most_long_trees(min_len: int, max_depth: int, max_args: int) -> float:
    """A bound on the share of trees with `min_len` tokens or more, of those with an operator at the root.

    Chernoff's: P(L ≥ n) ≤ E[exp(s L)] exp(−s n) for each s ≥ 0, here the smallest of a grid. E is computed
    from the innermost level outwards, since the arguments of an operator are independent.

    >>> most_long_trees(4, max_depth=2, max_args=2), most_long_trees(5, max_depth=2, max_args=2) < 1e-3
    (1.0, True)
    """
    s = np.concatenate([[0.0], np.geomspace(1e-6, 20, 200)])
    arities = np.arange(2, max_args + 1)[:, None]

    def log_operator(argument: np.ndarray) -> np.ndarray:
        logs = arities * argument
        largest = logs.max(axis=0)
        return 2 * s + largest + np.log(np.exp(logs - largest).mean(axis=0))

    node = s  # the logarithm of E[exp(s L)]: a digit is one token
    for _ in range(max_depth - 2):
        node = np.logaddexp(math.log(3 / 4) + s, math.log(1 / 4) + log_operator(node))
        if node[1] > 700:  # at every s > 0 of the grid: deeper levels say no more
            return 1.0
    return float(np.exp(min(0.0, (log_operator(node) - s * min_len).min())))


def select_trees(levels: list[Level], selected: np.ndarray) -> list[Level]:
    """The levels of the selected trees, renumbered from 0; `selected` is (trees,) bool."""
    number = (selected.cumsum() - 1).astype(np.int32)
    kept = []
    for level in levels:
        nodes = selected[level.tree]
        if nodes.any():
            kept.append(Level(number[level.tree[nodes]], level.arity[nodes], level.symbol[nodes]))
    return kept


def evaluate(levels: list[Level]) -> np.ndarray:
    """(trees,) int64: the value of each tree, computed from the innermost level outwards."""
    value = levels[-1].symbol.astype(np.int64)
    for level in reversed(levels[:-1]):
        arguments, value = value, level.symbol.astype(np.int64)
        operators, first = level.operators, level.first_argument
        results = [
            np.minimum.reduceat(arguments, first),
            np.maximum.reduceat(arguments, first),
            np.zeros_like(first),
            np.add.reduceat(arguments, first) % 10,
        ]
        medians = value[operators] == _MED
        arity = level.arity[operators][medians]
        results[_MED][medians] = _medians(arguments, first[medians], arity)
        value[operators] = np.choose(value[operators], results)
    return value


def _medians(arguments: np.ndarray, first: np.ndarray, arity: np.ndarray) -> np.ndarray:
    """The median of each run of arguments; for an even number the mean of the middle two, rounded down."""
    position = np.arange(arity.max(initial=1))
    index = np.minimum(first[:, None] + position, len(arguments) - 1)
    table = np.where(position < arity[:, None], arguments[index], 10)  # 10 sorts after every digit
    table.sort(axis=1)
    rows = np.arange(len(arity))
    return (table[rows, (arity - 1) // 2] + table[rows, arity // 2]) // 2


def write_tokens(levels: list[Level], x_NT: np.ndarray) -> np.ndarray:
    """Writes the tokens of each tree into its row, in prefix order; returns the lengths, (trees,) int64."""
    spans = [np.ones(len(levels[-1].tree), dtype=np.int64)]
    for level in reversed(levels[:-1]):
        span = np.ones(len(level.tree), dtype=np.int64)
        span[level.operators] = 2 + np.add.reduceat(spans[0], level.first_argument)
        spans.insert(0, span)
    start = np.zeros(len(levels[0].tree), dtype=np.int64)
    for depth, level in enumerate(levels):
        operators, first = level.operators, level.first_argument
        x_NT[level.tree, start] = np.where(level.arity > 0, OPERATOR, DIGIT) + level.symbol
        x_NT[level.tree[operators], (start + spans[depth] - 1)[operators]] = END
        if len(operators):
            before = spans[depth + 1].cumsum() - spans[depth + 1]
            start = before + np.repeat(start[operators] + 1 - before[first], level.arity[operators])
    return spans[0]
