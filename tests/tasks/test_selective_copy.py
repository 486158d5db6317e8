"""Selective copying, recomputed step by step, and draws without replacement."""

import math
from itertools import combinations, permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.tasks.common.without_replacement import draw_without_replacement, shuffle_rows
from harness.tasks.selective_copy import make_selective_copy
from tests.tasks.every_split import splits_of


@settings(max_examples=40, deadline=None)
@given(
    num_copied=st.integers(1, 12),
    num_symbols=st.integers(2, 9),
    extra=st.integers(0, 30),
    sizes=st.tuples(*[st.integers(1, 12)] * 3),
    seed=st.integers(0, 2**40),
)
def test_the_labels_are_the_symbols_in_their_order(num_copied, num_symbols, extra, sizes, seed):
    seq_len = 2 * num_copied + 1 + extra
    names = dict(zip(("n_train", "n_val", "n_test"), sizes, strict=True))
    task = make_selective_copy(
        seq_len=seq_len, num_copied=num_copied, num_symbols=num_symbols, seed=seed, **names
    )
    blank, delimiter = num_symbols, num_symbols + 1
    for split, n in zip(splits_of(task), sizes[::-1], strict=False):
        assert len(split) == n
        assert split.lengths.tolist() == [seq_len] * len(split)
        for x, y in zip(split.x.tolist(), split.y.tolist(), strict=True):
            first_part, rest = x[: x.index(delimiter)], x[x.index(delimiter) + 1 :]
            assert rest == [blank] * num_copied
            kept = []
            for token in first_part:
                assert 0 <= token <= blank
                if token != blank:
                    kept.append(token)
            assert len(kept) == num_copied
            assert y == [-100] * (len(first_part) + 1) + kept


def test_a_predictor_that_knows_step_and_token_alone_gets_the_declared_baselines():
    n, k = 8_000, 4
    task = make_selective_copy(seq_len=12, num_copied=3, num_symbols=k, n_test=n)
    for place in (-3, -2, -1):
        assert set(task.test.x[:, place].tolist()) == {k}  # the token is independent of the label
        labels = task.test.y[:, place].tolist()
        counts = [labels.count(label) for label in range(k)]
        # 3 degrees of freedom: exceeded by chance once in 10,000.
        assert sum((count - n / k) ** 2 / (n / k) for count in counts) < 21.1
    assert (task.spec.memoryless_loss, task.spec.chance_accuracy) == (math.log(k), 1 / k)
    assert (task.spec.variant, task.spec.vocab_size, task.spec.num_classes) == ("3-of-4", 6, 4)


def test_every_set_of_steps_is_equally_likely():
    n = 10_000
    x = make_selective_copy(seq_len=8, num_copied=2, num_symbols=2, n_test=n).test.x
    where = [tuple(t for t, token in enumerate(row[:5]) if token < 2) for row in x.tolist()]
    sets = list(combinations(range(5), 2))
    # 9 degrees of freedom: exceeded by chance once in 10,000.
    assert sum((where.count(s) - n / 10) ** 2 / (n / 10) for s in sets) < 33.7


@pytest.mark.parametrize(("count", "high"), [(1, 1), (3, 3), (2, 5), (5, 7)])
def test_shuffled_draws_without_replacement_are_uniform_over_all_arrangements(count, high):
    n = 100 * math.perm(high, count)
    rng = np.random.RandomState(3)
    rows = shuffle_rows(rng, draw_without_replacement(rng, n, count, high)).tolist()
    seen = {}
    for row in rows:
        seen[tuple(row)] = seen.get(tuple(row), 0) + 1
    assert set(seen) == set(permutations(range(high), count))
    freedom = max(len(seen) - 1, 1)
    # Four standard deviations above the mean of chi-squared.
    chi2 = sum((c - 100) ** 2 / 100 for c in seen.values())
    assert chi2 < freedom + 4 * math.sqrt(2 * freedom)


def test_the_shortest_is_all_symbols_and_one_less_is_refused():
    x = make_selective_copy(seq_len=7, num_copied=3, num_symbols=2, n_test=1).test.x[0].tolist()
    assert max(x[:3]) < 2 and x[3:] == [3, 2, 2, 2]
    with pytest.raises(ValueError, match="seq_len must be .* at least 7, not 6; the nearest is 7"):
        make_selective_copy(seq_len=6, num_copied=3)
    with pytest.raises(ValueError, match="num_symbols must be .* at least 2, not 1"):
        make_selective_copy(num_symbols=1)
    with pytest.raises(ValueError, match="num_copied must be .* at least 1, not 0"):
        make_selective_copy(num_copied=0)
