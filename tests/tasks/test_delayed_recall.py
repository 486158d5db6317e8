"""Delayed recall, recomputed sample by sample."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.tasks import make_delayed_recall
from tests.tasks.every_split import splits_of

VARIANTS = ("separate", "shared")


@settings(max_examples=40, deadline=None)
@given(
    seq_len=st.integers(2, 40),
    num_classes=st.integers(2, 12),
    variant=st.sampled_from(VARIANTS),
    sizes=st.tuples(*[st.integers(1, 12)] * 3),
    seed=st.integers(0, 2**40),
)
def test_every_class_is_the_first_symbol(seq_len, num_classes, variant, sizes, seed):
    names = dict(zip(("n_train", "n_val", "n_test"), sizes, strict=True))
    task = make_delayed_recall(seq_len=seq_len, num_classes=num_classes, variant=variant, seed=seed, **names)
    low = num_classes if variant == "separate" else 0
    for split, n in zip(splits_of(task), sizes[::-1], strict=False):
        assert len(split) == n
        assert (str(split.x.dtype), str(split.y.dtype)) == ("torch.int64", "torch.int64")
        assert split.lengths.tolist() == [seq_len] * len(split)
        for symbols, y in zip(split.x.tolist(), split.y.tolist(), strict=True):
            assert len(symbols) == seq_len
            assert 0 <= y < num_classes
            assert symbols[0] == y
            assert all(low <= symbol < low + num_classes for symbol in symbols[1:])


def test_classes_and_distractors_are_balanced_and_independent():
    n, k = 20_000, 4
    for variant in VARIANTS:
        test = make_delayed_recall(seq_len=3, num_classes=k, variant=variant, n_test=n).test
        low = k if variant == "separate" else 0
        for place in (1, 2):
            table = [[0] * k for _ in range(k)]
            for symbols, y in zip(test.x.tolist(), test.y.tolist(), strict=True):
                table[y][symbols[place] - low] += 1
            expected = n / k**2
            chi2 = sum((count - expected) ** 2 / expected for row in table for count in row)
            # 15 degrees of freedom: 45 is exceeded by chance once in 13,000 tables.
            assert chi2 < 45, (variant, place, table)


def test_the_last_symbol_allows_no_loss_below_the_declared_one():
    n, k = 20_000, 8
    for variant in VARIANTS:
        task = make_delayed_recall(seq_len=5, num_classes=k, variant=variant, n_train=n)
        seen = {}
        for last, y in zip(task.train.x[:, -1].tolist(), task.train.y.tolist(), strict=True):
            seen.setdefault(last, []).append(y)
        loss, correct = 0.0, 0
        for classes in seen.values():
            counts = [classes.count(label) for label in range(k)]
            loss -= sum(count * math.log(count / len(classes)) for count in counts if count) / n
            correct += max(counts)
        # The best table fitted to the samples themselves: by chance it gains about (k² − 1) / 2n nats.
        assert task.spec.memoryless_loss == math.log(k)
        assert math.log(k) - 0.005 < loss <= math.log(k)
        assert task.spec.chance_accuracy == 1 / k
        assert correct / n == pytest.approx(1 / k, abs=0.02)


@pytest.mark.parametrize(("variant", "vocab_size"), [("separate", 6), ("shared", 3)])
def test_spec_describes_the_samples(variant, vocab_size):
    spec = make_delayed_recall(seq_len=9, num_classes=3, variant=variant).spec
    assert (spec.name, spec.variant, spec.target) == ("delayed_recall", f"{variant}-3", "class")
    assert (spec.seq_len, spec.input_size, spec.vocab_size, spec.num_classes) == (9, None, vocab_size, 3)
    assert (spec.data_source, spec.tolerance) == ("generated", None)
    assert spec.is_solved(9.0, 0.99)
    assert not spec.is_solved(0.0, 0.98)


@pytest.mark.parametrize("name", ["seq_len", "num_classes"])
def test_one_step_or_one_class_is_refused(name):
    with pytest.raises(
        ValueError, match=f"{name} must be a whole number of at least 2, not 1; the nearest is 2"
    ):
        make_delayed_recall(**{name: 1})
