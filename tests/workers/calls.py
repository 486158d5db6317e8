"""Functions that workers call."""

import ctypes
import multiprocessing
import os
import signal
import time


def number_of_process(*_):
    return os.getpid()


def crash():
    ctypes.string_at(0)


def kill_itself():
    os.kill(os.getpid(), signal.SIGKILL)


def end_a_child():
    """The exit code of a fork that gets SIGTERM."""
    child = multiprocessing.get_context("fork").Process(target=time.sleep, args=(60,))
    child.start()
    time.sleep(0.3)  # Python forgets signals that come while it forks
    child.terminate()
    child.join()
    return child.exitcode


def leave(code):
    os._exit(code)


def sleep(seconds):
    time.sleep(seconds)


def allow_itself(limit, seconds):
    from harness.workers import set_time_limit

    set_time_limit(limit)
    time.sleep(seconds)


def touch_and_sleep(path, seconds):
    path.write_text(str(os.getpid()))
    time.sleep(seconds)


def sleep_until_stopped(path):
    path.touch()
    try:
        time.sleep(60)
    except KeyboardInterrupt:
        path.write_text("stopped")
        raise


def ignore_stops(path):
    path.touch()
    while True:
        try:
            time.sleep(60)
        except KeyboardInterrupt:
            path.write_text("ignored")


def raise_own(kind):
    class Own(kind):
        pass

    raise Own("of no importable class")


def return_a_function():
    return lambda: 1


def change_everything():
    os.environ["CHANGED"] = "yes"
    os.chdir("/")


def state_of_process():
    return os.environ.get("CHANGED"), os.getcwd()


def variable(name):
    return os.environ.get(name)


def leave_children(path):
    """A child of the group, and one that has left it; returns their numbers."""
    child = os.fork()
    if child == 0:
        time.sleep(60)
        os._exit(0)
    middle = os.fork()
    if middle == 0:
        os.setsid()
        daemon = os.fork()
        if daemon == 0:
            time.sleep(60)
            os._exit(0)
        path.write_text(str(daemon))
        os._exit(0)
    os.waitpid(middle, 0)
    return child, int(path.read_text())


def fork_and_return():
    """Returns twice: in the worker and in a child of it."""
    os.fork()
    return os.getpid()


def import_(module):
    __import__(module)
