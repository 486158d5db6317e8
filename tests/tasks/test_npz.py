"""Own data in .npz files: the task of their arrays, each refusal by file and rule, damaged files."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from harness.tasks import Task, load_arrays
from harness.tasks.common.run_names import run_name
from tests.tasks.test_arrays import X, Y, samples


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
