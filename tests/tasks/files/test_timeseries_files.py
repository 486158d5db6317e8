"""Where recorded series are searched, what is refused, and that only `fetch_` downloads."""

import http.client
import importlib
import io
import json
import sys
import urllib.error
from pathlib import Path

import numpy as np
import pytest

from harness.tasks.files.timeseries import fetch_timeseries
from harness.tasks.files.ts_format import read_ts
from harness.tasks.timeseries import load_timeseries
from tests.tasks.series_files import TOY, bundled, series, ts_text, write


@pytest.fixture
def toy():
    with bundled(TOY) as aeon:
        yield aeon


def test_the_users_folder_comes_before_the_bundled_files(toy, tmp_path, monkeypatch):
    own = {"Own_TRAIN": TOY["Toy_TRAIN"], "Own_TEST": TOY["Toy_TEST"]}
    write(tmp_path / "named", "Own", own)
    assert load_timeseries(name="Own", data_dir=tmp_path / "named").spec.data_source == "ucr-Own"
    with pytest.raises(FileNotFoundError):
        load_timeseries(name="Own")
    monkeypatch.setenv("HARNESS_DATA", str(tmp_path / "named"))
    assert len(load_timeseries(name="Own").test) == 3
    read = []
    monkeypatch.setattr(
        "harness.tasks.files.timeseries.read_ts", lambda path, raw: read.append(path) or read_ts(path, raw)
    )
    write(tmp_path / "other", "Toy")
    load_timeseries(name="Toy", data_dir=tmp_path / "other")
    load_timeseries(name="Toy", data_dir=tmp_path / "other")
    # Each file once: the reader caches it.
    assert read == [tmp_path / "other" / "Toy" / f"Toy_{part}.ts" for part in ("TRAIN", "TEST")]


def test_the_error_for_a_missing_problem_says_how_to_get_it_and_names_the_nearest(toy, tmp_path):
    with pytest.raises(FileNotFoundError) as error:
        load_timeseries(name="Gunpoint", data_dir=tmp_path)
    text = str(error.value)
    assert f"no such problem in {tmp_path}" in text
    assert "JapaneseVowels" in text
    assert "did you mean 'GunPoint'?" in text
    assert f"`harness fetch timeseries name=Gunpoint data_dir={tmp_path}`" in text
    with pytest.raises(FileNotFoundError, match=r"`harness fetch timeseries name=FordA`$"):
        load_timeseries(name="FordA")


def test_half_a_problem_is_refused(toy, tmp_path):
    write(tmp_path, "Toy", parts=["TEST"])
    with pytest.raises(
        FileNotFoundError, match=r"Toy holds only the TEST part of Toy; .*harness fetch timeseries name=Toy"
    ):
        load_timeseries(name="Toy", data_dir=tmp_path)


@pytest.mark.parametrize("name", ["../Toy", "a/b", "", "Toy.ts", 3, None, ".."])
def test_a_wrong_name_is_refused_with_its_value(toy, name):
    with pytest.raises(ValueError, match="^name must be the name of a problem, such as ") as error:
        load_timeseries(name=name)
    assert repr(name) in str(error.value)
    with pytest.raises(ValueError, match="^name must be"):
        fetch_timeseries(name)


def test_numbers_missing_values_and_tiny_classes_are_refused():
    x = series(*[4] * 6)
    gap = [one.copy() for one in x]
    gap[2][1, 3] = np.nan
    problems = {
        "Number_TRAIN": (x, [0.5] * 6),
        "Number_TEST": (x, [0.5] * 6),
        "Gap_TRAIN": (gap, ["a", "b"] * 3),
        "Gap_TEST": (x, ["a", "b"] * 3),
        "Tiny_TRAIN": (x, list("aabbcc")),
        "Tiny_TEST": (x, list("aabbcc")),
    }
    with bundled(problems):
        with pytest.raises(
            ValueError,
            match="^name must be the name of a classification problem; the targets of Number are numbers",
        ):
            load_timeseries(name="Number")
        with pytest.raises(
            ValueError,
            match=r"Gap_TRAIN.ts:10: a value is missing, the first of 1; set missing to zero.* Gap_nmv$",
        ):
            load_timeseries(name="Gap")
        with pytest.raises(ValueError, match="^name=Tiny cannot be used: no class is large enough"):
            load_timeseries(name="Tiny")


def test_the_filled_in_version_lies_in_the_folder_of_the_plain_name(toy):
    filled = {"Toy_nmv_TRAIN": TOY["Toy_TRAIN"], "Toy_nmv_TEST": TOY["Toy_TEST"]}
    write(toy.folder, "Toy_nmv", filled, under="Toy")
    task = load_timeseries(name="Toy_nmv")
    assert task.spec.data_source == "ucr-Toy_nmv"
    assert task.test.lengths.tolist() == [7, 1, 2]


def test_without_aeon_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "aeon", None)
    monkeypatch.setitem(sys.modules, "aeon.datasets", None)
    for ask in (lambda: load_timeseries(name="JapaneseVowels"), lambda: fetch_timeseries("JapaneseVowels")):
        with pytest.raises(FileNotFoundError, match=r"pip install 'seqharness\[timeseries\]'"):
            ask()


def test_an_aeon_that_fails_to_import_is_not_reported_as_missing(monkeypatch):
    def broken(name):
        raise ModuleNotFoundError("No module named 'numba'", name="numba")

    monkeypatch.setattr("harness.tasks.files.timeseries.importlib.import_module", broken)
    with pytest.raises(ModuleNotFoundError, match="numba"):
        load_timeseries()


FAR = {f"Far_{part}": TOY[f"Toy_{part}"] for part in ("TRAIN", "TEST")}


def from_afar(name, extract_path):
    write(Path(extract_path), name, FAR)


def test_fetching_puts_the_files_into_the_folder_once(tmp_path):
    with bundled({}, download=from_afar) as aeon:
        with pytest.raises(FileNotFoundError):
            load_timeseries(name="Far", data_dir=tmp_path / "data")
        assert not (tmp_path / "data").exists()  # loading downloads nothing
        assert fetch_timeseries("Far", tmp_path / "data") == tmp_path / "data" / "Far"
        assert len(load_timeseries(name="Far", data_dir=tmp_path / "data").test) == 3
        aeon.module.load_classification = None  # a second call downloads nothing
        fetch_timeseries("Far", tmp_path / "data")


def test_a_partial_problem_is_completed_and_a_broken_download_leaves_nothing(tmp_path):
    def cut_off(name, extract_path):
        write(Path(extract_path), name, FAR, parts=["TRAIN"])
        raise http.client.IncompleteRead(b"half")

    write(tmp_path, "Far", FAR, parts=["TEST"])
    with bundled({}, download=cut_off) as aeon:
        with pytest.raises(OSError, match="the download was interrupted .*IncompleteRead"):
            fetch_timeseries("Far", tmp_path)
        assert sorted(path.name for path in tmp_path.rglob("*")) == ["Far", "Far_TEST.ts"]
        aeon.module.load_classification = from_afar
        fetch_timeseries("Far", tmp_path)
        assert len(load_timeseries(name="Far", data_dir=tmp_path).test) == 3


def test_an_empty_download_is_an_error(tmp_path):
    with (
        bundled({}, download=lambda name, extract_path: None),
        pytest.raises(FileNotFoundError, match="does not hold Nowhere_TRAIN.ts"),
    ):
        fetch_timeseries("Nowhere", tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def zenodo(monkeypatch):
    """A fake Zenodo for aeon with a problem Far: file name -> bytes."""
    loaders = pytest.importorskip(
        "aeon.datasets._data_loaders", reason="the extra `dev` is installed in part"
    )
    monkeypatch.setitem(importlib.import_module("aeon.datasets.tsc_datasets").tsc_zenodo, "Far", 123)
    files = {f"{name}.ts": ts_text(name, *part).encode() for name, part in FAR.items()}
    files |= {f"Far_eq_{part}.ts": files[f"Far_{part}.ts"] for part in ("TRAIN", "TEST")}

    def answer(request, timeout):
        name = request.full_url.rpartition("/")[2]
        if name == "123":
            record = [{"key": key, "links": {"self": f"https://zenodo.org/{key}"}} for key in files]
            return io.BytesIO(json.dumps({"files": record}).encode())
        if files[name] is None:
            raise urllib.error.URLError("no network")
        return io.BytesIO(files[name])

    monkeypatch.setattr(loaders, "urlopen", answer)
    return files


@pytest.mark.parametrize("name", ["Far", "Far_eq"])
def test_aeons_download_from_zenodo_is_stored_and_read(zenodo, tmp_path, name):
    assert fetch_timeseries(name, tmp_path) == tmp_path / "Far"
    assert load_timeseries(name=name, data_dir=tmp_path).test.lengths.tolist() == [7, 1, 2]
    assert [path.name for path in tmp_path.iterdir()] == ["Far"]


def test_a_failed_download_from_zenodo_leaves_nothing(zenodo, tmp_path):
    zenodo["Far_TEST.ts"] = None
    with pytest.raises(ValueError, match="Could not download files for Far .*no network"):
        fetch_timeseries("Far", tmp_path)
    with pytest.raises(ValueError, match="Nowhere is not in the list"):
        fetch_timeseries("Nowhere", tmp_path)
    assert list(tmp_path.iterdir()) == []
