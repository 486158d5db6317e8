"""Bracket matching: is a word of brackets matched, or how deep does it go?"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch

from harness.tasks.common.arguments import one_of, split_sizes, whole_number
from harness.tasks.common.disjoint import splits_apart
from harness.tasks.common.dyck import draw_words, pick_step
from harness.tasks.common.random_streams import whole
from harness.tasks.task import Split, Task, TaskSpec, full_lengths

VARIANTS = ("valid", "depth")


def make_bracket_matching(
    *,
    seq_len: int = 100,
    variant: str = "valid",
    num_types: int = 2,
    max_depth: int = 6,
    n_train: int = 10_000,
    n_val: int = 1_000,
    n_test: int = 2_000,
    seed: int = 0,
    fresh: bool = False,
) -> Task:
    """Tells whether every bracket is closed by its own kind in the right order, or the greatest depth.

    With two types, tokens ( = 0, [ = 1, ) = 2, ] = 3 (examples that run are in `is_valid`, `depth_of`):

        valid  ( [ ( ) ] ) [ [ ] ]  ->  class 1        depth  ( [ ] ( ) )  ->  depth 2, class 1
        valid  ( [ ( ) ] ] [ [ ] )  ->  class 0        depth  ( ) [ ] ( )  ->  depth 1, class 0

    Variants, named with the number of types: `valid` tells matched words (1) from near misses (0), drawn
    with equal probability; `depth` asks the most brackets that are open at once, 1 to max_depth, less 1,
    drawn with equal probability.

    Words: `depth` first draws the depth d and then a matched word, each of that depth being equally likely
    (up to rounding of each step's probability to 2⁻³¹, as everywhere here). `valid` draws a matched word
    of depth up to max_depth, each that allows a near miss being equally likely, and spoils one in two:

    - two or more types: two closing brackets of different types change places. They are drawn among
      those that follow another closing bracket, so no two neighbours give a near miss away. Counts of each
      type, depth and the whole pattern of opening and closing are what they were. One near miss in two
      has a wrong pair as near as three steps; the others need a longer memory.
    - one type: a () with nothing open around it, not at the ends, becomes )(, and a ))(( elsewhere becomes
      )()(. So the first bracket opens, the last closes, and the counts of brackets and of each pair of
      neighbours are what they were; once there are more closed than opened.

    Baseline: the last bracket closes, and its type says nothing, so without memory every class is equally
    likely: a loss of ln 2 or ln max_depth. Solved: an accuracy of 0.99.

    Not balanced: with one type, single steps of `valid` give some of it away, all of it at 12 steps and
    less the longer the words are (one step alone is right in 56 of 100 at T = 100). Take two types or more
    where that matters.

    Splits: no two share a word. At the default sizes there are about 4 · 10⁴⁰; short words of few types are
    too few: with one type, 12 steps and max_depth 2, `valid` has 2 words and 2 near misses. In `depth`
    class 0 has k^(T/2) words of k types; with one type the one word ()()…() at any length, so that `depth`
    needs two types or more.

    Args:
        seq_len: steps, even, at least 2 · max_depth, and at least 12 in `valid`.
        variant: `valid` or `depth`.
        num_types: types of brackets, at least 1.
        max_depth: most brackets that are open at once, at least 2.
        n_train, n_val, n_test: sequences in each split.
        seed: of the samples; each split has a stream of its own.
        fresh: new training samples in each pass.

    Returns:
        x (N, seq_len) int64 token ids below 2 · num_types; y (N,) int64 below 2 or below max_depth.

    Raises:
        ValueError: an argument is outside its range.

    Source: the Dyck languages of Chomsky & Schützenberger 1963, as learnt by recurrent networks in
    Hewitt et al. 2020, arXiv 2010.07515 (bounded depth) and Suzgun et al. 2019, arXiv 1911.03329.
    """
    variant = one_of("variant", variant, VARIANTS)
    num_types = whole_number("num_types", num_types, high=2**14 - 1)
    max_depth = whole_number("max_depth", max_depth, low=2)
    shortest = max(12, 2 * max_depth) if variant == "valid" else 2 * max_depth
    seq_len = whole_number("seq_len", seq_len, low=shortest)
    if seq_len % 2:
        raise ValueError(f"seq_len must be even, not {seq_len}; the nearest is {seq_len + 1}")
    sizes = split_sizes(n_train, n_val, n_test)
    seed = whole_number("seed", seed, low=0, high=None)
    num_classes = 2 if variant == "valid" else max_depth
    spec = TaskSpec(
        name="bracket_matching",
        variant=f"{variant}-{num_types}",
        target="class",
        seq_len=seq_len,
        vocab_size=2 * num_types,
        num_classes=num_classes,
        chance_accuracy=1 / num_classes,
        memoryless_loss=math.log(num_classes),
        solved_accuracy=0.99,
        data_source="generated",
        citation="Dyck words of bounded depth: Hewitt et al. 2020, arXiv 2010.07515",
    )
    draw_variant = _draw_valid if variant == "valid" else _draw_depth

    def draw(rng: np.random.RandomState, n: int) -> Split:
        return draw_variant(rng, n, seq_len, max_depth, num_types)

    return Task(spec, splits_apart(draw, seed=seed, sizes=sizes), fresh)


def is_valid(word: Sequence[int], num_types: int) -> bool:
    """Whether every bracket is closed by its own kind in the right order.

    >>> is_valid([0, 1, 0, 2, 3, 2, 1, 1, 3, 3], num_types=2)
    True
    >>> is_valid([0, 1, 0, 2, 3, 3, 1, 1, 3, 2], num_types=2)
    False
    """
    waiting: list[int] = []
    for bracket in word:
        if bracket < num_types:
            waiting.append(bracket)
        elif not waiting or waiting.pop() != bracket - num_types:
            return False
    return not waiting


def depth_of(word: Sequence[int], num_types: int) -> int:
    """The most brackets that are open at once; the class is one less.

    >>> depth_of([0, 1, 3, 0, 2, 2], num_types=2), depth_of([0, 2, 1, 3, 0, 2], num_types=2)
    (2, 1)
    """
    return int(np.where(np.asarray(word) < num_types, 1, -1).cumsum().max())


def _draw_depth(rng: np.random.RandomState, n: int, seq_len: int, max_depth: int, num_types: int) -> Split:
    y = whole(rng, 0, max_depth, n)
    x_NT = np.empty((n, seq_len), dtype=np.int64)
    for label in range(max_depth):
        rows = np.flatnonzero(y == label)
        x_NT[rows] = draw_words(rng, len(rows), seq_len, label + 1, num_types, reach=True)
    return Split(torch.from_numpy(x_NT), torch.from_numpy(y), full_lengths(n, seq_len))


def _draw_valid(rng: np.random.RandomState, n: int, seq_len: int, max_depth: int, num_types: int) -> Split:
    can_spoil, spoil = (_can_cross, _cross) if num_types > 1 else (_can_dip, _dip)
    words = np.empty((n, seq_len), dtype=np.int16)
    open_rows = np.arange(n)
    while len(open_rows):
        drawn = draw_words(rng, len(open_rows), seq_len, max_depth, num_types, reach=False)
        words[open_rows] = drawn
        open_rows = open_rows[~can_spoil(drawn, num_types)]
    y = whole(rng, 0, 2, n)
    near_misses = np.flatnonzero(y == 0)
    words[near_misses] = spoil(rng, words[near_misses], num_types)
    return Split(torch.from_numpy(words.astype(np.int64)), torch.from_numpy(y), full_lengths(n, seq_len))


def _inner_closers(words: np.ndarray, num_types: int) -> np.ndarray:
    """(N, T) bool: closing brackets that follow another one, so never their own opening one."""
    closes = words >= num_types
    closes[:, 1:] &= closes[:, :-1].copy()
    closes[:, 0] = False
    return closes


def _can_cross(words: np.ndarray, num_types: int) -> np.ndarray:
    """(N,) bool: closing brackets of two types follow another one."""
    inner = _inner_closers(words, num_types)
    largest = np.where(inner, words, np.int16(-1)).max(axis=1)
    smallest = np.where(inner, words, np.int16(2 * num_types)).min(axis=1)
    return np.asarray(largest > smallest)


def _cross(rng: np.random.RandomState, words: np.ndarray, num_types: int) -> np.ndarray:
    """Two such brackets of different types change places, each pair equally likely."""
    rest = np.arange(len(words))
    while len(rest):
        inner = _inner_closers(words[rest], num_types)
        first, second = pick_step(rng, inner), pick_step(rng, inner)
        differ = words[rest, first] != words[rest, second]
        rows, first, second = rest[differ], first[differ], second[differ]
        words[rows, first], words[rows, second] = words[rows, second], words[rows, first]
        rest = rest[~differ]
    return words


def _occurs(words: np.ndarray, pattern: tuple[int, ...]) -> np.ndarray:
    """(N, T − 3) bool: the four brackets from this step on are the pattern, 0 opening and 1 closing."""
    found = np.ones((len(words), words.shape[1] - 3), dtype=bool)
    for offset, bracket in enumerate(pattern):
        found &= words[:, offset : offset + found.shape[1]] == bracket
    return found


def _hills(words: np.ndarray) -> np.ndarray:
    """(N, T − 3) bool: )()( begins here, with nothing open before and after its ()."""
    depth = (1 - 2 * words).cumsum(axis=1, dtype=np.int16)
    return _occurs(words, (1, 0, 1, 0)) & (depth[:, :-3] == 0)


def _can_dip(words: np.ndarray, num_types: int) -> np.ndarray:
    """(N,) bool: both of the patterns that `_dip` exchanges occur."""
    return np.asarray(_hills(words).any(axis=1) & _occurs(words, (1, 1, 0, 0)).any(axis=1))


def _dip(rng: np.random.RandomState, words: np.ndarray, num_types: int) -> np.ndarray:
    """A )()( on the ground becomes ))((, and a ))(( elsewhere )()(: the two never overlap."""
    down, up = pick_step(rng, _hills(words)), pick_step(rng, _occurs(words, (1, 1, 0, 0)))
    rows = np.arange(len(words))
    for offset in (1, 2):
        words[rows, down + offset] = 2 - offset
        words[rows, up + offset] = offset - 1
    return words
