"""Disjoint splits of tasks so small that independent splits share samples, and errors of smaller ones."""

from collections import Counter
from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import harness.tasks
from harness.tasks import Split
from harness.tasks.common.disjoint import disjoint_splits, row_hashes
from harness.tasks.task import full_lengths
from tests.tasks.cases import CASES

SMALL = [name for name, case in CASES.items() if case.small is not None]
REPEATING = [
    name
    for name in SMALL
    if name.startswith(
        ("associative", "bracket", "delayed", "embedded", "listops", "majority", "modular", "sel")
    )
]
"""Tasks with fewer than 1,000 samples, or with a few frequent ones: independent splits always share some."""

SIZES = {"n_train": 400, "n_val": 50, "n_test": 60}


def make(name, **changes):
    case = CASES[name]
    return getattr(harness.tasks, case.function)(**(case.small | SIZES | changes))


def inputs(split):
    return {str(row) for row in split.x.tolist()}


@pytest.mark.parametrize("name", REPEATING)
def test_these_tasks_are_so_small_that_independent_splits_share_samples(name):
    one, other = (make(name, n_test=200, seed=seed).test for seed in (1, 2))
    assert inputs(one) & inputs(other)


@settings(max_examples=60, deadline=None)
@given(
    name=st.sampled_from(SMALL),
    sizes=st.tuples(st.integers(1, 300), st.integers(1, 30), st.integers(1, 30)),
    seed=st.integers(0, 2**40),
)
def test_splits_of_any_size_and_seed_are_disjoint_and_only_training_depends_on_n_train(name, sizes, seed):
    n = dict(zip(("n_train", "n_val", "n_test"), sizes, strict=True))
    task = make(name, seed=seed, **n)
    train, val, test = (inputs(split) for split in (task.train, task.val, task.test))
    assert not (train & val or train & test or val & test)
    longer = make(name, seed=seed, **(n | {"n_train": sizes[0] + 7}))
    assert (longer.val.fingerprint, longer.test.fingerprint) == (task.val.fingerprint, task.test.fingerprint)


def test_samples_with_one_class_are_drawn_again_of_that_class():
    """Of two digits, class 0 has 2 inputs and class 1 has 400: both stay as frequent as they were drawn."""

    def draw(rng, n):
        y = rng.randint(0, 2, n)
        x = np.where(y == 0, rng.randint(0, 2, n), rng.randint(2, 402, n))
        return Split(torch.from_numpy(x[:, None]), torch.from_numpy(y), full_lengths(n, 1))

    plain = draw(harness.tasks.common.disjoint.random_stream(5, "train"), 2_000)
    seen = None
    for seed in range(40):  # one of them holds out one of the two inputs of class 0
        make_split = disjoint_splits(draw, seed=seed, sizes={"train": 2_000, "val": 1, "test": 1})
        held = inputs(make_split("test", 0)) | inputs(make_split("val", 0))
        if len(held & {"[0]", "[1]"}) == 1:
            plain, seen = (
                draw(harness.tasks.common.disjoint.random_stream(seed, "train"), 2_000),
                make_split("train", 0),
            )
            break
    assert seen.y.tolist() == plain.y.tolist()
    assert Counter(seen.x[seen.y == 0].ravel().tolist()).keys() == {0, 1} - {int(one[1]) for one in held}
    kept = [i for i, row in enumerate(plain.x.tolist()) if str(row) not in held]
    assert torch.equal(seen.x[kept], plain.x[kept])  # other samples stay as drawn


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("associative_recall-single", {"num_keys": 2, "num_values": 2}, "has too few samples of class"),
        ("embedded_reber-fixed", {"seq_len": 7}, "seq_len=7 has too few samples of class . to keep n_val=50"),
        ("selective_copy", {"seq_len": 5}, "seq_len=5 has too few samples to keep n_val=50"),
        ("delayed_recall-shared", {"seq_len": 3}, "lower n_val and n_test"),
        ("listops", {"seq_len": 4}, None),
    ],
)  # fmt: skip
def test_too_few_different_samples_are_refused_with_the_sizes(name, changes, message):
    task = make(name, **changes, n_test=60 if message else 4_000)
    assert len(task.test) in (60, 4_000)  # test samples never fail
    with pytest.raises(ValueError, match=message or "n_test=4000"):
        _ = task.val


def test_hashes_are_equal_for_equal_rows_only():
    x = np.array(list(product(range(3), repeat=6)))
    hashes = row_hashes(x)
    assert len(set(hashes.tolist())) == 3**6
    shuffled = np.random.RandomState(0).permutation(3**6)
    assert row_hashes(x[shuffled]).tolist() == hashes[shuffled].tolist()
    zeros = np.array([[[0.0, 1.0]], [[-0.0, 1.0]], [[1.0, 0.0]]], dtype=np.float32)
    first, negative, other = row_hashes(zeros).tolist()
    assert first == negative != other
