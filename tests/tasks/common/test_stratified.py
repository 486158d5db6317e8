"""Stratified splits, compared with counts by hand over every small class size."""

import collections

import numpy as np
import pytest

from harness.tasks.common.stratified import split_by_class

# Of a class of n samples: training, validation, test. 1/5 of n rounded, and at least one from 3 on.
SIZES = {1: (1, 0, 0), 2: (1, 0, 1), 3: (1, 1, 1), 4: (2, 1, 1), 5: (3, 1, 1), 7: (5, 1, 1), 8: (4, 2, 2)}


def counts(y, rows):
    return collections.Counter(y[i] for i in rows)


@pytest.mark.parametrize("seed", [0, 1, 2**32 + 1])
def test_each_class_is_divided_as_counted_by_hand_and_each_sample_is_in_one_split(seed):
    y = np.array([f"class of {n}" for n in SIZES for _ in range(n)])[np.random.RandomState(3).permutation(30)]
    parts = split_by_class(y, seed=seed)
    assert sorted(i for rows in parts.values() for i in rows) == list(range(30))
    for number, split in enumerate(("train", "val", "test")):
        assert parts[split].dtype == np.int64 and sorted(parts[split]) == parts[split].tolist()
        assert counts(y, parts[split]) == {f"class of {n}": s[number] for n, s in SIZES.items() if s[number]}


def test_the_split_depends_on_the_seed_and_on_the_labels_order_alone():
    y = np.repeat([0, 1], 50)
    one, again, other, named = (split_by_class(labels, seed=s) for labels, s in (
        (y, 4), (y, 4), (y, 5), (np.repeat(["left", "right"], 50), 4)))  # fmt: skip
    for split in one:
        assert one[split].tolist() == again[split].tolist() == named[split].tolist()
        assert one[split].tolist() != other[split].tolist()


def test_every_sample_is_tested_with_some_seed():
    """Of 60 draws of 2 in 10 one sample is in none with a chance of 10 (4/5)^60 = 1.5e-5."""
    tested = {int(i) for seed in range(60) for i in split_by_class(np.zeros(10), seed=seed)["test"]}
    assert tested == set(range(10))


def test_the_split_of_seed_0_is_always_the_same():
    parts = split_by_class(np.array([0, 1] * 8))
    assert {split: rows.tolist() for split, rows in parts.items()} == {
        "train": [2, 4, 7, 8, 11, 13, 14, 15],
        "val": [0, 1, 5, 10],
        "test": [3, 6, 9, 12],
    }
