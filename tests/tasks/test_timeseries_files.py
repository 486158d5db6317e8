"""Where recorded series are looked for, what is refused, and that nothing downloads unless asked."""

import http.client
import sys
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from aeon_stand_in import TOY, series, stand_in, write

from harness.tasks.timeseries import load_timeseries
from harness.tasks.timeseries_files import fetch_timeseries


@pytest.fixture
def toy():
    with stand_in(TOY) as folder:
        yield folder


def test_the_users_folder_comes_before_the_bundled_files(toy, tmp_path, monkeypatch):
    with mock.patch.dict(TOY, {"Own_TRAIN": TOY["Toy_TRAIN"], "Own_TEST": TOY["Toy_TEST"]}):
        write(tmp_path / "named", "Own")
        assert load_timeseries(name="Own", data_dir=tmp_path / "named").spec.data_source == "ucr-Own"
        with pytest.raises(FileNotFoundError):
            load_timeseries(name="Own")
        monkeypatch.setenv("HARNESS_DATA", str(tmp_path / "named"))
        assert len(load_timeseries(name="Own").test) == 3
        read = []
        original = sys.modules["aeon.datasets"].load_from_ts_file
        sys.modules["aeon.datasets"].load_from_ts_file = lambda path, **about: (
            read.append(Path(path)) or original(path, **about)
        )
        write(tmp_path / "other", "Toy")
        load_timeseries(name="Toy", data_dir=tmp_path / "other")
        load_timeseries(name="Toy", data_dir=tmp_path / "other")
        # Each file once: what was read is remembered.
        assert read == [tmp_path / "other" / "Toy" / f"Toy_{part}.ts" for part in ("TRAIN", "TEST")]


def test_what_is_not_there_says_how_to_get_it_and_names_the_nearest(toy, tmp_path):
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
    write(tmp_path, "Toy", ["TEST"])
    with pytest.raises(
        FileNotFoundError, match=r"Toy holds only the TEST part of Toy; .*harness fetch timeseries name=Toy"
    ):
        load_timeseries(name="Toy", data_dir=tmp_path)


@pytest.mark.parametrize("name", ["../Toy", "a/b", "", "Toy.ts", 3, None, ".."])
def test_a_name_that_is_none_is_refused_by_value(toy, name):
    with pytest.raises(ValueError, match="^name must be that of a problem, such as ") as error:
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
    with stand_in(problems):
        with pytest.raises(ValueError, match="^name must be that of a classification problem; Number asks"):
            load_timeseries(name="Number")
        with pytest.raises(ValueError, match="Gap_TRAIN.ts has 1 missing values.*is called Gap_nmv"):
            load_timeseries(name="Gap")
        with pytest.raises(ValueError, match="^name=Tiny cannot be used: no class is large enough"):
            load_timeseries(name="Tiny")


def test_the_filled_in_version_lies_in_the_folder_of_the_plain_name(toy):
    held = {"Toy_nmv_TRAIN": TOY["Toy_TRAIN"], "Toy_nmv_TEST": TOY["Toy_TEST"]}
    for part in ("TRAIN", "TEST"):
        (toy / "Toy" / f"Toy_nmv_{part}.ts").write_text("held by the stand-in")
    with mock.patch.dict(TOY, held):
        task = load_timeseries(name="Toy_nmv")
    assert task.spec.data_source == "ucr-Toy_nmv"
    assert task.test.lengths.tolist() == [7, 1, 2]


def test_without_aeon_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "aeon", None)
    monkeypatch.setitem(sys.modules, "aeon.datasets", None)
    for ask in (lambda: load_timeseries(name="JapaneseVowels"), lambda: fetch_timeseries("JapaneseVowels")):
        with pytest.raises(FileNotFoundError, match=r"pip install 'seqharness\[timeseries\]'"):
            ask()


def test_a_broken_aeon_is_not_called_missing(monkeypatch):
    def broken(name):
        raise ModuleNotFoundError("No module named 'numba'", name="numba")

    monkeypatch.setattr("harness.tasks.timeseries_files.importlib.import_module", broken)
    with pytest.raises(ModuleNotFoundError, match="numba"):
        load_timeseries()


def test_fetching_puts_the_files_into_the_folder_once(tmp_path):
    fetched = {f"Far_{part}": TOY[f"Toy_{part}"] for part in ("TRAIN", "TEST")}
    with stand_in(fetched, on_offer=["Far"]):
        with pytest.raises(FileNotFoundError):
            load_timeseries(name="Far", data_dir=tmp_path / "data")
        assert not (tmp_path / "data").exists()  # loading downloads nothing
        assert fetch_timeseries("Far", tmp_path / "data") == tmp_path / "data" / "Far"
        assert len(load_timeseries(name="Far", data_dir=tmp_path / "data").test) == 3
        sys.modules["aeon.datasets"].load_classification = None  # a second call asks nobody
        fetch_timeseries("Far", tmp_path / "data")


def test_a_fetched_problem_that_is_there_in_part_comes_whole_and_a_broken_one_leaves_nothing(tmp_path):
    def cut_off(name, extract_path):
        write(Path(extract_path), name, ["TRAIN"])
        raise http.client.IncompleteRead(b"half")

    fetched = {f"Far_{part}": TOY[f"Toy_{part}"] for part in ("TRAIN", "TEST")}
    write(tmp_path, "Far", ["TEST"])
    with stand_in(fetched, on_offer=["Far"]):
        whole = sys.modules["aeon.datasets"].load_classification
        sys.modules["aeon.datasets"].load_classification = cut_off
        with pytest.raises(OSError, match="the download broke off .*IncompleteRead"):
            fetch_timeseries("Far", tmp_path)
        assert sorted(path.name for path in tmp_path.rglob("*")) == ["Far", "Far_TEST.ts"]
        sys.modules["aeon.datasets"].load_classification = whole
        fetch_timeseries("Far", tmp_path)
        assert len(load_timeseries(name="Far", data_dir=tmp_path).test) == 3


def test_fetching_what_is_not_on_offer_or_comes_empty_is_an_error(tmp_path):
    with stand_in({}):
        with pytest.raises(ValueError, match="Nowhere is not in the list"):
            fetch_timeseries("Nowhere", tmp_path)
        sys.modules["aeon.datasets"].load_classification = lambda name, extract_path: None
        with pytest.raises(FileNotFoundError, match="holds no Nowhere_TRAIN.ts"):
            fetch_timeseries("Nowhere", tmp_path)
