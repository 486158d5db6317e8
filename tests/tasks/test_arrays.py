"""Arrays in memory: every sample against the arrays that were given, and each refusal by its line."""

import math
import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.tasks import Task, measure_baselines

X = np.random.RandomState(0).randint(-99, 99, (20, 5, 2)) / 8
Y = ["b", "a"] * 10
SPLITS = ("train", "val", "test")


def samples(task):
    """Every sample of a task: its valid steps as text, and the name of its class or its value."""
    names = task.spec.class_names
    found = []
    for split in (task.train, task.val, task.test):
        for x, y, n in zip(split.x.tolist(), split.y.tolist(), split.lengths.tolist(), strict=True):
            assert not torch.tensor(x[n:]).any()
            found.append((str(x[:n]), names[y] if names else y))
    return sorted(found)


@pytest.mark.parametrize("kind", [np.array, torch.tensor, np.ndarray.tolist, list])
def test_each_sample_is_the_one_that_was_given(kind):
    task = Task.from_arrays(kind(X), Y, normalize=False)
    assert samples(task) == sorted((str(x.tolist()), y) for x, y in zip(X, Y, strict=True))
    assert (task.spec.input_size, task.spec.seq_len, task.spec.class_names) == (2, 5, ("a", "b"))
    assert (task.spec.variant, task.spec.data_source) == ("values-raw", "arrays-arrays")
    assert [len(split) for split in (task.train, task.val, task.test)] == [12, 4, 4]
    assert task.train.y.bincount().tolist() == [6, 6]


def objects(sequences):
    array = np.empty(len(sequences), dtype=object)
    array[:] = sequences
    return array


def test_tables_and_arrays_of_objects_are_read_too():
    frame = pd.DataFrame({"a": np.arange(12.0), "b": np.arange(12.0) / 4, "y": pd.Series(["u", "v"] * 6)})
    task = Task.from_arrays(frame[["a", "b"]], frame["y"], normalize=False)
    expected = sorted((str([[float(i)], [i / 4]]), "uv"[i % 2]) for i in range(12))
    assert samples(task) == expected
    for kind in (object, "U1", np.dtypes.StringDType() if hasattr(np.dtypes, "StringDType") else object):
        assert samples(Task.from_arrays(frame[["a", "b"]].values, np.array(["u", "v"] * 6, dtype=kind),
                                        normalize=False)) == expected  # fmt: skip
    ragged = [x[: 1 + i % 3] for i, x in enumerate(X)]
    one, other = Task.from_arrays(ragged, Y), Task.from_arrays(objects(ragged), Y)
    assert one.fingerprint == other.fingerprint


@pytest.mark.parametrize("kind", [np.array, torch.tensor, list])
def test_sequences_of_unequal_lengths_are_a_list_or_an_array_with_lengths(kind):
    lengths = [1 + i % 4 for i in range(20)]
    as_list = Task.from_arrays([kind(x[:n]) for x, n in zip(X, lengths, strict=True)], Y, normalize=False)
    ends = np.where(np.arange(5) < np.array(lengths)[:, None], 0, np.nan)[
        ..., None
    ]  # what follows is ignored
    padded = Task.from_arrays(X + ends, Y, lengths=lengths, normalize=False)
    assert samples(as_list) == sorted((str(x[:n].tolist()), y) for x, y, n in zip(X, Y, lengths, strict=True))
    assert as_list.fingerprint == padded.fingerprint and as_list.content == padded.content
    assert as_list.spec.seq_len == 4


def test_the_type_of_x_or_the_argument_says_whether_it_holds_tokens():
    x = [[3, i, 2] for i in range(12)]
    task = Task.from_arrays(x, [0, 1] * 6)
    assert (task.spec.vocab_size, task.spec.variant, task.train.x.dtype) == (12, "tokens", torch.int64)
    assert samples(task) == sorted((str(row), label) for row, label in zip(x, [0, 1] * 6, strict=True))
    measured = Task.from_arrays(x, [0, 1] * 6, tokens=False, normalize=False)
    assert samples(measured)[0] == ("[[3.0], [0.0], [2.0]]", 0)
    assert Task.from_arrays(np.float64(x), [0, 1] * 6).spec.input_size == 1


def test_normalisation_uses_the_training_samples_and_their_valid_steps_alone():
    rows = {"train": range(10), "val": range(10, 15), "test": range(15, 20)}
    lengths = np.array([5, 3] * 10)
    task = Task.from_arrays(X, Y, lengths=lengths, **{split: list(part) for split, part in rows.items()})
    for feature in (0, 1):
        values = [float(X[i, t, feature]) for i in range(10) for t in range(lengths[i])]
        mean = sum(values) / len(values)
        deviation = math.sqrt(sum((value - mean) ** 2 for value in values) / len(values))
        for split, part in rows.items():
            for row, i in zip(getattr(task, split).x[:, :, feature].tolist(), part, strict=True):
                expected = [(X[i, t, feature] - mean) / deviation if t < lengths[i] else 0 for t in range(5)]
                assert row == pytest.approx(expected, rel=1e-6, abs=1e-6)


def test_a_constant_or_tiny_feature_is_centred_and_stays_finite():
    x = np.stack([np.full((9, 4), 7.0), np.arange(36).reshape(9, 4) * 1e-200], axis=2)
    task = Task.from_arrays(x, [0, 1, 2] * 3, train=range(3), val=range(3, 6), test=range(6, 9))
    assert not task.train.x.any() and not task.test.x.any()


def test_small_floats_are_read_without_a_warning():
    task = Task.from_arrays(X.astype(np.float16), Y, normalize=False)
    assert samples(task) == sorted(
        (str(x.tolist()), y) for x, y in zip(X, Y, strict=True)
    )  # eighths are exact


@pytest.mark.parametrize("normalize", [True, False])
def test_sequences_that_are_equal_in_float32_are_in_one_split(normalize):
    x = np.random.RandomState(1).randn(20, 5, 2) * [1e-8, 1e8]
    task = Task.from_arrays(np.concatenate([x, x * (1 + 1e-14)]), Y * 2, split_seed=3, normalize=normalize)
    inputs = [{str(row) for row in split.x.tolist()} for split in (task.train, task.val, task.test)]
    assert sum(map(len, inputs)) == len(set.union(*inputs)) == 20


def test_sequences_that_only_an_offset_makes_equal_in_float32_are_different():
    x = 1e12 + np.random.RandomState(1).randn(20, 5, 2)
    assert len(Task.from_arrays(x, Y).train) == 12


def test_an_array_without_masked_values_is_read():
    assert Task.from_arrays(np.ma.masked_array(X), Y).fingerprint == Task.from_arrays(X, Y).fingerprint


def test_equal_training_sequences_are_not_in_validation_too():
    x = np.concatenate([np.tile(X[:5], (3, 1, 1)), X[15:]])
    task = Task.from_arrays(x, Y, train=range(15), test=range(15, 20), normalize=False)
    train, val = ({str(row) for row in split.x.tolist()} for split in (task.train, task.val))
    assert not train & val and len(train | val) == 5 and len(task.val) == 3


@pytest.mark.parametrize("seed", range(5))
def test_equal_sequences_are_in_one_split_unless_the_division_is_given(seed):
    x = np.random.RandomState(seed).randint(0, 2, (60, 4))
    lengths = np.random.RandomState(9).randint(3, 5, 60)
    for sequences in (x, -0.0 * x + x):
        task = Task.from_arrays(sequences, [0, 1] * 30, lengths=lengths, split_seed=seed, normalize=False)
        inputs = [
            {str(row[:n]) for row, n in zip(split.x.tolist(), split.lengths.tolist(), strict=True)}
            for split in (task.train, task.val, task.test)
        ]
        assert sum(map(len, inputs)) == len(set.union(*inputs)) < 60
        assert sum(len(split) for split in (task.train, task.val, task.test)) == 60


def test_the_given_division_is_kept_whether_by_index_or_by_mask():
    rows = {"train": [19, 3, 4, 5, 6], "val": [0, 1], "test": [2]}
    masks = {split: np.isin(np.arange(20), part) for split, part in rows.items()}
    for given_rows in (rows, masks, {k: torch.tensor(v) for k, v in rows.items()}):
        task = Task.from_arrays(X, Y, normalize=False, **given_rows)
        for split in SPLITS:
            assert (getattr(task, split).x.numpy() == X[sorted(rows[split])]).all()
    without_val = Task.from_arrays(X, Y, normalize=False, train=range(15), test=range(15, 20))
    assert [len(getattr(without_val, split)) for split in SPLITS] == [12, 3, 5]
    assert {str(x) for x in without_val.test.x.tolist()} == {str(x.tolist()) for x in X[15:]}


def test_chance_is_the_share_of_the_most_frequent_class_of_the_test_samples():
    task = Task.from_arrays(X, [7] * 5 + [-2] * 15, train=[0, 1, 19], val=[2, 18], test=[3, 4, 5])
    assert task.spec.class_names == ("-2", "7")
    assert task.spec.chance_accuracy == measure_baselines(task, task.test).chance_accuracy == 2 / 3


@settings(max_examples=30, deadline=None)
@given(y=st.lists(st.integers(-20, 20), min_size=10, max_size=14), tolerance=st.sampled_from([0.75, 1.25, 4]))
def test_chance_of_values_is_the_best_constant_found_by_trying_many(y, tolerance):
    x = np.arange(len(y))[:, None, None].astype(float)
    task = Task.from_arrays(x, np.float64(y), target="value", tolerance=tolerance)
    test = task.test.y.tolist()
    best = max(sum(abs(value - answer / 8) < tolerance for value in test) for answer in range(-160, 161))
    assert task.spec.chance_accuracy == pytest.approx(best / len(test))
    assert measure_baselines(task, task.test).chance_accuracy == task.spec.chance_accuracy
    assert sorted(float(v) for split in SPLITS for v in getattr(task, split).y) == sorted(map(float, y))


def test_writing_into_the_arrays_or_into_a_split_changes_no_other_task():
    x, y, rows = X.copy(), np.array(Y), [np.arange(10), np.arange(10, 15), np.arange(15, 20)]
    task = Task.from_arrays(x, y, normalize=False, train=rows[0], val=rows[1], test=rows[2])
    copy = pickle.loads(pickle.dumps(task))
    x[:], y[:], rows[0][:] = 0, "a", 0
    fingerprint = copy.fingerprint
    task.train.x.zero_()
    assert copy.fingerprint == fingerprint == pickle.loads(pickle.dumps(task)).fingerprint
    assert (copy.train.x.numpy() == X[:10]).all()


WORDS = "y must be words or whole numbers, not "
REFUSED = [
    ({"x": X[:, :, :0]}, "x must be (samples, steps) or (samples, steps, features), at least 1 each, not"),
    ({"x": X[0, 0]}, "x must be (samples, steps) or (samples, steps, features), at least 1 each, not (2,)"),
    ({"x": [[1.0], [2.0, 3.0], [[4.0]]], "y": "abc"}, "not (1, 1) after (1,) (sample 2)"),
    ({"x": np.where(np.arange(5) == 3, np.inf, X[..., 0])}, "x must be finite and at most 3.4e38 in size, "
     "float32's range, not inf (sample 0, step 3)"),
    ({"x": X.astype(str)}, "x must hold numbers, not <U"),
    ({"x": [[1, 2], [None, 3]]}, "x[1] must hold numbers, not object"),
    ({"x": X * 1e38}, "float32's range, not"),
    ({"x": np.int8(X[..., 0])}, "or measurements with tokens=False, not -"),
    ({"x": X, "tokens": True}, "x must be (samples, steps) of a whole-number type with tokens=True, not"),
    ({"lengths": [5] * 19 + [6]}, "lengths must be from 1 to 5, the steps of x, not 6 (sample 19)"),
    ({"lengths": [5.0] * 20}, "lengths must be 20 whole numbers, one for each sample, not float64 (20,)"),
    ({"y": Y[:19]}, "y must have shape (20,), a label for each of 20 samples, not (19,)"),
    ({"y": np.arange(20.0)}, WORDS + "float64; convert it, or use target='value' to predict numbers"),
    ({"y": [1, "a"] * 10}, WORDS + "a mixture of both"),
    ({"y": np.array(Y, dtype=bytes)}, "y must hold numbers or words, not |S1; decode them with"),
    ({"y": ["a", " "] * 10}, "y must name a class for each sample, not ' ', which stands for a missing one "
     "(sample 1)"),
    ({"y": ["a", np.nan] * 10}, "y must name a class for each sample, not nan, which stands for a"),
    ({"y": 5}, "y must have shape (20,), a label for each of 20 samples, not ()"),
    ({"y": np.array([0, np.nan] * 10)}, "y must name a class for each sample, not nan, which stands for a"),
    ({"y": pd.Series([0, None] * 10, dtype="Int64")}, "y must name a class for each sample, not <NA>, which"),
    ({"y": objects(["a", None] * 10)}, "y must name a class for each sample, not None, which stands for a"),
    ({"y": np.array(["a", "nan"] * 10)}, "y must name a class for each sample, not 'nan', which stands for a "
     "missing one (sample 1); leave the sample out, or rename the class"),
    ({"y": np.ma.masked_equal([7, 8] * 10, 8)}, "y must have no masked values, not one at (1,)"),
    ({"x": np.ma.masked_greater(X, 12)}, "x must have no masked values, not one at ("),
    ({"x": [np.ma.masked_array(X[0], X[0] > 9), *X[1:]]}, "x[0] must have no masked values"),
    ({"x": np.float16(np.where(np.arange(5) == 3, np.inf, X[..., 0]))}, "float32's range, not inf (sample 0"),
    ({"target": "value", "y": np.array([1, np.inf] * 10, np.float16), "tolerance": 1}, "not inf (sample 1)"),
    ({"y": range(20)}, "val must have at least one sample, not 0 of 20; 3 samples of one class that"),
    ({"train": [0], "val": [1]}, "or none, not train, val alone"),
    ({"train": [0, 1], "val": [2], "test": [1]}, "test must not share sample 1 with train"),
    ({"train": [0, 0], "val": [2], "test": [1]}, "train must name a sample once, not 0 2 times"),
    ({"train": [-1], "val": [2], "test": [1]}, "train must be indices from 0 to 19, not -1"),
    ({"train": [0.5], "val": [2], "test": [1]}, "train must be indices of samples or a mask (20,), not "),
    ({"name": "my data"}, "name must be made of letters, digits, '_', '-' and '.', not 'my data'"),
    ({"target": "value", "y": [1.0] * 20}, "tolerance must be a positive number with target=value, not None"),
    ({"target": "value", "y": [1.0, np.nan] * 10, "tolerance": 1}, "y must be finite and at most"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "said"), REFUSED, ids=[said for _, said in REFUSED])
def test_what_cannot_be_used_is_refused_by_sample_and_rule(changes, said):
    arguments = {"x": X, "y": Y} | changes
    with pytest.raises(ValueError) as error:  # noqa: PT011
        Task.from_arrays(**arguments)
    assert said in str(error.value) and "\n" not in str(error.value)
