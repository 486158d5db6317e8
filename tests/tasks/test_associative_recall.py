"""Associative recall, recomputed sample by sample with a lookup."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.tasks.associative_recall import make_associative_recall
from tests.tasks.every_split import splits_of

SIZES = st.tuples(
    st.integers(1, 10),  # pairs
    st.integers(0, 12),  # keys beyond the pairs
    st.integers(2, 9),  # values
    st.integers(0, 15),  # steps beyond the shortest
)


def look_up(tokens, num_pairs, num_values, key):
    """The value after the only occurrence of a key among the pairs."""
    places = [i for i in range(0, 2 * num_pairs, 2) if tokens[i] == key]
    assert len(places) == 1
    assert 0 <= tokens[places[0] + 1] < num_values
    return tokens[places[0] + 1]


@settings(max_examples=60, deadline=None)
@given(
    variant=st.sampled_from(["single", "mqar"]),
    sizes=SIZES,
    n=st.tuples(*[st.integers(1, 9)] * 3),
    seed=st.integers(0, 2**40),
)
def test_every_query_has_the_value_that_followed_its_key(variant, sizes, n, seed):
    pairs, more_keys, values, extra = sizes
    keys, blank = pairs + more_keys, values + pairs + more_keys
    seq_len = (2 * pairs + 1 if variant == "single" else 3 * pairs) + extra
    task = make_associative_recall(
        seq_len=seq_len, variant=variant, num_pairs=pairs, num_keys=keys, num_values=values, seed=seed,
        n_train=n[0], n_val=n[1], n_test=n[2],
    )  # fmt: skip
    for split, size in zip(splits_of(task), n[::-1], strict=False):
        assert len(split) == size
        assert split.lengths.tolist() == [seq_len] * len(split)
        for x, y in zip(split.x.tolist(), split.y.tolist(), strict=True):
            assert len(set(x[: 2 * pairs : 2])) == pairs
            assert all(values <= key < blank for key in x[: 2 * pairs : 2])
            labels = [y] if variant == "single" else y
            steps = [seq_len - 1] if variant == "single" else range(seq_len)
            for t, label in zip(steps, labels, strict=True):
                scored = t >= 2 * pairs and x[t] != blank
                assert label == (look_up(x, pairs, values, x[t]) if scored else -100)
            queries = [token for token in x[2 * pairs :] if token != blank]
            if variant == "single":
                assert queries == [x[-1]]
            else:
                assert sorted(queries) == sorted(x[: 2 * pairs : 2])


@pytest.mark.parametrize("variant", ["single", "mqar"])
def test_the_query_alone_allows_no_loss_below_the_declared_one(variant):
    n, k = 20_000, 5
    task = make_associative_recall(
        seq_len=12, variant=variant, num_pairs=3, num_keys=4, num_values=k, n_train=n
    )
    seen = {}
    for x, y in zip(task.train.x.tolist(), task.train.y.tolist(), strict=True):
        for t in range(6, 12):
            label = y if variant == "single" and t == 11 else -100 if variant == "single" else y[t]
            if label != -100:
                seen.setdefault((t, x[t]), []).append(label)
    total = sum(map(len, seen.values()))
    assert total == (n if variant == "single" else 3 * n)
    loss, right = 0.0, 0
    for labels in seen.values():
        counts = [labels.count(value) for value in range(k)]
        loss -= sum(count * math.log(count / len(labels)) for count in counts) / total
        right += max(counts)
    assert task.spec.memoryless_loss == math.log(k)
    assert math.log(k) - 0.005 < loss <= math.log(k)
    assert task.spec.chance_accuracy == 1 / k
    assert right / total == pytest.approx(1 / k, abs=0.02)


def test_queries_are_uniform_over_pairs_and_steps():
    n = 12_000
    single = make_associative_recall(seq_len=9, num_pairs=4, num_keys=6, n_train=n).train.x.tolist()
    places = [x[:8:2].index(x[-1]) for x in single]
    assert sum((places.count(p) - n / 4) ** 2 / (n / 4) for p in range(4)) < 21.1  # 3 degrees of freedom
    first_keys = [x[0] for x in single]
    assert sum((first_keys.count(k) - n / 6) ** 2 / (n / 6) for k in range(10, 16)) < 25.7  # 5
    many = make_associative_recall(variant="mqar", seq_len=9, num_pairs=2, num_keys=6, n_train=n)
    orders = [tuple(x.index(key, 4) for key in x[:4:2]) for x in many.train.x.tolist()]
    ways = [(a, b) for a in range(4, 9) for b in range(4, 9) if a != b]
    # 19 degrees of freedom; each limit is exceeded by chance once in 10,000.
    assert sum((orders.count(way) - n / 20) ** 2 / (n / 20) for way in ways) < 50.8


def test_spec_describes_the_samples():
    single = make_associative_recall(num_pairs=3, num_keys=7, num_values=4).spec
    many = make_associative_recall(num_pairs=3, num_keys=7, num_values=4, variant="mqar").spec
    assert (single.variant, single.target, many.variant, many.target) == (
        "single-3", "class", "mqar-3", "steps",
    )  # fmt: skip
    assert (single.vocab_size, many.vocab_size, single.num_classes, many.num_classes) == (12, 12, 4, 4)
    assert single.is_solved(9.0, 0.99) and not many.is_solved(0.0, 0.98)


@pytest.mark.parametrize(("variant", "shortest"), [("single", 9), ("mqar", 12)])
def test_one_step_too_few_and_too_few_keys_are_refused(variant, shortest):
    make_associative_recall(variant=variant, num_pairs=4, seq_len=shortest, n_train=2).train  # noqa: B018
    with pytest.raises(ValueError, match=f"seq_len must be .* at least {shortest}, not {shortest - 1}"):
        make_associative_recall(variant=variant, num_pairs=4, seq_len=shortest - 1)
    with pytest.raises(ValueError, match="num_keys must be .* at least 4, not 3"):
        make_associative_recall(variant=variant, num_pairs=4, num_keys=3)
    with pytest.raises(ValueError, match="num_values must be .* at least 2, not 1"):
        make_associative_recall(variant=variant, num_values=1)
