"""Random expression trees, many at once: level by level in arrays, with no loop over trees."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

DIGIT, OPERATOR, END = 1, 11, 15
"""First token id of the digits and of the operators MIN, MAX, MED, SM; the closing bracket."""

_MED = 2


@dataclass(eq=False)
class Level:
    """The nodes of one depth; the arguments of its operators are the next level, in the same order.

    Attributes:
        tree: (nodes,) int32 ascending, the tree of each node.
        arity: (nodes,) int32, the number of arguments, 0 for a digit.
        symbol: (nodes,) int8, the digit, or 0 to 3 for MIN, MAX, MED, SM.
    """

    tree: np.ndarray
    arity: np.ndarray
    symbol: np.ndarray

    @property
    def operators(self) -> np.ndarray:
        """Positions of the operators among the nodes."""
        return np.flatnonzero(self.arity)

    @property
    def first_argument(self) -> np.ndarray:
        """Per operator, where its arguments begin in the next level."""
        arity = self.arity[self.operators].astype(np.int64)
        return arity.cumsum() - arity


def trees_at_once(max_len: int) -> int:
    """How many trees to begin together: fewer where they are long, which bounds the memory."""
    return min(4_096, max(16, 2**20 // max_len))


def grow(
    rng: np.random.RandomState, min_len: int, max_len: int, max_depth: int, max_args: int
) -> tuple[int, list[Level]]:
    """Begins `trees_at_once` trees; returns how many have a wanted length, and their levels.

    The root is always an operator because a digit alone is shorter than any `min_len`: what is kept is
    distributed as it would be with a free root.
    """
    roots = trees_at_once(max_len)
    tokens = np.ones(roots)  # of the nodes known so far; an operator adds its bracket and its arguments
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
        tree = np.repeat(tree, np.where(tokens[tree] <= max_len, arity, 0))  # gives up trees too long
        if not len(tree):
            break
    wanted = (min_len <= tokens) & (tokens <= max_len)
    return int(np.count_nonzero(wanted)), only(levels, wanted)


def only(levels: list[Level], wanted: np.ndarray) -> list[Level]:
    """The levels of the wanted trees, which are counted anew from 0."""
    number = (wanted.cumsum() - 1).astype(np.int32)
    kept = []
    for level in levels:
        nodes = wanted[level.tree]
        if nodes.any():
            kept.append(Level(number[level.tree[nodes]], level.arity[nodes], level.symbol[nodes]))
    return kept


def evaluate(levels: list[Level]) -> np.ndarray:
    """(trees,) int64, the value of each tree, from the innermost level outwards."""
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
    """The median of each run of arguments; of an even number the mean of the middle two, rounded down."""
    place = np.arange(arity.max(initial=1))
    index = np.minimum(first[:, None] + place, len(arguments) - 1)
    table = np.where(place < arity[:, None], arguments[index], 10)  # 10 sorts behind every digit
    table.sort(axis=1)
    rows = np.arange(len(arity))
    return (table[rows, (arity - 1) // 2] + table[rows, arity // 2]) // 2


def place_tokens(levels: list[Level], x_NT: np.ndarray) -> np.ndarray:
    """Writes each tree into its row, operators before their arguments; returns (trees,) the lengths."""
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
