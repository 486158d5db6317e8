"""`kill -9` of a worker and of the command: what is lost is at most the runs in progress."""

import random
import signal
import time

import pytest

from tests.faults.commands import (
    ENDED_S,
    TINY,
    Command,
    all_ended,
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
    options = ("hydra.launcher.n_jobs=2", f"results_dir={tmp_path / 'r'}")
    with all_ended() as started:

        def start(*more):
            started.append(Command(tmp_path, "-m", *GRID, *options, *more))
            return started[-1]

        yield start


def killed_worker_costs_one_run(command, results, expected):
    assert command.wait() == 0, command.errors()
    assert bits(results) == expected
    assert len(attempts(results)) <= 1
    assert "Traceback" not in command.errors()
    assert command.seconds_until_all_ended() < ENDED_S


def kill_in_progress(command, results, chance):
    command.wait_for(lambda: begun(results))
    time.sleep(chance.random() * 0.3)
    return bool(workers := command.workers()) and kill(chance.choice(workers))


def kill_at_start(command, results, chance):
    return kill(command.wait_for(command.workers)[0])


def kill_between_runs(command, results, chance):
    before = len(rows(results))
    command.wait_for(lambda: len(rows(results)) > before)
    return bool(workers := command.workers()) and kill(workers[0])


def kill_server(command, results, chance):
    command.wait_for(lambda: begun(results))
    servers = [one for one in command.left() if one not in (command.process.pid, *command.workers())]
    return bool(servers) and kill(servers[0])


def workers_killed(grid, results, expected, trial, *kills):
    """Injects the kills into one command, which completes, and repeats the runs in progress alone."""
    command, chance = grid(), random.Random(trial)
    killed = [kill_(command, results, chance) for kill_ in kills]
    assert command.wait() == 0, command.errors()
    assert bits(results) == expected
    most = sum(2 if kill_ is kill_server else 1 for kill_ in kills)
    assert len(attempts(results)) <= most * any(killed)
    assert "Traceback" not in command.errors()
    assert command.seconds_until_all_ended() < ENDED_S


def test_every_kind_of_kill_in_one_command(grid, tmp_path, undisturbed):
    """kill -9 of workers and of their server, one after the other."""
    kills = (kill_at_start, kill_in_progress, kill_between_runs, kill_server)
    workers_killed(grid, tmp_path / "r", undisturbed(GRID), 0, *kills)


@trials(20, usual=0)
def test_worker_in_progress(grid, tmp_path, undisturbed, trial):
    """kill -9 of a worker, in progress."""
    workers_killed(grid, tmp_path / "r", undisturbed(GRID), trial, kill_in_progress)


@trials(5, usual=0)
def test_worker_at_start(grid, tmp_path, undisturbed, trial):
    """kill -9 of a worker, at start."""
    workers_killed(grid, tmp_path / "r", undisturbed(GRID), trial, kill_at_start)


@trials(5, usual=0)
def test_worker_between_runs(grid, tmp_path, undisturbed, trial):
    """kill -9 of a worker, between runs."""
    workers_killed(grid, tmp_path / "r", undisturbed(GRID), trial, kill_between_runs)


@trials(5, usual=0)
def test_server(grid, tmp_path, undisturbed, trial):
    """kill -9 of the process that starts the workers."""
    workers_killed(grid, tmp_path / "r", undisturbed(GRID), trial, kill_server)


def in_progress(command, results, chance):
    command.wait_for(lambda: begun(results))
    time.sleep(chance.random())


def at_start(command, results, chance):
    command.wait_for(lambda: len(command.left()) > 1)
    time.sleep(chance.random() * 2)


def command_killed(grid, results, expected, trial, *moments):
    """Kills the same command at each of the moments; afterwards it completes to the same bits."""
    chance = random.Random(trial)
    for moment in moments:
        command = grid()
        moment(command, results, chance)
        kill(command.process.pid)
        command.wait()
        assert command.seconds_until_all_ended() < ENDED_S
    again = grid()
    assert again.wait() == 0, again.errors()
    assert statuses(results) == {"ok": 6}
    assert bits(results) == expected


def test_the_command_at_start_and_in_progress(grid, tmp_path, undisturbed):
    """kill -9 of the command, twice."""
    command_killed(grid, tmp_path / "r", undisturbed(GRID), 0, at_start, in_progress)


@trials(10, usual=0)
def test_command_in_progress(grid, tmp_path, undisturbed, trial):
    """kill -9 of the command, in progress."""
    command_killed(grid, tmp_path / "r", undisturbed(GRID), trial, in_progress)


@trials(5, usual=0)
def test_command_at_start(grid, tmp_path, undisturbed, trial):
    """kill -9 of the command, while workers start."""
    command_killed(grid, tmp_path / "r", undisturbed(GRID), trial, at_start)
