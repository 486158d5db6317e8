"""The worker's side: takes calls from a connection, one after the other, and sends back how they ended."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import sys
import traceback
from multiprocessing.connection import Connection
from typing import Any

from harness.workers.call import Setting, answer_through
from harness.workers.stop import SIGNALS, rows_at_stake, stop, stop_again

READ_ERRORS = (EOFError, OSError)


def serve(connection: Connection) -> None:
    """Makes calls until the other end is closed. SIGINT ends the call in progress, and only that."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # between two calls there is nothing to stop
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)  # a pool's process may have blocked it for itself
    sys.unraisablehook = stop_again
    me = os.getpid()

    def say(message: Any) -> None:
        if os.getpid() != me:  # a fork that the call made and that returned
            os._exit(1)
        with contextlib.suppress(OSError):  # the pool is gone, and this process will be
            connection.send_bytes(_pickled(message))

    answer_through(say)
    with contextlib.suppress(*READ_ERRORS):
        _adopt(connection.recv())
        while True:
            try:
                raw = connection.recv_bytes()
                say(("begun", None))
                function, arguments = pickle.loads(raw)
            except READ_ERRORS:
                raise
            except BaseException as error:  # such as a module that cannot be imported here
                say(("error", error))
                continue
            say(_outcome_of(function, arguments))


def _adopt(setting: Setting) -> None:
    sys.path[:] = setting.path
    os.environ.clear()
    os.environ.update(setting.environment)
    with contextlib.suppress(OSError):  # deleted meanwhile
        os.chdir(setting.folder)


def _outcome_of(function: Any, arguments: Any) -> tuple[str, Any]:
    try:
        signal.signal(signal.SIGINT, stop)
        try:
            with rows_at_stake():
                return "value", function(*arguments)
        finally:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            sys.stdout.flush()
            sys.stderr.flush()
    except BaseException as error:  # SystemExit too: a call never ends the worker
        return "error", error


def _pickled(message: tuple[str, Any]) -> bytes:
    try:
        raw = pickle.dumps(message)
        if message[0] == "error":
            pickle.loads(raw)  # an exception with arguments of its own may not come back
        return raw
    except Exception:
        kind, value = message
        if kind == "error":
            text = "".join(traceback.format_exception_only(value)).strip()
        else:
            text = f"the result cannot be pickled: {type(value)}"
        return pickle.dumps(("error", RuntimeError(text)))
