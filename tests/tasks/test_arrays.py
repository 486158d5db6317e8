"""Own data in arrays: every sample against the arrays that were given, and each refusal by its line."""

import io
import math
import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from harness.tasks import Task, load_arrays, measure_baselines
from harness.tasks.common.run_names import run_name

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
    task = Task.from_arrays(x, [0, 1, 2] * 3)
    assert not task.train.x.any() and not task.test.x.any()


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
    ({"y": ["a", " "] * 10}, "y must name a class for each sample, not '' (sample 1)"),
    ({"y": range(20)}, "val must have at least one sample, not 0 of 20; 3 different samples of one"),
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


# --- .npz files -----------------------------------------------------------------------------------------


def test_a_file_gives_the_task_of_its_arrays_whatever_its_folder(tmp_path):
    arrays = {"x": X, "y": np.array(Y), "lengths": [5, 2] * 10}
    rows = {"train": range(12), "val": range(12, 16), "test": range(16, 20)}
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        np.savez(tmp_path / folder / "my walks.npz", **arrays, **{s: np.array(r) for s, r in rows.items()})
    one, two = (load_arrays(path=tmp_path / folder / "my walks.npz") for folder in "ab")
    expected = Task.from_arrays(X, Y, lengths=[5, 2] * 10, **rows)
    assert one.fingerprint == two.fingerprint == expected.fingerprint
    assert one.content == two.content
    assert (one.spec.name, one.spec.data_source) == ("my_walks", "arrays-my_walks")
    assert load_arrays(path=tmp_path / "a" / "my walks.npz", name="walks").spec.name == "walks"
    np.savez(tmp_path / "b" / "my walks.npz", **arrays)
    again = load_arrays(path=tmp_path / "b" / "my walks.npz")
    assert again.content != one.content and again.fingerprint != one.fingerprint


def test_writing_into_a_split_changes_no_later_load(tmp_path):
    np.savez(tmp_path / "d.npz", x=X, y=Y)
    task = load_arrays(path=tmp_path / "d.npz")
    fingerprint = task.fingerprint
    task.train.x.zero_()
    assert load_arrays(path=tmp_path / "d.npz").fingerprint == fingerprint


def npz(**arrays):
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


BAD_FILES = [
    (npz(x=X), "may hold lengths, train, val, test, and nothing else, not: x (20, 5, 2) float64"),
    (npz(x=X, y=Y, length=[1]), "length (1,) int64; did you mean 'lengths'?"),
    (npz(x=X, y=np.array(Y, dtype=object)), "words as numpy.array(words, dtype=str)"),
    (npz(x=X, y=Y)[:300], "must be an .npz file without Python objects"),
    (b"x,y\n1,2\n", "must be an .npz file without Python objects"),
    (b"", "must be an .npz file without Python objects"),
    (npz(x=X, y=Y[:3]), "d.npz: y must have shape (20,)"),
]  # fmt: skip


@pytest.mark.parametrize(("raw", "said"), BAD_FILES, ids=[said for _, said in BAD_FILES])
def test_a_file_that_cannot_be_used_is_named_with_the_rule(tmp_path, raw, said):
    (tmp_path / "d.npz").write_bytes(raw)
    with pytest.raises(ValueError) as error:  # noqa: PT011
        load_arrays(path=tmp_path / "d.npz")
    assert said in str(error.value) and str(tmp_path / "d.npz") in str(error.value)


def test_a_path_that_is_missing_or_a_folder_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"^path must name an .npz file, such as data.npz, not None"):
        load_arrays()
    with pytest.raises(ValueError, match=r"^path must name an .npz file, not the folder"):
        load_arrays(path=tmp_path)
    with pytest.raises(FileNotFoundError, match=r"there is no file .*none\.npz"):
        load_arrays(path=tmp_path / "none.npz")


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_any_small_arrays_are_read_as_they_are_or_refused(data, tmp_path_factory):
    shape = (9, *data.draw(arrays_of.array_shapes(max_dims=2, max_side=4)))
    kinds = st.sampled_from(["<f4", "<f8", "<i2", "|u1", "<U2", "|b1", "<i8"])
    x = data.draw(arrays_of.arrays(data.draw(kinds), shape))
    y = np.array([data.draw(st.sampled_from([0, 3, "a", -1.5]))] * 4 + [2] * 5)
    path = tmp_path_factory.getbasetemp() / "any.npz"
    path.write_bytes(npz(x=x, y=y))
    try:
        task = load_arrays(path=path, normalize=False)
        found = samples(task)
    except ValueError as error:
        assert "\n" not in str(error)
        return
    numbers = x if task.spec.vocab_size else np.float32(x).reshape(*shape[:2], -1)
    names = y if task.spec.class_names is None else map(str, y)
    assert [one for one, _ in found] == sorted(str(one.tolist()) for one in numbers)
    assert sorted(str(label) for _, label in found) == sorted(map(str, names))


@settings(max_examples=60, deadline=None)
@given(place=st.integers(0, 10**6), value=st.integers(0, 255), cut=st.booleans())
def test_a_damaged_file_is_refused_or_read_as_numpy_reads_it(place, value, cut, tmp_path_factory):
    raw = bytearray(npz(x=np.arange(24.0).reshape(6, 4), y=np.array([0, 1] * 3)))
    place %= len(raw)
    raw[place] = value
    path = tmp_path_factory.getbasetemp() / "damaged.npz"
    path.write_bytes(raw[:place] if cut else raw)
    try:
        task = load_arrays(path=path, normalize=False)
    except ValueError:
        return
    with np.load(path) as file:
        assert [one for one, _ in samples(task)] == sorted(
            str(x[:, None].tolist()) for x in np.float32(file["x"])
        )


@pytest.mark.parametrize(
    ("stem", "made"), [("a b", "a_b"), ("-x.", "x"), ("Gänge", "G_nge"), ("a" * 80, "a" * 60)]
)
def test_a_name_is_made_from_any_stem_with_a_letter(stem, made):
    assert run_name(None, stem) == made
    with pytest.raises(ValueError, match="name must be given"):
        run_name(None, "…")
