"""The temporal order problem, recomputed sample by sample."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.tasks import make_temporal_order
from harness.tasks.temporal_order import SYMBOLS

# The windows as the source prints them for T = 100.
AT_100 = {"6a-fractions": [(10, 20), (50, 60)], "6b-fractions": [(10, 20), (33, 43), (66, 76)]}
VARIANTS = tuple(AT_100)


def label(symbols):
    """The class from the letters: a binary number with X = 0 and Y = 1."""
    letters = [SYMBOLS[token] for token in symbols]
    return int("".join({"X": "0", "Y": "1"}[letter] for letter in letters if letter in "XY"), 2)


@settings(max_examples=40, deadline=None)
@given(
    seq_len=st.integers(10, 130),
    variant=st.sampled_from(VARIANTS),
    sizes=st.tuples(*[st.integers(1, 12)] * 3),
    seed=st.integers(0, 2**40),
)
def test_every_class_is_the_order_of_the_relevant_symbols(seq_len, variant, sizes, seed):
    names = dict(zip(("n_train", "n_val", "n_test"), sizes, strict=True))
    task = make_temporal_order(seq_len=seq_len, variant=variant, seed=seed, **names)
    assert (len(task.train), len(task.val), len(task.test)) == sizes
    for split in (task.train, task.val, task.test):
        assert (str(split.x.dtype), str(split.y.dtype)) == ("torch.int64", "torch.int64")
        assert split.lengths.tolist() == [seq_len] * len(split)
        for symbols, y in zip(split.x.tolist(), split.y.tolist(), strict=True):
            assert len(symbols) == seq_len
            assert (SYMBOLS[symbols[0]], SYMBOLS[symbols[-1]]) == ("E", "B")
            relevant = [t for t, token in enumerate(symbols) if SYMBOLS[token] in "XY"]
            assert len(relevant) == len(AT_100[variant])
            for t, (low, high) in zip(relevant, AT_100[variant], strict=True):
                assert math.floor(low / 100 * seq_len + 1e-9) <= t <= high / 100 * seq_len + 1e-9
            others = set(range(1, seq_len - 1)) - set(relevant)
            assert all(SYMBOLS[symbols[t]] in "abcd" for t in others)
            assert y == label(symbols)


@pytest.mark.parametrize("variant", VARIANTS)
def test_at_length_100_each_step_of_the_published_windows_occurs_and_no_other(variant):
    task = make_temporal_order(seq_len=100, variant=variant, n_train=2_000)
    seen = {
        t for symbols in task.train.x.tolist() for t, token in enumerate(symbols) if SYMBOLS[token] in "XY"
    }
    assert seen == {t for low, high in AT_100[variant] for t in range(low, high + 1)}


@pytest.mark.parametrize(
    ("variant", "classes", "most"), [("6a-fractions", 4, 21.1), ("6b-fractions", 8, 29.9)]
)
def test_classes_are_balanced_and_chance_is_that_of_the_spec(variant, classes, most):
    n = 20_000
    task = make_temporal_order(seq_len=20, variant=variant, n_train=n)
    counts = [task.train.y.tolist().count(c) for c in range(classes)]
    expected = n / classes
    # 3 and 7 degrees of freedom: exceeded by chance once in 10,000.
    assert sum((count - expected) ** 2 / expected for count in counts) < most
    assert (task.spec.chance_accuracy, task.spec.memoryless_loss) == (1 / classes, math.log(classes))
    assert set(task.train.x[:, -1].tolist()) == {
        SYMBOLS.index("B")
    }  # so the last symbol is independent of the class


def test_the_docstrings_examples_have_their_classes():
    for line, expected in (("E a X c d Y b B", 1), ("E b Y a a X d B", 2)):
        assert label([SYMBOLS.index(letter) for letter in line.split()]) == expected


def test_at_the_shortest_length_windows_do_not_overlap_and_one_less_is_refused():
    for variant in VARIANTS:
        task = make_temporal_order(seq_len=10, variant=variant, n_train=300)
        counts = {sum(SYMBOLS[token] in "XY" for token in symbols) for symbols in task.train.x.tolist()}
        assert counts == {len(AT_100[variant])}
    with pytest.raises(
        ValueError, match="seq_len must be a whole number of at least 10, not 9; the nearest is 10"
    ):
        make_temporal_order(seq_len=9)


@pytest.mark.parametrize(("variant", "classes"), [("6a-fractions", 4), ("6b-fractions", 8)])
def test_spec_describes_the_samples(variant, classes):
    spec = make_temporal_order(seq_len=12, variant=variant).spec
    assert (spec.name, spec.variant, spec.target) == ("temporal_order", variant, "class")
    assert (spec.seq_len, spec.input_size, spec.vocab_size, spec.num_classes) == (12, None, 8, classes)
    assert (spec.data_source, spec.tolerance) == ("generated", None)
    assert spec.is_solved(9.0, 0.99)
    assert not spec.is_solved(0.0, 0.98)


def test_the_error_for_an_unknown_variant_lists_the_known_ones():
    with pytest.raises(ValueError, match="^variant must be one of 6a-fractions, 6b-fractions, not '6a'"):
        make_temporal_order(variant="6a")
