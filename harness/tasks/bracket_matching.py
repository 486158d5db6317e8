"""Bracket matching: is a word of brackets matched, or how deeply is it nested?"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import numpy as np
import torch

from harness.tasks.common.arguments import one_of, split_sizes, whole_number
from harness.tasks.common.disjoint import disjoint_splits
from harness.tasks.common.dyck import draw_dyck_words, random_true_step
from harness.tasks.common.dyck_counts import LONGEST_LISTED, all_words, are_used_up, words_of_depth
from harness.tasks.common.names import names_of
from harness.tasks.common.predictors import equal_classes
from harness.tasks.common.random_streams import uniform_integers
from harness.tasks.task import Split, Task, TaskSpec, full_lengths

VARIANTS = ("valid", "depth")

LONGEST_COUNTED = 64
"""Longer words of two or more types are more than any split holds."""


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
    """Tells whether every bracket is closed by its own type in the right order, or the nesting depth.

    With two types, tokens ( = 0, [ = 1, ) = 2, ] = 3 (tested examples: `is_valid`, `depth_of`):

        valid  ( [ ( ) ] ) [ [ ] ]  ->  class 1        depth  ( [ ] ( ) )  ->  depth 2, class 1
        valid  ( [ ( ) ] ] [ [ ] )  ->  class 0        depth  ( ) [ ] ( )  ->  depth 1, class 0

    Variants, named with the number of types: `valid` separates matched words (1) from near misses (0),
    drawn with equal probability; in `depth` the class is the largest number of open brackets, 1 to
    max_depth, minus 1, drawn with equal probability.

    Words: `depth` draws the depth d and then a matched word of this depth, each equally likely (up to
    rounding of each step's probability to 2⁻³¹, as everywhere here). `valid` draws a matched word of depth
    up to max_depth, each word from which a near miss can be made equally likely, and turns one word in two
    into a near miss:

    - two or more types: two closing brackets of different types are exchanged. They are drawn among those
      that follow another closing bracket, so no two neighbours reveal a near miss. The counts of each type,
      the depth and the pattern of opening and closing do not change. In one near miss in two a wrong pair
      is only three steps long; the others need a longer memory.
    - one type: a () with nothing open around it, not at the ends, becomes )(, and a ))(( elsewhere becomes
      )()(. So the first bracket opens, the last closes, and the counts of brackets and of each pair of
      neighbours do not change. At one step more brackets are closed than were opened.

    Baseline: the last bracket closes, and its type is independent of the class, so without memory every
    class is equally likely: a loss of ln 2 or ln max_depth. Solved: an accuracy of 0.99.

    Not balanced: with one type, single steps of `valid` depend on the class, completely at 12 steps and
    less the longer the words are (at T = 100 the best single step is correct in 56 of 100). Use two or more
    types if that matters.

    Splits: no two share a word. At the default sizes there are about 4 · 10⁴⁰; short words of few types are
    too few: with one type, 12 steps and max_depth 2, `valid` has 2 words and 2 near misses. In `depth`
    class 0 has k^(T/2) words of k types; with one type that is the one word ()()…() at any length, so
    `depth` needs two or more types.

    Args:
        seq_len: number of steps, even, at least 2 · max_depth, and at least 12 in `valid`.
        variant: `valid` or `depth`.
        num_types: number of bracket types, at least 1.
        max_depth: largest number of open brackets, at least 2.
        n_train, n_val, n_test: number of sequences in each split.
        seed: seed of the samples; each split has its own random stream.
        fresh: new training samples in each epoch.

    Returns:
        x (N, seq_len) int64 token ids below 2 · num_types; y (N,) int64 below 2 or below max_depth.

    Raises:
        ValueError: an argument is outside its range, or there are too few samples for the splits.

    Source: the Dyck languages of Chomsky & Schützenberger 1963, as learnt by recurrent networks in
    Hewitt et al. 2020, arXiv 2010.07515 (bounded depth) and Suzgun et al. 2019, arXiv 1911.03329.
    """
    variant = one_of("variant", variant, VARIANTS)
    fewest = 2 if variant == "depth" and num_types != 1 else 1  # 1 has an error of its own
    num_types = whole_number("num_types", num_types, low=fewest, high=2**14 - 1)
    max_depth = whole_number("max_depth", max_depth, low=2)
    shortest = max(12, 2 * max_depth) if variant == "valid" else 2 * max_depth
    seq_len = whole_number("seq_len", seq_len, low=shortest)
    sizes = split_sizes(n_train, n_val, n_test, sample_bytes=8 * seq_len)
    if seq_len % 2:
        raise ValueError(f"seq_len must be even, not {seq_len}; the nearest is {seq_len - 1}")
    _check_enough_words(seq_len, variant, num_types, max_depth, sizes)
    seed = whole_number("seed", seed, low=0, high=None)
    num_classes = 2 if variant == "valid" else max_depth
    spec = TaskSpec(
        name="bracket_matching",
        variant=f"{variant}-{num_types}",
        target="class",
        seq_len=seq_len,
        lag=(0, seq_len - 1),
        vocab_size=2 * num_types,
        num_classes=num_classes,
        class_names=("unmatched", "matched")
        if variant == "valid"
        else names_of(max_depth, lambda depth: f"depth {depth + 1}"),
        symbols=bracket_symbols(num_types),
        chance_accuracy=1 / num_classes,
        memoryless_loss=math.log(num_classes),
        solved_accuracy=0.99,
        data_source="generated",
        citation="Dyck words of bounded depth: Hewitt et al. 2020, arXiv 2010.07515",
    )
    draw = functools.partial(
        _draw_valid if variant == "valid" else _draw_depth,
        seq_len=seq_len,
        max_depth=max_depth,
        num_types=num_types,
    )
    splits = disjoint_splits(draw, seed=seed, sizes=sizes)
    return Task(spec, splits, fresh, baselines=equal_classes(num_classes))


def _check_enough_words(
    seq_len: int, variant: str, num_types: int, max_depth: int, sizes: dict[str, int]
) -> None:
    """Refuses at once the sizes at which looking for new words would take long and find none."""
    held_out = sizes["val"] + sizes["test"]
    words = None
    if variant == "depth" and num_types == 1 and are_used_up(1, held_out / max_depth):
        raise ValueError(
            "num_types must be at least 2 in depth, not 1: of one type there is a single word of depth 1, "
            "()()…, which cannot be in training and test"
        )
    if variant == "depth" and num_types > 1 and seq_len <= LONGEST_COUNTED:
        shapes = min(words_of_depth(seq_len, max_depth))
        words, held_out = shapes * num_types ** (seq_len // 2), held_out // max_depth
    elif variant == "valid" and num_types == 1 and seq_len <= LONGEST_LISTED:
        every = all_words(seq_len, max_depth)
        words, held_out = int(_can_move_below_zero(every, num_types).sum()), held_out // 2
    if words is not None and are_used_up(words, held_out):
        raise ValueError(
            f"seq_len must be longer, not {seq_len}, or num_types more, not {num_types}: a class has only "
            f"{words} words, too few to keep n_val={sizes['val']} and n_test={sizes['test']} out of "
            "training; or lower these"
        )


def bracket_symbols(num_types: int) -> tuple[str, ...] | None:
    """The opening brackets, then the closing ones; from the fifth type on with the type's number.

    >>> bracket_symbols(2), bracket_symbols(5)[4::5]
    (('(', '[', ')', ']'), ('(5', ')5'))
    """
    pairs = ("()", "[]", "{}", "<>")
    return names_of(
        2 * num_types,
        lambda token: (
            pairs[token % num_types][token // num_types]
            if token % num_types < len(pairs)
            else f"{'()'[token // num_types]}{token % num_types + 1}"
        ),
    )


def is_valid(word: Sequence[int], num_types: int) -> bool:
    """Whether every bracket is closed by its own type in the right order.

    >>> is_valid([0, 1, 0, 2, 3, 2, 1, 1, 3, 3], num_types=2)
    True
    >>> is_valid([0, 1, 0, 2, 3, 3, 1, 1, 3, 2], num_types=2)
    False
    """
    open_types: list[int] = []
    for bracket in word:
        if bracket < num_types:
            open_types.append(bracket)
        elif not open_types or open_types.pop() != bracket - num_types:
            return False
    return not open_types


def depth_of(word: Sequence[int], num_types: int) -> int:
    """The largest number of open brackets; the class is one less.

    >>> depth_of([0, 1, 3, 0, 2, 2], num_types=2), depth_of([0, 2, 1, 3, 0, 2], num_types=2)
    (2, 1)
    """
    return int(np.where(np.asarray(word) < num_types, 1, -1).cumsum().max())


def _draw_depth(rng: np.random.RandomState, n: int, *, seq_len: int, max_depth: int, num_types: int) -> Split:
    y = uniform_integers(rng, 0, max_depth, n)
    x_NT = np.empty((n, seq_len), dtype=np.int64)
    for label in range(max_depth):
        rows = np.flatnonzero(y == label)
        x_NT[rows] = draw_dyck_words(rng, len(rows), seq_len, label + 1, num_types, reach=True)
    return Split(torch.from_numpy(x_NT), torch.from_numpy(y), full_lengths(n, seq_len))


def _draw_valid(rng: np.random.RandomState, n: int, *, seq_len: int, max_depth: int, num_types: int) -> Split:
    can_be_missed, make_near_misses = (
        (_can_exchange_types, _exchange_types) if num_types > 1 else (_can_move_below_zero, _move_below_zero)
    )
    words = np.empty((n, seq_len), dtype=np.int16)
    rows = np.arange(n)
    while len(rows):
        drawn = draw_dyck_words(rng, len(rows), seq_len, max_depth, num_types, reach=False)
        words[rows] = drawn
        rows = rows[~can_be_missed(drawn, num_types)]
    y = uniform_integers(rng, 0, 2, n)
    near_misses = np.flatnonzero(y == 0)
    words[near_misses] = make_near_misses(rng, words[near_misses], num_types)
    return Split(torch.from_numpy(words.astype(np.int64)), torch.from_numpy(y), full_lengths(n, seq_len))


def _inner_closers(words: np.ndarray, num_types: int) -> np.ndarray:
    """(N, T) bool: closing brackets that follow a closing bracket, and so not their own opening bracket."""
    closes = words >= num_types
    closes[:, 1:] &= closes[:, :-1].copy()
    closes[:, 0] = False
    return closes


def _can_exchange_types(words: np.ndarray, num_types: int) -> np.ndarray:
    """(N,) bool: closing brackets of at least two types follow a closing bracket."""
    inner = _inner_closers(words, num_types)
    largest = np.where(inner, words, np.int16(-1)).max(axis=1)
    smallest = np.where(inner, words, np.int16(2 * num_types)).min(axis=1)
    return np.asarray(largest > smallest)


def _exchange_types(rng: np.random.RandomState, words: np.ndarray, num_types: int) -> np.ndarray:
    """Exchanges two such brackets of different types, each pair equally likely."""
    rest = np.arange(len(words))
    while len(rest):
        inner = _inner_closers(words[rest], num_types)
        first, second = random_true_step(rng, inner), random_true_step(rng, inner)
        differ = words[rest, first] != words[rest, second]
        rows, first, second = rest[differ], first[differ], second[differ]
        words[rows, first], words[rows, second] = words[rows, second], words[rows, first]
        rest = rest[~differ]
    return words


def _occurs(words: np.ndarray, pattern: tuple[int, ...]) -> np.ndarray:
    """(N, T − 3) bool: the pattern starts at this step; 0 opens, 1 closes."""
    found = np.ones((len(words), words.shape[1] - 3), dtype=bool)
    for offset, bracket in enumerate(pattern):
        found &= words[:, offset : offset + found.shape[1]] == bracket
    return found


def _pairs_at_zero(words: np.ndarray) -> np.ndarray:
    """(N, T − 3) bool: )()( starts at this step, with nothing open before and after its ()."""
    depth = (1 - 2 * words).cumsum(axis=1, dtype=np.int16)
    return _occurs(words, (1, 0, 1, 0)) & (depth[:, :-3] == 0)


def _can_move_below_zero(words: np.ndarray, num_types: int) -> np.ndarray:
    """(N,) bool: both patterns that `_move_below_zero` changes occur."""
    return np.asarray(_pairs_at_zero(words).any(axis=1) & _occurs(words, (1, 1, 0, 0)).any(axis=1))


def _move_below_zero(rng: np.random.RandomState, words: np.ndarray, num_types: int) -> np.ndarray:
    """A )()( at depth 0 becomes ))((, and a ))(( elsewhere )()(; the two never overlap."""
    down, up = (
        random_true_step(rng, _pairs_at_zero(words)),
        random_true_step(rng, _occurs(words, (1, 1, 0, 0))),
    )
    rows = np.arange(len(words))
    for offset in (1, 2):
        words[rows, down + offset] = 2 - offset
        words[rows, up + offset] = offset - 1
    return words
