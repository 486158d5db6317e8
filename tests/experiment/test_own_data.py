"""The identity of runs on data of the user: the path does not count, the bytes and the name do."""

import shutil

import pytest

from harness.cli.main import main
from harness.experiment.config import compose
from harness.experiment.plan import plan
from tests.tasks.own_files import FILES, own_path, write_own_files


def run_id(task, path, *overrides):
    return plan(compose([f"task={task}", f"task.path={path}", "cell=gru", *overrides])).run_id


@pytest.mark.parametrize("task", FILES)
def test_the_bytes_and_the_name_are_part_of_the_identity_and_the_path_is_not(task, tmp_path):
    [override] = own_path(task, tmp_path / "one")
    path = tmp_path / "one" / FILES[task]
    assert override == f"task.path={path}"
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    first = run_id(task, path)
    assert first == run_id(task, tmp_path / "two" / FILES[task])
    assert first != run_id(task, path, "task.name=other")
    assert first.startswith(f"{path.stem}-gru-h")
    write_own_files(tmp_path / "three", shift=1)
    assert first != run_id(task, tmp_path / "three" / FILES[task])


@pytest.mark.parametrize("task", FILES)
def test_a_grid_over_two_data_sets_is_planned(task, tmp_path, monkeypatch, capsys):
    write_own_files(tmp_path / "one")
    write_own_files(tmp_path / "two", shift=1)
    monkeypatch.chdir(tmp_path)
    paths = ",".join(f"{folder}/{FILES[task]}" for folder in ("one", "two"))
    assert main(["-m", f"task={task}", f"task.path={paths}", "cell=gru,rnn", "seed=1,2", "--dry-run"]) == 0
    assert "8 runs: 0 finished before, 8 to do" in capsys.readouterr().out


WRONG = [
    ([], "task.path must name"),
    (["task.path=nowhere"], "task.path must name"),
    (["task.path={path}", "task.name=a b"], "task.name must be made of letters"),
    (["task.path={path}", "task.paht=x"], "did you mean 'task.path'?"),
]


@pytest.mark.parametrize("task", FILES)
@pytest.mark.parametrize(("arguments", "said"), WRONG, ids=[said for _, said in WRONG])
def test_a_wrong_argument_is_one_line_and_exit_code_2(task, arguments, said, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    [override] = own_path(task, tmp_path)
    filled = [argument.format(path=override.removeprefix("task.path=")) for argument in arguments]
    for command in ([], ["show"], ["-m"]) if task == "csv" else ([],):
        assert main([*command, f"task={task}", *filled]) == 2
        error = capsys.readouterr().err
        assert said in error and error.count("\n") == 1, error
