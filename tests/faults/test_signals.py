"""Ctrl-C and its like: rows of what was stopped, an exit code, no traceback, soon."""

import contextlib
import os
import random
import signal
import time
from pathlib import Path

import pytest

import harness
from tests.faults.commands import ENDED_S, TINY, Command, FreshCommand, all_ended, begun, trials

pytestmark = pytest.mark.skipif(not hasattr(signal, "pidfd_send_signal"), reason="looks into Linux's /proc")

LONG = [*TINY, "train.steps=10000000"]


@pytest.fixture
def start(tmp_path):
    """Starts a command of a kind; all that is left of it is killed at the end."""
    with all_ended() as started:

        def start_(kind, *arguments):
            started.append(kind(tmp_path, *arguments, f"results_dir={tmp_path / 'r'}"))
            return started[-1]

        yield start_


def ends_well(command, code, stopped):
    assert command.wait(30) == code, command.errors()
    assert command.seconds_until_all_ended() + time.monotonic() - stopped < ENDED_S + 1
    assert "Traceback" not in command.errors()
    assert "harness: stopped; the same command resumes" in command.errors()


@trials(10)
@pytest.mark.parametrize(
    ("numbers", "code"),
    [
        ([signal.SIGINT], 130),
        pytest.param([signal.SIGINT] * 2, 130, marks=pytest.mark.faults),
        pytest.param([signal.SIGTERM], 143, marks=pytest.mark.faults),
        pytest.param([signal.SIGHUP], 143, marks=pytest.mark.faults),
    ],
    ids=["once", "twice", "SIGTERM", "SIGHUP"],
)
def test_grid(start, tmp_path, numbers, code, trial):
    """Ctrl-C once and twice, SIGTERM, SIGHUP, during a grid."""
    command = start(Command, "-m", *LONG, "cell=rnn,gru,lstm", "hydra.launcher.n_jobs=2")
    command.wait_for(lambda: len(begun(tmp_path / "r")) == 2)
    chance, stopped = random.Random(trial), time.monotonic()
    for number in numbers:
        with contextlib.suppress(ProcessLookupError):  # it has ended after the first
            os.kill(command.process.pid, number)
        time.sleep(chance.random() * 0.3)
    ends_well(command, code, stopped)
    runs = harness.load_runs(tmp_path / "r")
    assert runs["status"].tolist() == ["interrupted"] * 2
    assert set(runs["error"]) == {"stopped by the user"}


@trials(5)
@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGTERM, 143), pytest.param(signal.SIGINT, 130, marks=pytest.mark.faults)],
    ids=["SIGTERM", "Ctrl-C"],
)
def test_single_run(start, tmp_path, number, code, trial):
    """Ctrl-C and SIGTERM during a single run."""
    command = start(Command, *LONG, "cell=gru")
    command.wait_for(lambda: begun(tmp_path / "r"))
    time.sleep(random.Random(trial).random())
    stopped = time.monotonic()
    os.kill(command.process.pid, number)
    ends_well(command, code, stopped)
    assert harness.load_runs(tmp_path / "r")["status"].tolist() == ["interrupted"]


@trials(10)
def test_during_imports(start, trial):
    """Ctrl-C during imports."""
    command = start(FreshCommand, *LONG, "cell=gru")
    command.wait_for(lambda: _catches(command.process.pid, signal.SIGTERM))  # Python itself has started
    time.sleep(random.Random(trial).random() * 0.5)
    stopped = time.monotonic()
    os.kill(command.process.pid, signal.SIGINT)
    ends_well(command, 130, stopped)


@pytest.mark.faults
def test_a_signal_that_is_ignored_stays_ignored(start, tmp_path):
    """SIGHUP below nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        command = start(FreshCommand, *TINY, "train.steps=300", "cell=gru")
    finally:
        signal.signal(signal.SIGHUP, before)
    command.wait_for(lambda: begun(tmp_path / "r"))
    os.kill(command.process.pid, signal.SIGHUP)
    assert command.wait() == 0, command.errors()


def _catches(process, number):
    """Whether a process has a handler of its own for a signal."""
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("SigCgt:"):
            return bool(int(line.split()[1], 16) >> (number - 1) & 1)
    return False
