"""Two commands on one results folder."""

import threading
import time

from filelock import FileLock

from harness.experiment import others
from harness.experiment.combinations import expand
from harness.experiment.others import wait_for_others
from harness.experiment.run import execute
from harness.results import store
from harness.results.locks import is_locked


def test_a_run_is_being_made_while_its_lock_is_held(tmp_path):
    assert not is_locked(tmp_path)
    assert list(tmp_path.iterdir()) == []
    with FileLock(tmp_path / store.LOCK_NAME):
        assert is_locked(tmp_path)
    assert not is_locked(tmp_path)


def test_a_grid_waits_for_the_runs_of_another_and_makes_those_that_were_left(tiny, monkeypatch, caplog):
    monkeypatch.setattr(others, "POLL_S", 0.02)
    _, jobs = expand([*tiny, "seed=1,2,3"])
    assert wait_for_others(jobs) == []  # nobody makes them
    holding, release = threading.Event(), threading.Event()

    def another_command():
        store.begin(jobs[1].folder, "")
        with FileLock(jobs[1].folder / store.LOCK_NAME):
            jobs[0].folder.mkdir(parents=True)
            with FileLock(jobs[0].folder / store.LOCK_NAME, thread_local=False):
                holding.set()
                release.wait(30)
        execute(jobs[0].plan, echo=False)  # its lock may be free for a moment: the run is then made here

    thread = threading.Thread(target=another_command)
    thread.start()
    holding.wait(30)
    threading.Timer(0.3, release.set).start()
    start = time.monotonic()
    left = wait_for_others(jobs)
    assert time.monotonic() - start >= 0.2
    thread.join()
    assert jobs[1] in left and jobs[2] not in left
    assert "waiting for 2 runs that another command is making: " in caplog.text
    assert jobs[0].plan.run_id in caplog.text and jobs[2].plan.run_id not in caplog.text


def test_a_run_that_the_other_command_finished_is_not_left(tiny, monkeypatch):
    monkeypatch.setattr(others, "POLL_S", 0.02)
    _, [job] = expand(tiny)
    execute(job.plan, echo=False)
    with FileLock(job.folder / store.LOCK_NAME):
        assert wait_for_others([job]) == []
