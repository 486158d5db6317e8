"""Bracket matching: every word checked with a stack, small cases enumerated."""

import math
from collections import Counter
from itertools import pairwise, product

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from harness.tasks.bracket_matching import make_bracket_matching
from tests.tasks.every_split import splits_of


def stack_check(word, num_types):
    """(matched, by a stack; largest number of open brackets)."""
    stack, height, deepest, matched = [], 0, 0, True
    for token in word:
        height += 1 if token < num_types else -1
        deepest = max(deepest, height)
        if token < num_types:
            stack.append(token)
        elif stack and stack[-1] == token - num_types:
            stack.pop()
        else:
            matched = False
    return matched and not stack, deepest


@settings(max_examples=25, deadline=None)
@example(variant="depth", num_types=1, max_depth=3, extra=4, sizes=(1, 1, 1), seed=0)
@given(
    variant=st.sampled_from(["valid", "depth"]),
    num_types=st.integers(2, 4),  # of one type there are few words, and it takes seconds to say so
    max_depth=st.integers(2, 7),
    extra=st.integers(0, 20),
    sizes=st.tuples(*[st.integers(1, 10)] * 3),
    seed=st.integers(0, 2**40),
)
def test_every_label_is_that_of_a_stack(variant, num_types, max_depth, extra, sizes, seed):
    seq_len = max(12 if variant == "valid" else 4, 2 * max_depth) + 2 * extra
    names = dict(zip(("n_train", "n_val", "n_test"), sizes, strict=True))
    task = make_bracket_matching(
        variant=variant, seq_len=seq_len, num_types=num_types, max_depth=max_depth, seed=seed, **names
    )
    for split, n in zip(splits_of(task), sizes[::-1], strict=False):
        assert len(split) == n
        assert split.lengths.tolist() == [seq_len] * len(split)
        for word, y in zip(split.x.tolist(), split.y.tolist(), strict=True):
            assert all(0 <= token < 2 * num_types for token in word)
            matched, deepest = stack_check(word, num_types)
            if variant == "depth":
                assert matched and y == deepest - 1 < max_depth
            else:
                assert y == matched
                assert deepest <= max_depth


def is_near_miss_of(word, num_types):
    """The two closing brackets whose exchange makes an unmatched word matched, or None."""
    closes = [t for t, token in enumerate(word) if token >= num_types]
    for a in closes:
        for b in closes:
            fixed = list(word)
            fixed[a], fixed[b] = word[b], word[a]
            if stack_check(fixed, num_types)[0]:
                return a, b
    return None


def test_a_near_miss_of_two_types_is_one_exchange_from_a_match_and_no_neighbours_reveal_it():
    task = make_bracket_matching(seq_len=30, num_types=3, max_depth=5, n_train=300)
    misses = [x for x, y in zip(task.train.x.tolist(), task.train.y.tolist(), strict=True) if y == 0]
    assert len(misses) > 100
    for word in misses:
        a, b = is_near_miss_of(word, 3)
        assert word[a] != word[b]
        for left, right in pairwise(word):
            assert not (left < 3 <= right) or right == left + 3  # an opening and a closing neighbour match
        for kind in range(3):
            assert word.count(kind) == word.count(kind + 3)


def test_a_near_miss_of_one_type_has_a_negative_depth_once():
    task = make_bracket_matching(seq_len=40, num_types=1, max_depth=5, n_train=300)
    misses = [x for x, y in zip(task.train.x.tolist(), task.train.y.tolist(), strict=True) if y == 0]
    assert len(misses) > 100
    for word in misses:
        heights = [sum(1 if token == 0 else -1 for token in word[: t + 1]) for t in range(40)]
        assert (word[0], word[-1], heights[-1]) == (0, 1, 0)
        assert min(heights) == -1 and heights.count(-1) == 1


@pytest.mark.parametrize("num_types", [1, 2])
def test_first_last_counts_and_neighbours_do_not_separate_the_classes(num_types):
    task = make_bracket_matching(seq_len=24, num_types=num_types, max_depth=4, n_train=6_000)
    opens = {0: Counter(), 1: Counter()}
    peaks, deepest = {0: [], 1: []}, {0: [], 1: []}
    for word, y in zip(task.train.x.tolist(), task.train.y.tolist(), strict=True):
        assert sum(token < num_types for token in word) == 12
        assert word[0] < num_types <= word[-1]
        opens[y][word[0], word[-1]] += 1
        peaks[y].append(sum(a < num_types <= b for a, b in pairwise(word)))
        deepest[y].append(stack_check(word, num_types)[1])
    sizes = {y: sum(count.values()) for y, count in opens.items()}
    for ends in opens[0] | opens[1]:
        assert opens[0][ends] / sizes[0] == pytest.approx(opens[1][ends] / sizes[1], abs=0.05)
    for statistic in (peaks, *([deepest] if num_types > 1 else [])):
        means = [sum(statistic[y]) / sizes[y] for y in (0, 1)]
        assert means[0] == pytest.approx(means[1], abs=0.1)
    assert sizes[0] == pytest.approx(3_000, abs=160)  # four standard deviations


def all_words(seq_len, num_types):
    for word in product(range(2 * num_types), repeat=seq_len):
        matched, deepest = stack_check(word, num_types)
        if matched:
            yield word, deepest


@pytest.fixture
def few_words(monkeypatch):
    """Lets a task be made whose few words are used up by its test samples, which alone are looked at."""
    monkeypatch.setattr("harness.tasks.bracket_matching.are_used_up", lambda words, held_out: False)


def test_words_of_a_depth_are_equally_likely(few_words):
    n = 12_000
    task = make_bracket_matching(variant="depth", seq_len=8, num_types=1, max_depth=4, n_test=n)
    seen = Counter(map(tuple, task.test.x.tolist()))
    by_depth = {}
    for word, deepest in all_words(8, 1):
        by_depth.setdefault(deepest, []).append(word)
    assert {depth: len(words) for depth, words in by_depth.items()} == {1: 1, 2: 7, 3: 5, 4: 1}
    assert sum(seen[word] for words in by_depth.values() for word in words) == n
    for words in by_depth.values():
        expected = n / 4 / len(words)
        for word in words:
            assert abs(seen[word] - expected) < 5 * math.sqrt(expected)


def test_valid_words_that_allow_a_near_miss_are_equally_likely_and_so_are_their_types(few_words):
    """With 12 brackets, one type and depth 2 two words have )()( at depth 0 and ))(( elsewhere."""
    task = make_bracket_matching(seq_len=12, num_types=1, max_depth=2, n_test=4_000)
    seen = Counter(map(tuple, task.test.x.tolist()))
    words = [(0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 1, 1), (0, 0, 1, 1, 0, 0, 1, 1, 0, 1, 0, 1)]
    misses = [(0, 1, 1, 0, 0, 0, 1, 0, 1, 0, 1, 1), (0, 0, 1, 0, 1, 0, 1, 1, 1, 0, 0, 1)]
    assert set(seen) == {*words, *misses}
    assert all(abs(count - 1_000) < 140 for count in seen.values())
    typed = make_bracket_matching(seq_len=12, num_types=2, max_depth=3, n_test=2_000).test
    for y in (0, 1):
        ends = [int(row[-1]) for row, label in zip(typed.x, typed.y, strict=True) if label == y]
        assert ends.count(2) / len(ends) == pytest.approx(
            0.5, abs=0.065
        )  # the last type is independent of the class


def test_depths_are_balanced_and_the_baselines_are_declared():
    n, depth = 10_000, 5
    task = make_bracket_matching(variant="depth", seq_len=20, max_depth=depth, n_train=n)
    counts = Counter(task.train.y.tolist())
    # 4 degrees of freedom: exceeded by chance once in 10,000.
    assert sum((counts[c] - n / depth) ** 2 / (n / depth) for c in range(depth)) < 23.6
    assert (task.spec.memoryless_loss, task.spec.chance_accuracy) == (math.log(depth), 1 / depth)
    valid = make_bracket_matching().spec
    assert (valid.memoryless_loss, valid.chance_accuracy, valid.num_classes) == (math.log(2), 0.5, 2)
    assert (valid.variant, task.spec.variant, valid.vocab_size) == ("valid-2", "depth-2", 4)


def test_too_short_and_odd_lengths_and_too_small_sizes_are_refused():
    with pytest.raises(ValueError, match="seq_len must be .* at least 12, not 11; the nearest is 12"):
        make_bracket_matching(seq_len=11, max_depth=2)
    with pytest.raises(ValueError, match="seq_len must be .* at least 10, not 8; the nearest is 10"):
        make_bracket_matching(seq_len=8, max_depth=5, variant="depth")
    with pytest.raises(ValueError, match="seq_len must be even, not 13; the nearest is 12"):
        make_bracket_matching(seq_len=13, max_depth=2)
    with pytest.raises(ValueError, match="max_depth must be .* at least 2, not 1"):
        make_bracket_matching(max_depth=1)
    with pytest.raises(ValueError, match="num_types must be .* at least 1, not 0"):
        make_bracket_matching(num_types=0)
