"""The embedded Reber grammar, parsed with a regular expression and enumerated with a separate table."""

import math
import re
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.tasks.embedded_reber import SYMBOLS, make_embedded_reber
from tests.tasks.every_split import splits_of

# The inner grammar as a regular expression, worked out by hand from its diagram: after T a loop of S, then X
# and S ends it; X X leads to the lower loop, which after P starts with T*V and repeats by P X T* V.
INNER = re.compile(r"B(TS*X(S|XT*V(PXT*V)*(PS|V))|PT*V(PXT*V)*(PS|V))E")


def letters(row, length):
    return "".join(SYMBOLS[token] for token in row[:length])


@settings(max_examples=40, deadline=None)
@given(
    seq_len=st.integers(7, 60),
    variant=st.sampled_from(["variable", "fixed"]),
    sizes=st.tuples(*[st.integers(1, 20)] * 3),
    seed=st.integers(0, 2**40),
)
def test_every_input_is_of_the_grammar_and_its_class_is_the_second_symbol(seq_len, variant, sizes, seed):
    names = dict(zip(("n_train", "n_val", "n_test"), sizes, strict=True))
    task = make_embedded_reber(seq_len=seq_len, variant=variant, seed=seed, **names)
    for split, n in zip(splits_of(task), sizes[::-1], strict=False):
        assert len(split) == n
        rows = zip(split.x.tolist(), split.y.tolist(), split.lengths.tolist(), strict=True)
        for row, y, length in rows:
            assert 7 <= length <= seq_len
            assert variant == "variable" or length == seq_len
            assert row[length:] == [0] * (seq_len - length)
            text = letters(row, length)
            assert text[0] == "B" and "TP"[y] == text[1]
            assert INNER.fullmatch(text[2:]), text


def strings(length):
    """Every inner string of a length, by following all branches of a separate table."""
    states = {"B": [("T", "a"), ("P", "b")], "a": [("S", "a"), ("X", "c")], "b": [("T", "b"), ("V", "d")]}
    states |= {"c": [("X", "b"), ("S", "e")], "d": [("P", "c"), ("V", "e")], "e": [("E", "end")], "end": []}
    found = [("B", "B")]
    for _ in range(length - 1):
        found = [(text + symbol, to) for text, state in found for symbol, to in states[state]]
    return [text for text, state in found if state == "end"]


def test_fixed_strings_are_all_those_of_the_length_equally_often():
    task = make_embedded_reber(variant="fixed", seq_len=12, n_test=6_000)
    whole = [f"B{second}{inner}" for second in "TP" for inner in strings(10)]
    assert all(INNER.fullmatch(text[2:]) for text in whole)
    seen = Counter(letters(row, 12) for row in task.test.x.tolist())
    assert set(seen) == set(whole)
    expected = 6_000 / len(whole)
    assert all(abs(count - expected) < 5 * math.sqrt(expected) for count in seen.values())


def test_variable_strings_are_as_frequent_as_their_branches_imply():
    n = 16_000
    train = make_embedded_reber(n_train=n).train
    lengths = train.lengths.tolist()
    seen = Counter(letters(*pair) for pair in zip(train.x.tolist(), lengths, strict=True))
    for length in (7, 8, 9):
        for inner in strings(length - 2):
            for second in "TP":
                # 1/2 for the second symbol and for each branch: all inner symbols but B and E.
                expected = n / 2 / 2 ** (len(inner) - 2)
                assert abs(seen[f"B{second}{inner}"] - expected) < 5 * math.sqrt(expected)
    assert sum(lengths) / n == pytest.approx(10, abs=0.15)


@pytest.mark.parametrize("variant", ["variable", "fixed"])
def test_the_last_step_and_the_length_are_independent_of_the_class(variant):
    n = 10_000
    task = make_embedded_reber(variant=variant, seq_len=30, n_train=n)
    train = task.train
    ends = zip(train.x.tolist(), train.lengths.tolist(), strict=True)
    assert {SYMBOLS[row[length - 1]] for row, length in ends} == {"E"}
    assert train.y.sum().item() == pytest.approx(n / 2, abs=200)  # four standard deviations
    means = [train.lengths[train.y == label].double().mean().item() for label in (0, 1)]
    assert means[0] == pytest.approx(means[1], abs=0.4)
    assert (task.spec.memoryless_loss, task.spec.chance_accuracy) == (math.log(2), 0.5)
    assert (task.spec.variant, task.spec.num_classes, task.spec.vocab_size) == (variant, 2, 8)


def test_the_docstring_says_how_many_test_strings_also_occur_in_training():
    task = make_embedded_reber()
    train = {tuple(row) for row in task.train.x.tolist()}
    share = sum(tuple(row) in train for row in task.test.x.tolist()) / len(task.test)
    assert share == pytest.approx(0.95, abs=0.005)
    assert f"{100 * share:.0f} of 100 test samples also occur" in make_embedded_reber.__doc__


@pytest.mark.parametrize("variant", ["variable", "fixed"])
def test_the_shortest_has_four_inputs_and_one_step_less_is_refused(variant):
    task = make_embedded_reber(seq_len=7, variant=variant, n_test=200)
    assert {letters(row, 7) for row in task.test.x.tolist()} == {
        f"B{second}{inner}" for second in "TP" for inner in ("BTXSE", "BPVVE")
    }
    with pytest.raises(ValueError, match="seq_len must be .* at least 7, not 6; the nearest is 7"):
        make_embedded_reber(seq_len=6, variant=variant)
