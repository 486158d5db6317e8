"""Who may write into a folder: one process at a time, on any machine, and not one that has ended."""

import os
import signal
import socket
import threading
import time

import pytest

from harness.results import locks
from harness.results.locks import HeldError, LostLockError, hold, is_locked
from harness.results.store import LOCK_NAME
from tests.processes import run_code

HOLD_AND_DIE = """
import os, pathlib, signal, sys
from harness.results.locks import Lock
Lock(pathlib.Path(sys.argv[1], sys.argv[2])).acquire(0)
os.kill(os.getpid(), signal.SIGKILL)
"""

TAKE_TURNS = """
import pathlib, sys, time
from harness.results import locks
locks.LEASE_S, locks.BEAT_S = 0.4, 0.1
folder = pathlib.Path(sys.argv[1])
with locks.hold(folder, timeout=60):
    (folder / "in").touch(exist_ok=False)
    time.sleep(0.01)
    (folder / "in").unlink()
"""


@pytest.fixture
def short(monkeypatch):
    """Locks are abandoned after a part of a second."""
    monkeypatch.setattr(locks, "LEASE_S", 0.4)
    monkeypatch.setattr(locks, "BEAT_S", 0.1)


def left_behind(folder, *, age=3600.0, host="a-node-that-is-gone", pid=12, start=7):
    """The lock file of a process on another machine."""
    path = folder / LOCK_NAME
    path.unlink(missing_ok=True)
    path.write_text(
        f"filelock/2\npid={pid}\nhost={host}\nmode=lease\ntoken={'0' * 32}\nduration={locks.LEASE_S}\n"
        f"start={start}\n"
    )
    os.utime(path, (time.time() - age,) * 2)
    return path


def test_a_lock_is_held_until_it_is_released_and_leaves_no_file(tmp_path):
    assert not is_locked(tmp_path)
    assert list(tmp_path.iterdir()) == []
    with hold(tmp_path, timeout=0) as lock:
        lock.require()
        assert is_locked(tmp_path)
        with pytest.raises(HeldError, match=rf"process {os.getpid()} on {socket.gethostname()}"):
            hold(tmp_path, timeout=0.1).__enter__()
    assert not is_locked(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_lock_that_a_thread_of_this_process_holds_is_held(tmp_path):
    held, done = threading.Event(), threading.Event()

    def work():
        with hold(tmp_path, timeout=0):
            held.set()
            done.wait(30)

    thread = threading.Thread(target=work)
    thread.start()
    held.wait(30)
    assert is_locked(tmp_path)
    done.set()
    thread.join()
    assert not is_locked(tmp_path)


def test_the_lock_of_a_killed_process_of_this_machine_is_free_at_once(tmp_path):
    assert run_code(HOLD_AND_DIE, str(tmp_path), LOCK_NAME).returncode == -signal.SIGKILL
    assert (tmp_path / LOCK_NAME).exists()
    with hold(tmp_path, timeout=0) as lock:
        lock.require()


def test_the_number_of_a_process_that_has_ended_may_be_in_use_again(tmp_path):
    with hold(tmp_path, timeout=0):
        text = (tmp_path / LOCK_NAME).read_text()
    started = next(line for line in text.splitlines() if line.startswith("start="))
    (tmp_path / LOCK_NAME).write_text(text.replace(started, "start=7"))  # since another boot, at another time
    assert not is_locked(tmp_path)
    with hold(tmp_path, timeout=0) as lock:
        lock.require()


def test_a_lock_of_another_machine_is_held_while_it_is_young(tmp_path):
    left_behind(tmp_path, age=30)
    assert is_locked(tmp_path)
    with pytest.raises(HeldError, match="process 12 on a-node-that-is-gone"):
        hold(tmp_path, timeout=0).__enter__()


@pytest.mark.parametrize("age", [3600.0, -3600.0], ids=["old", "of a clock that was set back"])
def test_a_lock_without_a_sign_of_life_is_taken_over_with_a_line(tmp_path, short, caplog, age):
    left_behind(tmp_path, age=age)
    assert not is_locked(tmp_path)
    start = time.monotonic()
    with hold(tmp_path, timeout=0) as lock:
        assert time.monotonic() - start >= locks.LEASE_S
        lock.require()
        assert is_locked(tmp_path)
    assert "no sign of life from process 12 on a-node-that-is-gone" in caplog.text
    assert "was taken over" in caplog.text
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("duration", [0.2, 0.7])
def test_an_abandoned_lock_of_another_duration_is_taken_over_after_the_longer_of_the_two(
    tmp_path, short, monkeypatch, duration
):
    with monkeypatch.context() as patch:
        patch.setattr(locks, "LEASE_S", duration)
        left_behind(tmp_path)
    start = time.monotonic()
    with hold(tmp_path, timeout=0) as lock:
        assert time.monotonic() - start >= max(duration, locks.LEASE_S)
        lock.require()


def test_a_lock_of_another_duration_is_waited_for_while_its_holder_lives(tmp_path, short, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(locks, "LEASE_S", 30.0)
        path = left_behind(tmp_path, age=0)
    start = time.monotonic()
    with pytest.raises(HeldError, match="a-node-that-is-gone"):
        hold(tmp_path, timeout=0.2).__enter__()
    assert time.monotonic() - start >= 0.2
    threading.Timer(0.1, path.unlink).start()
    with hold(tmp_path, timeout=0.3) as lock:
        lock.require()


def test_a_file_that_a_power_cut_left_empty_is_taken_over(tmp_path, short):
    path = left_behind(tmp_path)
    path.write_text("")
    os.utime(path, (0, 0))
    with hold(tmp_path, timeout=0) as lock:
        lock.require()


def test_a_sign_of_life_keeps_a_lock_that_looked_abandoned(tmp_path, short):
    path = left_behind(tmp_path)
    threading.Timer(0.15, os.utime, [path]).start()
    with pytest.raises(HeldError, match="a-node-that-is-gone"):
        hold(tmp_path, timeout=0).__enter__()
    assert "a-node-that-is-gone" in path.read_text()


def test_a_holder_shows_signs_of_life(tmp_path, short):
    with hold(tmp_path, timeout=0) as lock:
        os.utime(tmp_path / LOCK_NAME, (0, 0))
        time.sleep(0.3)
        assert is_locked(tmp_path)
        lock.require()


def test_a_holder_whose_lock_was_taken_over_notices_and_leaves_the_file(tmp_path, short):
    with hold(tmp_path, timeout=0) as lock:
        left_behind(tmp_path, age=0)
        with pytest.raises(LostLockError, match="a-node-that-is-gone"):
            lock.require()
        give_up = time.monotonic() + 10
        lock.lost = False
        while not lock.lost and time.monotonic() < give_up:
            time.sleep(0.02)
        assert lock.lost  # the thread that shows signs of life has seen it too
    assert "a-node-that-is-gone" in (tmp_path / LOCK_NAME).read_text()


def test_a_holder_whose_folder_was_deleted_notices(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    with hold(folder, timeout=0) as lock:
        (folder / LOCK_NAME).unlink()
        folder.rmdir()
        with pytest.raises(LostLockError, match="no process"):
            lock.require()


def test_one_of_many_takes_an_abandoned_lock_over(tmp_path):
    from tests.processes import start_code

    path = left_behind(tmp_path)
    path.write_text(path.read_text().replace("duration=120.0", "duration=0.4"))
    os.utime(path, (0, 0))
    outs = [tmp_path / f"out{n}" for n in range(6)]
    processes = [start_code(TAKE_TURNS, str(tmp_path), out=out, err=out) for out in outs]
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0] * 6, [out.read_text() for out in outs]
    assert not path.exists()


@pytest.mark.parametrize("content", ["", "12\na-node\n"])
def test_who_waits_for_ever_takes_over_a_lock_that_names_nobody(tmp_path, short, content):
    path = tmp_path / LOCK_NAME
    path.write_text(content)
    os.utime(path, (time.time() - 3600,) * 2)
    start = time.monotonic()
    with hold(tmp_path, timeout=-1) as lock:
        lock.require()
    assert time.monotonic() - start < 5


def test_who_waits_for_ever_gets_a_lock_when_it_is_released(tmp_path, short):
    said = threading.Event()

    def hold_and_say():
        with hold(tmp_path, timeout=-1):
            said.set()

    with hold(tmp_path, timeout=0):
        thread = threading.Thread(target=hold_and_say)
        thread.start()
        assert not said.wait(0.3)
    assert said.wait(5)
    thread.join()
