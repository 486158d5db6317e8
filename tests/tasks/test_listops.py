"""ListOps: every expression parsed and evaluated; the trees compared with a recursive draw."""

import math
import random
import statistics
import time
from collections import Counter

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from harness.tasks.common.expressions import most_long_trees
from harness.tasks.listops import VOCABULARY, make_listops

RULES = {
    "[MIN": min,
    "[MAX": max,
    "[MED": lambda values: int(statistics.median(values)),
    "[SM": lambda values: sum(values) % 10,
}


def parse(words, place, max_args):
    """(value, position after it, depth) of the expression that starts here, by recursive descent."""
    word = words[place]
    if word not in RULES:
        return int(word), place + 1, 1
    values, deepest, place = [], 0, place + 1
    while words[place] != "]":
        value, place, depth = parse(words, place, max_args)
        values.append(value)
        deepest = max(deepest, depth)
    assert 2 <= len(values) <= max_args
    return RULES[word](values), place + 1, deepest + 1


def check(split, min_len, seq_len, max_depth, max_args):
    for row, y, length in zip(split.x.tolist(), split.y.tolist(), split.lengths.tolist(), strict=True):
        assert min_len <= length <= seq_len
        assert row[length:] == [0] * (seq_len - length)
        words = [VOCABULARY[token] for token in row[:length]]
        assert words[0] in RULES and words[-1] == "]"
        value, end, depth = parse(words, 0, max_args)
        assert (value, end) == (y, length)
        assert depth <= max_depth


@settings(max_examples=25, deadline=None)
@given(
    seq_len=st.integers(4, 90),
    fewer=st.integers(0, 90),
    max_depth=st.integers(2, 8),
    max_args=st.integers(2, 7),
    sizes=st.tuples(*[st.integers(1, 12)] * 3),
    seed=st.integers(0, 2**40),
)
def test_every_class_is_the_value_of_the_expression(seq_len, fewer, max_depth, max_args, sizes, seed):
    min_len = max(4, seq_len - fewer)
    tree = {"min_len": min_len, "seq_len": seq_len, "max_depth": max_depth, "max_args": max_args}
    names = dict(zip(("n_train", "n_val", "n_test"), sizes, strict=True))
    try:
        task = make_listops(**tree, seed=seed, **names)
    except ValueError as refusal:
        assume("fewer than one tree in 1,000" not in str(refusal))
        raise
    assert (len(task.train), len(task.val), len(task.test)) == sizes
    for split in (task.train, task.val, task.test):
        check(split, **tree)


def test_expressions_of_the_published_length_are_right_and_made_in_time():
    before = time.process_time()
    train = make_listops(seq_len=2_000, n_train=400).train
    # 20,000 in 60 s is 1.2 s for 400; this takes about 0.4 s, baselines included.
    assert time.process_time() - before < 3
    assert (min(train.lengths) >= 500) and (max(train.lengths) > 1_500)
    check(train, 500, 2_000, 10, 10)


def recursive_tree(rng, depth, max_depth, max_args):
    """The words of a node, drawn as Tay et al. (2021) describe."""
    if depth == max_depth or rng.random() >= 0.25:
        return [str(rng.randrange(10))]
    words = [rng.choice(list(RULES))]
    for _ in range(rng.randint(2, max_args)):
        words += recursive_tree(rng, depth + 1, max_depth, max_args)
    return [*words, "]"]


def test_trees_are_distributed_as_a_plain_recursive_draw_with_rejection():
    n, rng, plain = 3_000, random.Random(1), []
    while len(plain) < n:
        words = recursive_tree(rng, 1, 4, 4)
        if 8 <= len(words) <= 30:
            plain.append(words)
    train = make_listops(seq_len=30, min_len=8, max_depth=4, max_args=4, n_train=n).train
    drawn = [
        [VOCABULARY[token] for token in row[:length]]
        for row, length in zip(train.x.tolist(), train.lengths.tolist(), strict=True)
    ]
    features = [
        lambda words: len(words) // 4,
        lambda words: words[0],
        lambda words: sum(word in RULES for word in words),
        lambda words: parse(words, 0, 4)[2],
        lambda words: parse(words, 0, 4)[0],
        lambda words: words[1] in RULES,
        lambda words: words[-2] == "]",
    ]
    for feature in features:
        one, other = Counter(map(feature, plain)), Counter(map(feature, drawn))
        for kind in one | other:
            # Five standard deviations of the difference of two counts.
            assert abs(one[kind] - other[kind]) <= 5 * math.sqrt(one[kind] + other[kind]) + 1, kind


@pytest.mark.parametrize("tree", [{}, {"seq_len": 12, "max_args": 3}])
def test_the_baselines_are_those_of_the_samples(tree):
    n = 10_000
    task = make_listops(n_train=n, **tree)
    counts = Counter(task.train.y.tolist())
    shares = [count / n for count in counts.values()]
    # The baselines are measured on 4,096 expressions: a standard error of 0.006.
    assert task.spec.chance_accuracy == pytest.approx(max(shares), abs=0.02)
    assert task.spec.memoryless_loss == pytest.approx(-sum(p * math.log(p) for p in shares), abs=0.015)
    last = {row[length - 1] for row, length in zip(task.train.x, task.train.lengths, strict=True)}
    assert {VOCABULARY[int(token)] for token in last} == {
        "]"
    }  # so the last token is independent of the value


def test_the_docstrings_baselines_are_the_measured_ones():
    said = " ".join(make_listops.__doc__.split())
    assert "correct in 0.17 at 500 to 2,000 tokens (loss 2.25) and in 0.16 at 25 to 100 (2.26)" in said
    for seq_len, chance, loss in ((100, 0.16, 2.26), (2_000, 0.17, 2.25)):
        spec = make_listops(seq_len=seq_len).spec
        assert (round(spec.chance_accuracy, 2), round(spec.memoryless_loss, 2)) == (chance, loss)
    assert make_listops(seq_len=2_000).spec.variant == "500-2000-d10-a10"


def test_the_shortest_is_one_operator_of_two_digits_and_less_is_refused():
    task = make_listops(seq_len=4, n_test=4_000)
    assert len({tuple(row) for row in task.test.x.tolist()}) == 400
    with pytest.raises(
        ValueError, match="seq_len=4 has too few samples of class . to keep n_val=1000 disjoint"
    ):
        _ = task.val
    with pytest.raises(ValueError, match="seq_len must be .* at least 4, not 3; the nearest is 4"):
        make_listops(seq_len=3)
    with pytest.raises(ValueError, match="min_len must be .* at least 4, not 3; the nearest is 4"):
        make_listops(min_len=3)
    with pytest.raises(ValueError, match="min_len must be at most seq_len, 20, not 21; the nearest is 20"):
        make_listops(seq_len=20, min_len=21)
    for name in ("max_depth", "max_args"):
        with pytest.raises(ValueError, match=f"{name} must be .* at least 2, not 1; the nearest is 2"):
            make_listops(**{name: 1})
    with pytest.raises(ValueError, match="fewer than one tree in 1,000 has min_len=5 to seq_len=6 tokens"):
        make_listops(seq_len=6, min_len=5, max_args=2)


def test_lengths_that_no_tree_reaches_are_refused_at_once():
    start = time.process_time()
    with pytest.raises(ValueError, match="fewer than one tree in 1,000 has min_len=25000 to seq_len=100000"):
        make_listops(seq_len=100_000)
    assert time.process_time() - start < 0.1


@pytest.mark.parametrize(("max_depth", "max_args"), [(2, 3), (3, 4), (6, 10), (9, 5)])
def test_the_bound_of_long_trees_is_above_their_share(max_depth, max_args):
    draw = random.Random(1)

    def tokens(depth):
        if depth > 1 and (depth == max_depth or draw.random() >= 0.25):
            return 1
        return 2 + sum(tokens(depth + 1) for _ in range(draw.randint(2, max_args)))

    lengths = [tokens(1) for _ in range(4_000)]
    for quantile in (0.5, 0.9, 0.99):
        shortest = sorted(lengths)[int(4_000 * quantile)]
        share = sum(length >= shortest for length in lengths) / 4_000
        assert share - 3 * (share / 4_000) ** 0.5 <= most_long_trees(shortest, max_depth, max_args) <= 1
    assert most_long_trees(10 * max(lengths), max_depth, max_args) < 1e-3
