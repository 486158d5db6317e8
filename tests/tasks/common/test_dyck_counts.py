"""The numbers of Dyck words, compared with a list of all strings of brackets."""

import itertools
import math
import time

import pytest

from harness.tasks import bracket_matching, make_bracket_matching
from harness.tasks.common.dyck_counts import all_words, are_used_up, words_of_depth


def listed(seq_len):
    """(word, depth) of every matched string of one type."""
    for brackets in itertools.product((1, -1), repeat=seq_len):
        heights = list(itertools.accumulate(brackets))
        if min(heights) >= 0 and heights[-1] == 0:
            yield [int(bracket < 0) for bracket in brackets], max(heights)


@pytest.mark.parametrize("seq_len", [2, 6, 10])
def test_words_and_their_depths_are_those_of_a_list_of_all_strings(seq_len):
    words = list(listed(seq_len))
    assert len(words) == math.comb(seq_len, seq_len // 2) // (seq_len // 2 + 1)  # Catalan
    for max_depth in (1, 2, 5):
        assert all_words(seq_len, max_depth).tolist() == [word for word, depth in words if depth <= max_depth]
        assert words_of_depth(seq_len, max_depth) == [
            sum(depth == one for _, depth in words) for one in range(1, max_depth + 1)
        ]


def test_words_are_used_up_when_hardly_any_is_left_by_so_many_draws():
    assert are_used_up(1, 5) and are_used_up(16, 150)
    assert not are_used_up(1, 4) and not are_used_up(16, 100) and not are_used_up(10**30, 10**6)


TOO_FEW = [
    ({"num_types": 1, "seq_len": 12}, "a class has only 2 words"),
    ({"num_types": 1, "seq_len": 16}, "or num_types more, not 1: a class has only 89 words"),
    ({"num_types": 1, "variant": "depth"}, "num_types must be at least 2 in depth, not 1"),
    ({"num_types": 2, "variant": "depth", "max_depth": 2, "seq_len": 4}, "a class has only 4 words"),
]


@pytest.mark.parametrize(("arguments", "reason"), TOO_FEW)
def test_too_few_words_are_refused_at_once(arguments, reason):
    start = time.perf_counter()
    with pytest.raises(ValueError, match=reason):
        make_bracket_matching(**arguments)
    assert time.perf_counter() - start < 1


@pytest.mark.parametrize("arguments", [TOO_FEW[3][0], {**TOO_FEW[2][0], "seq_len": 12}])
def test_what_is_refused_at_once_would_be_refused_when_its_splits_are_made(monkeypatch, arguments):
    monkeypatch.setattr(bracket_matching, "are_used_up", lambda words, held_out: False)
    with pytest.raises(ValueError, match="has too few samples"):
        make_bracket_matching(**arguments).train  # noqa: B018


def test_few_held_out_samples_leave_enough():
    assert len(make_bracket_matching(num_types=1, seq_len=12, n_train=4, n_val=1, n_test=1).train) == 4
