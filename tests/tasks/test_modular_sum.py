"""Parity and modular sums, recomputed digit by digit."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.tasks.modular_sum import make_modular_sum
from harness.tasks.parity import make_parity


def label(digits, modulus):
    """The class, by counting up by one and wrapping around at `modulus`."""
    place = 0
    for digit in digits:
        for _ in range(digit):
            place = 0 if place == modulus - 1 else place + 1
    return place


@settings(max_examples=40, deadline=None)
@given(
    seq_len=st.integers(3, 70),
    modulus=st.integers(2, 11),
    sizes=st.tuples(st.integers(1, 40), st.just(1), st.just(1)),
    seed=st.integers(0, 2**40),
)
def test_every_label_is_the_sum_and_splits_are_disjoint(seq_len, modulus, sizes, seed):
    names = dict(zip(("n_train", "n_val", "n_test"), sizes, strict=True))
    tasks = [make_modular_sum(seq_len=seq_len, modulus=modulus, seed=seed, **names)]
    if modulus == 2:
        tasks.append(make_parity(seq_len=seq_len, seed=seed, **names))
    for task in tasks:
        seen = []
        for split, n in zip((task.train, task.val, task.test), sizes, strict=True):
            assert split.x.shape == (n, seq_len)
            assert (str(split.x.dtype), str(split.y.dtype)) == ("torch.int64", "torch.int64")
            assert split.lengths.tolist() == [seq_len] * n
            rows = [tuple(row) for row in split.x.tolist()]
            assert all(0 <= digit < modulus for row in rows for digit in row)
            assert split.y.tolist() == [label(row, modulus) for row in rows]
            seen.append(set(rows))
        assert not (seen[0] & seen[1] or seen[0] & seen[2] or seen[1] & seen[2])


def test_parity_is_the_xor_of_all_bits():
    task = make_parity(seq_len=9, n_train=300, n_val=20, n_test=20)
    for bits, y in zip(task.train.x.tolist(), task.train.y.tolist(), strict=True):
        xor = 0
        for bit in bits:
            xor ^= bit
        assert y == xor


def test_the_worked_examples():
    assert label([1, 0, 1, 0, 1, 0, 0], 2) == 1 and label([0, 1, 1, 1, 1], 2) == 0
    assert label([3, 4, 1, 0], 5) == 3 and label([2, 2, 2, 2, 2], 5) == 0


def test_in_a_small_space_fresh_epochs_never_contain_held_out_sequences():
    task = make_parity(seq_len=6, n_train=500, n_val=16, n_test=16, fresh=True)
    held_out = {tuple(row) for split in (task.val, task.test) for row in split.x.tolist()}
    assert not {tuple(row) for row in task.val.x.tolist()} & {tuple(row) for row in task.test.x.tolist()}
    trained = {tuple(row) for epoch in range(4) for row in task.epoch(epoch).x.tolist()}
    # 2,000 draws contain every one of the other sequences, 64 in all.
    assert not trained & held_out
    assert len(trained) + len(held_out) == 64


@pytest.mark.parametrize(("make", "base", "seq_len"), [(make_parity, 2, 12), (make_modular_sum, 5, 5)])
def test_too_few_sequences_are_refused_with_the_length_that_has_enough(make, base, seq_len):
    message = (
        f"^seq_len must be at least {seq_len + 1}, not {seq_len}, to keep n_val \\+ n_test = 3000 samples "
        f"out of training: there are {base**seq_len} sequences of {seq_len} steps, and 6000 are needed; "
        "or lower n_val and n_test$"
    )
    with pytest.raises(ValueError, match=message):
        make(seq_len=seq_len)
    assert base**seq_len < 2 * 3_000 <= base ** (seq_len + 1)
    make(seq_len=seq_len + 1)
    make(seq_len=2, n_val=1, n_test=1)
    with pytest.raises(
        ValueError, match=f"seq_len must be .* at least {seq_len + 1}, not 1; the nearest is {seq_len + 1}"
    ):
        make(seq_len=1)


def test_a_modulus_below_two_is_refused():
    with pytest.raises(ValueError, match="modulus must be .* at least 2, not 1; the nearest is 2"):
        make_modular_sum(modulus=1)


@pytest.mark.parametrize("modulus", [2, 3, 10])
def test_the_last_digit_is_independent_so_the_loss_is_ln_k(modulus):
    n = 40_000
    task = make_modular_sum(seq_len=30, modulus=modulus, n_train=n)
    table = np.zeros((modulus, modulus))
    np.add.at(table, (task.train.x[:, -1].numpy(), task.train.y.numpy()), 1)
    expected = n / modulus**2
    dof = modulus**2 - 1
    # Mean and standard deviation of chi squared; six deviations.
    assert ((table - expected) ** 2 / expected).sum() < dof + 6 * math.sqrt(2 * dof)
    assert task.spec.memoryless_loss == math.log(modulus)
    assert task.spec.chance_accuracy == 1 / modulus


def test_specs_describe_the_samples():
    spec = make_parity(seq_len=20).spec
    assert (spec.name, spec.variant, spec.target, spec.seq_len) == ("parity", "bits", "class", 20)
    assert (spec.vocab_size, spec.input_size, spec.num_classes, spec.memoryless_loss) == (
        2,
        None,
        2,
        math.log(2),
    )
    spec = make_modular_sum(modulus=7).spec
    assert (spec.name, spec.variant, spec.vocab_size, spec.num_classes) == ("modular_sum", "mod-7", 7, 7)
    assert spec.is_solved(9.0, 0.99) and not spec.is_solved(0.0, 0.98)
