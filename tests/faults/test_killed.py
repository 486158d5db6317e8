"""`kill -9` of a worker and of the command: what is lost is at most the runs in progress."""

import random
import signal
import time

import pytest

from tests.faults.commands import (
    ENDED_S,
    TINY,
    Command,
    attempts,
    begun,
    bits,
    kill,
    rows,
    statuses,
    trials,
)

pytestmark = pytest.mark.skipif(not hasattr(signal, "pidfd_send_signal"), reason="looks into Linux's /proc")

GRID = (*TINY, "train.steps=400", "train.eval_every=200", "cell=rnn,gru", "seed=1,2,3")


@pytest.fixture
def grid(tmp_path):
    """Starts the grid in two workers; all that is left of it is killed at the end."""
    started = []

    def start(*more):
        command = Command(
            tmp_path, "-m", *GRID, "hydra.launcher.n_jobs=2", f"results_dir={tmp_path / 'r'}", *more
        )
        started.append(command)
        return command

    yield start
    for command in started:
        for process in command.left():
            kill(process)
        command.wait()


def killed_worker_costs_one_run(command, results, expected):
    assert command.wait() == 0, command.errors()
    assert bits(results) == expected
    assert len(attempts(results)) <= 1
    assert "Traceback" not in command.errors()
    assert command.seconds_until_all_ended() < ENDED_S


@trials(20)
def test_worker_in_progress(grid, tmp_path, undisturbed, trial):
    """kill -9 of a worker, in progress."""
    chance = random.Random(trial)
    command, results = grid(), tmp_path / "r"
    command.wait_for(lambda: begun(results))
    time.sleep(chance.random() * 0.3)
    workers = command.workers()
    killed = bool(workers) and kill(chance.choice(workers))
    killed_worker_costs_one_run(command, results, undisturbed(GRID))
    assert not killed or "killed by SIGKILL" in command.errors() or not attempts(results)


@trials(5)
def test_worker_at_start(grid, tmp_path, undisturbed, trial):
    """kill -9 of a worker, at start."""
    command, results = grid(), tmp_path / "r"
    kill(command.wait_for(command.workers)[0])
    killed_worker_costs_one_run(command, results, undisturbed(GRID))


@trials(5)
def test_worker_between_runs(grid, tmp_path, undisturbed, trial):
    """kill -9 of a worker, between runs."""
    command, results = grid(), tmp_path / "r"
    before = len(rows(results))
    command.wait_for(lambda: len(rows(results)) > before)
    for worker in command.workers()[:1]:
        kill(worker)
    killed_worker_costs_one_run(command, results, undisturbed(GRID))


@trials(5)
def test_server(grid, tmp_path, undisturbed, trial):
    """kill -9 of the process that starts the workers."""
    command, results = grid(), tmp_path / "r"
    command.wait_for(lambda: begun(results))
    [server] = [one for one in command.left() if one not in (command.process.pid, *command.workers())]
    kill(server)
    assert command.wait() == 0, command.errors()
    assert bits(results) == undisturbed(GRID)
    assert len(attempts(results)) <= 2


def command_killed(grid, results, expected, seconds_later):
    command = grid()
    seconds_later(command)
    kill(command.process.pid)
    command.wait()
    assert command.seconds_until_all_ended() < ENDED_S
    again = grid()
    assert again.wait() == 0, again.errors()
    assert statuses(results) == {"ok": 6}
    assert bits(results) == expected


@trials(10)
def test_command_in_progress(grid, tmp_path, undisturbed, trial):
    """kill -9 of the command, in progress."""
    chance = random.Random(trial)

    def in_progress(command):
        command.wait_for(lambda: begun(tmp_path / "r"))
        time.sleep(chance.random())

    command_killed(grid, tmp_path / "r", undisturbed(GRID), in_progress)


@trials(5)
def test_command_at_start(grid, tmp_path, undisturbed, trial):
    """kill -9 of the command, while workers start."""
    chance = random.Random(trial)

    def at_start(command):
        command.wait_for(lambda: len(command.left()) > 1)
        time.sleep(chance.random() * 2)

    command_killed(grid, tmp_path / "r", undisturbed(GRID), at_start)
