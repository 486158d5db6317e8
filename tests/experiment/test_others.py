"""Two commands on one results folder."""

import threading
from types import SimpleNamespace

from harness.experiment import others
from harness.experiment.combinations import expand
from harness.experiment.others import wait_for_others
from harness.experiment.run import execute
from harness.results import store
from harness.results.locks import hold


def test_a_grid_waits_for_the_runs_of_another_and_makes_those_that_were_left(tiny, monkeypatch, caplog):
    _, jobs = expand([*tiny, "seed=1,2,3"])
    assert wait_for_others(jobs) == []  # nobody makes them
    holding, waited_for = threading.Event(), threading.Event()

    def another_command():
        store.begin(jobs[1].folder, "")
        jobs[0].folder.mkdir(parents=True)
        with hold(jobs[1].folder, timeout=0), hold(jobs[0].folder, timeout=0):
            holding.set()
            waited_for.wait(30)
        execute(jobs[0].plan, echo=False)  # its lock may be free for a moment: the run is then made here

    waits = []

    def sleep(seconds):
        waits.append(seconds)
        waited_for.set()
        thread.join(0.05)

    monkeypatch.setattr(others, "time", SimpleNamespace(sleep=sleep))
    thread = threading.Thread(target=another_command)
    thread.start()
    holding.wait(30)
    left = wait_for_others(jobs)
    thread.join()
    assert waits
    assert jobs[1] in left and jobs[2] not in left
    assert "waiting for 2 runs that another command is making: " in caplog.text
    assert jobs[0].plan.run_id in caplog.text and jobs[2].plan.run_id not in caplog.text


def test_a_run_that_the_other_command_finished_is_not_left(tiny):
    _, [job] = expand(tiny)
    execute(job.plan, echo=False)
    with hold(job.folder, timeout=0):
        assert wait_for_others([job]) == []
