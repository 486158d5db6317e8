"""Majority, counted by hand; the memoryless loss against every sequence there is."""

import itertools
import math
import time
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.tasks import majority
from harness.tasks.majority import last_is_majority, make_majority


def winners(symbols):
    """Every most frequent symbol, by counting."""
    tally = {}
    for symbol in symbols:
        tally[symbol] = tally.get(symbol, 0) + 1
    return [symbol for symbol, count in tally.items() if count == max(tally.values())]


@settings(max_examples=40, deadline=None)
@given(
    num_classes=st.integers(2, 9),
    more=st.integers(0, 60),
    sizes=st.tuples(st.integers(1, 40), st.integers(1, 2), st.integers(1, 2)),
    seed=st.integers(0, 2**40),
)
def test_every_label_is_the_only_most_frequent_symbol_and_splits_are_disjoint(num_classes, more, sizes, seed):
    seq_len = max(3, num_classes) + more
    names = dict(zip(("n_train", "n_val", "n_test"), sizes, strict=True))
    task = make_majority(seq_len=seq_len, num_classes=num_classes, seed=seed, **names)
    seen = []
    for split, n in zip((task.train, task.val, task.test), sizes, strict=True):
        assert split.x.shape == (n, seq_len)
        assert (str(split.x.dtype), str(split.y.dtype)) == ("torch.int64", "torch.int64")
        assert split.lengths.tolist() == [seq_len] * n
        rows = split.x.tolist()
        assert all(0 <= symbol < num_classes for row in rows for symbol in row)
        assert [winners(row) for row in rows] == [[y] for y in split.y.tolist()]
        seen.append({tuple(row) for row in rows})
    assert not (seen[0] & seen[1] or seen[0] & seen[2] or seen[1] & seen[2])


def test_the_worked_examples():
    assert winners([2, 0, 2, 1, 2]) == [2]
    assert winners([1, 1, 0, 0, 1, 3]) == [1]


@pytest.mark.parametrize(("seq_len", "num_classes"), [(3, 2), (3, 3), (4, 2), (6, 3), (5, 5), (9, 2)])
def test_the_probability_that_the_last_symbol_wins_is_that_of_all_sequences(seq_len, num_classes):
    untied = [row for row in itertools.product(range(num_classes), repeat=seq_len) if len(winners(row)) == 1]
    share = sum(row[-1] == winners(row)[0] for row in untied) / len(untied)
    assert last_is_majority(seq_len, num_classes) == pytest.approx(share, abs=1e-11)


@pytest.mark.parametrize(("seq_len", "num_classes"), [(16_001, 2), (40_000, 2), (40_001, 3), (50_010, 10)])
def test_beyond_the_longest_length_that_is_counted_the_series_agrees_with_counting(seq_len, num_classes):
    counted = majority._counted(seq_len, num_classes)
    assert last_is_majority(seq_len, num_classes) == pytest.approx(counted, abs=1e-10)


def test_a_task_is_made_in_milliseconds_at_any_length():
    start = time.process_time()
    for seq_len in (10_000, 100_000, 10_000_000):
        make_majority(seq_len=seq_len, n_train=10, n_val=1, n_test=1)
    assert time.process_time() - start < 1.0  # 0.05 s on a laptop


@pytest.mark.parametrize(("seq_len", "num_classes"), [(9, 3), (30, 2), (50, 5)])
def test_a_predictor_that_sees_the_last_symbol_alone_has_the_declared_loss(seq_len, num_classes):
    n = 40_000
    task = make_majority(seq_len=seq_len, num_classes=num_classes, n_train=n, n_val=1, n_test=1)
    p = last_is_majority(seq_len, num_classes)
    hit = (task.train.x[:, -1] == task.train.y).numpy()
    losses = np.where(hit, -math.log(p), -math.log((1 - p) / (num_classes - 1)))
    # No probability of the last symbol gives a lower loss than its share in the samples.
    share = hit.mean()
    best = -share * math.log(share) - (1 - share) * math.log((1 - share) / (num_classes - 1))
    error = 5 * losses.std() / math.sqrt(n)
    assert losses.mean() == pytest.approx(task.spec.memoryless_loss, abs=error)
    assert best == pytest.approx(task.spec.memoryless_loss, abs=error)
    assert task.spec.memoryless_loss < math.log(num_classes)


@pytest.mark.parametrize(("num_classes", "most"), [(2, 16), (4, 22), (7, 28)])
def test_classes_are_balanced(num_classes, most):
    n = 20_000
    y = make_majority(seq_len=12, num_classes=num_classes, n_train=n, n_val=1, n_test=1).train.y
    counts = [y.tolist().count(k) for k in range(num_classes)]
    # 1, 3 and 6 degrees of freedom: exceeded by chance less than once in 10,000.
    assert sum((count - n / num_classes) ** 2 / (n / num_classes) for count in counts) < most


def test_untied_sequences_are_equally_frequent():
    task = make_majority(seq_len=4, num_classes=2, n_train=10_000, n_val=1, n_test=1)
    held = {tuple(row) for split in (task.val, task.test) for row in split.x.tolist()}
    possible = {r for r in itertools.product(range(2), repeat=4) if len(winners(r)) == 1} - held
    counts = {}
    for row in task.train.x.tolist():
        counts[tuple(row)] = counts.get(tuple(row), 0) + 1
    assert set(counts) == possible
    for row, count in counts.items():
        # Both classes stay equally frequent, whatever the class of the held-out sequences.
        share = 1 / 2 / sum(winners(row) == winners(other) for other in possible)
        assert abs(count - 10_000 * share) < 5 * math.sqrt(10_000 * share * (1 - share))


def test_shorter_lengths_are_refused():
    for num_classes, low in ((2, 3), (5, 5)):
        make_majority(seq_len=low, num_classes=num_classes, n_val=1, n_test=1)
        with pytest.raises(
            ValueError, match=f"seq_len must be .* at least {low}, not {low - 1}; the nearest is {low}"
        ):
            make_majority(seq_len=low - 1, num_classes=num_classes, n_val=1, n_test=1)
    with pytest.raises(ValueError, match="num_classes must be .* at least 2, not 1"):
        make_majority(num_classes=1)
    with pytest.raises(ValueError, match="seq_len must be at least 13, not 12, .* there are 4096 sequences"):
        make_majority(seq_len=12, num_classes=2)


def test_spec_describes_the_samples():
    spec = make_majority(seq_len=20, num_classes=3).spec
    assert (spec.name, spec.variant, spec.target, spec.seq_len) == ("majority", "iid-3", "class", 20)
    assert (spec.vocab_size, spec.num_classes, spec.chance_accuracy) == (3, 3, 1 / 3)
    assert spec.is_solved(9.0, 0.99) and not spec.is_solved(0.0, 0.98)


def test_memory_stays_below_twice_the_result():
    tracemalloc.start()
    split = make_majority(seq_len=1000, n_train=3_000, n_val=100, n_test=100).train
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2 * split.x.numel() * 8
