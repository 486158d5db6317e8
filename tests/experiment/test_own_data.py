"""The identity of runs on data of the user: the path does not count, the bytes and the name do."""

import shutil

import pytest

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
