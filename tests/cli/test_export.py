"""`harness export FOLDER --to FORMAT`."""

import pytest

from harness.cli.main import main
from harness.results import export
from tests.results.rows import record, write


@pytest.fixture
def results(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return write(tmp_path / "results", record())


@pytest.mark.parametrize(
    ("arguments", "written"),
    [
        (["--to", "csv"], "results/export/csv/runs.csv"),
        (["results", "--to=csv", "--out=mine"], "mine/gradflow.csv"),
        (["--out", "a/b", "results_dir=results", "--to", "latex"], "a/b/settings.tex"),
    ],
)
def test_paths_are_printed(results, capsys, arguments, written):
    assert main(["export", *arguments]) == 0
    printed = capsys.readouterr().out.split()
    assert written in printed
    assert all((results.parent / path).stat().st_size > 0 for path in printed)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "csv, parquet, latex, tensorboard, and none is given"),
        (["--to", "excel"], "not 'excel'"),
        (["--to"], "--to takes one value, such as --to csv"),
        (["--to", "csv", "--to", "latex"], "--to takes one value"),
        (["--to", "csv", "--out", "--to"], "--out takes one value"),
        (["nowhere", "--to", "csv"], "nowhere: no such results folder"),
        (["empty", "--to", "csv"], "no finished runs under empty"),
        (["--to", "csv", "--out", "results"], "results exists: give a new or empty folder"),
        (["--to", "csv", "--fast"], "such as results_dir=results"),
        (["--to", "parquet"], "export to parquet needs the package pyarrow"),
    ],
)
def test_wrong_input_is_named_in_one_line(results, capsys, monkeypatch, arguments, said):
    monkeypatch.setattr(export, "find_spec", lambda name: None)  # as if nothing were installed
    (results.parent / "empty").mkdir()
    assert main(["export", *arguments]) == 2
    err = capsys.readouterr().err
    assert said in err and err.count("\n") == 1
