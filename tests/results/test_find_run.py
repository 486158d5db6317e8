"""A run by its folder, its run_id, or the beginning of it."""

import pytest

from harness.results.find_run import RunNotFoundError, find_run


@pytest.fixture
def results(tmp_path):
    for name in ("adding-gru-1", "adding-gru-10", "mnist-rnn-2"):
        (tmp_path / "runs" / name).mkdir(parents=True)
        (tmp_path / "runs" / name / "config.yaml").touch()
    return tmp_path


def test_folder_name_and_beginning_find_the_same_run(results, monkeypatch):
    folder = results / "runs" / "mnist-rnn-2"
    with monkeypatch.context() as patch:
        patch.chdir(folder)
        assert find_run(".") == folder
    assert find_run(folder) == find_run(str(folder)) == folder
    assert find_run("mnist-rnn-2", results) == find_run("mn", results) == folder
    assert find_run("adding-gru-1", results).name == "adding-gru-1"  # whole, though it begins another


@pytest.mark.parametrize(
    ("run", "said"),
    [
        ("adding", r"adding begins 2 runs \(adding-gru-1, adding-gru-10\): give more of it"),
        ("lstm", r"neither the folder of a run nor .* holds 3 runs \(adding-gru-1, "),
        ("", "begins 3 runs"),
    ],
)
def test_none_or_several_are_an_error_that_names_them(results, run, said):
    with pytest.raises(RunNotFoundError, match=said):
        find_run(run, results)


def test_a_folder_without_runs_says_so(tmp_path):
    with pytest.raises(RunNotFoundError, match="holds no run"):
        find_run("x", tmp_path)
