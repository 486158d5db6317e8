"""What stops a command or a call: signals, at once or after an import."""

import ctypes
import importlib
import os
import signal
import sys
import time

import pytest

from harness.workers import stop
from harness.workers.stop import Stopped, is_from_outside, rows_at_stake, stops_with_signals, undisturbed
from tests.processes import run_code


def send(number=signal.SIGINT):
    os.kill(os.getpid(), number)
    time.sleep(1)  # the handler runs here


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 143)]
)
def test_signals_raise_and_know_their_exit_code(number, code):
    before = signal.signal(number, signal.default_int_handler)  # it may be ignored, as below nohup
    try:
        with pytest.raises(KeyboardInterrupt) as caught, stops_with_signals():
            send(number)
        assert caught.value.exit_code == code
        assert signal.getsignal(number) is signal.default_int_handler
    finally:
        signal.signal(number, before)


def test_what_code_raises_itself_is_told_apart():
    assert is_from_outside(KeyboardInterrupt())  # Python's own handler raises this
    with stops_with_signals():
        assert not is_from_outside(KeyboardInterrupt())
        assert is_from_outside(Stopped(signal.SIGINT))


def test_a_signal_that_is_ignored_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stops_with_signals():
            os.kill(os.getpid(), signal.SIGHUP)
            time.sleep(0.05)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_nothing_disturbs_what_is_short():
    with stops_with_signals():
        with undisturbed():
            for number in stop.SIGNALS:
                os.kill(os.getpid(), number)
            time.sleep(0.05)
        assert signal.getsignal(signal.SIGINT) is stop.stop


def test_during_an_import_the_process_ends_at_once_without_a_traceback(tmp_path):
    (tmp_path / "imported.py").write_text(
        "import os, signal\nos.kill(os.getpid(), signal.SIGINT)\nprint('on')\n"
    )
    code = (
        "from harness.workers.stop import *\nwith stops_with_signals():\n    import imported\nprint('after')"
    )
    done = run_code(code, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr == "harness: stopped; the same command resumes\n"


def test_with_rows_at_stake_an_import_comes_to_its_end_first(tmp_path, monkeypatch):
    (tmp_path / "imported_at_stake.py").write_text(
        "import os, signal, time\nos.kill(os.getpid(), signal.SIGINT)\ntime.sleep(0.2)\nDONE = True\n"
    )
    monkeypatch.syspath_prepend(tmp_path)

    def import_and_wait():
        importlib.import_module("imported_at_stake")
        time.sleep(5)

    with pytest.raises(Stopped), stops_with_signals(), rows_at_stake():
        import_and_wait()
    assert sys.modules["imported_at_stake"].DONE


def test_a_callback_from_c_that_swallows_the_signal_gets_it_again():
    """Compiling with Numba calls Python from C, where an exception ends nothing."""
    calls = []

    @ctypes.CFUNCTYPE(None)
    def callback():
        os.kill(os.getpid(), signal.SIGINT)
        calls.append(1)
        time.sleep(0.01)

    def call_and_wait():
        callback()
        calls.append(2)
        time.sleep(5)

    with pytest.raises(Stopped), stops_with_signals():
        call_and_wait()
    assert calls[-1] == 2  # the first was swallowed
