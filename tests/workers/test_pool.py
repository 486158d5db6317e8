import contextlib
import os
import signal
import threading
import time

import pytest

from harness.workers import Call, Pool, WorkersBrokenError, starters
from tests.workers import calls

FORK = pytest.mark.skipif(os.sys.platform != "linux", reason="workers are forked on Linux alone")


@pytest.fixture
def pool():
    pool = Pool(2)
    yield pool
    pool.close()


def outcomes(pool, *made):
    """By index; each call has exactly one outcome."""
    found = {}
    for outcome in pool.results(made):
        assert outcome.index not in found
        found[outcome.index] = outcome
    assert sorted(found) == list(range(len(made)))
    return [found[index] for index in range(len(made))]


def is_gone(process):
    """Whether a process has ended; one that waits to be reaped has."""
    for _ in range(200):
        try:
            with open(f"/proc/{process}/stat") as file:
                if file.read().rpartition(")")[2].split()[0] == "Z":
                    return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.02)
    return False


def test_calls_are_made_in_other_processes_which_stay_for_later_calls(pool):
    first = {one.value for one in outcomes(pool, *[Call(calls.number_of_process, (n,)) for n in range(6)])}
    assert os.getpid() not in first and 1 <= len(first) <= 2
    assert set(pool.processes) == first
    again = {one.value for one in outcomes(pool, *[Call(calls.number_of_process)] * 4)}
    assert again <= first


def test_a_fresh_call_has_a_process_that_ran_nothing_before_and_runs_nothing_after(pool):
    before, here = os.environ.get("CHANGED"), os.getcwd()
    first, _, last = outcomes(
        pool,
        Call(calls.number_of_process),
        Call(calls.change_everything, fresh=True),
        Call(calls.state_of_process),
    )
    assert last.value == (before, here) == (None, here)
    numbers = [one.value for one in outcomes(pool, *[Call(calls.number_of_process, fresh=True)] * 5)]
    assert len(set(numbers)) == 5
    assert first.value not in numbers


@pytest.mark.parametrize(
    ("call", "death"),
    [
        (Call(calls.crash), "killed by SIGSEGV"),
        (Call(calls.kill_itself), "killed by SIGKILL"),
        (Call(calls.leave, (0,)), "ended with exit code 0"),
        (Call(calls.leave, (7,)), "ended with exit code 7"),
    ],
)
def test_the_death_of_a_worker_is_the_outcome_of_its_call_alone(pool, call, death):
    died, *others = outcomes(pool, call, *[Call(calls.number_of_process)] * 4)
    assert (died.death, died.too_long, died.error) == (death, False, None)
    assert all(isinstance(one.value, int) for one in others)


@pytest.mark.parametrize("kind", [Exception, BaseException, KeyboardInterrupt, SystemExit])
def test_an_exception_of_any_class_comes_back_and_the_worker_stays(kind):
    pool = Pool(1)
    with contextlib.closing(pool):
        raised, after = outcomes(pool, Call(calls.raise_own, (kind,)), Call(calls.number_of_process))
        assert "of no importable class" in str(raised.error)
        assert pool.processes == [after.value]


def test_what_cannot_be_sent_is_an_error_of_that_call(pool):
    there, back, fine = outcomes(
        pool, Call(lambda: 1), Call(calls.return_a_function), Call(calls.number_of_process)
    )
    assert "pickle" in str(there.error)
    assert "cannot be pickled" in str(back.error)
    assert isinstance(fine.value, int)


@pytest.mark.parametrize("call", [Call(calls.sleep, (60,), limit_s=0.3), Call(calls.allow_itself, (0.3, 60))])
def test_a_call_that_takes_longer_than_its_limit_is_ended(pool, call):
    start = time.monotonic()
    ended, fine = outcomes(pool, call, Call(calls.number_of_process))
    assert ended.too_long and ended.death == "killed by SIGKILL"
    assert 0.3 <= time.monotonic() - start < 30
    assert isinstance(fine.value, int)


def test_workers_killed_between_calls_are_replaced(pool):
    outcomes(pool, *[Call(calls.number_of_process)] * 2)
    for process in pool.processes:
        os.kill(process, signal.SIGKILL)
        assert is_gone(process)
    assert all(isinstance(one.value, int) for one in outcomes(pool, *[Call(calls.number_of_process)] * 2))


def test_a_worker_killed_at_any_time_costs_at_most_its_call(pool, tmp_path):
    """Workers are killed by number as soon as they are seen, whatever they are doing."""
    stop = threading.Event()

    def kill_now_and_then():
        while not stop.wait(0.03):
            for process in pool.processes[:1]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)

    killer = threading.Thread(target=kill_now_and_then)
    killer.start()
    try:
        found = outcomes(pool, *[Call(calls.sleep, (0.01,)) for _ in range(40)])
    finally:
        stop.set()
        killer.join()
    assert {one.death for one in found} <= {None, "killed by SIGKILL"}
    assert "killed by SIGKILL" in {one.death for one in found}


@FORK
def test_the_server_killed_ends_its_workers_and_the_next_calls_have_another(pool, tmp_path):
    path = tmp_path / "begun"

    def kill_server():
        while not path.exists() or not path.read_text():
            time.sleep(0.02)
        pool._starter._server.kill()

    killer = threading.Thread(target=kill_server)
    killer.start()
    died, *others = outcomes(
        pool, Call(calls.touch_and_sleep, (path, 60)), Call(calls.sleep, (1,)), Call(calls.sleep, (0,))
    )
    killer.join()
    assert died.death == "ended with the process that had started it"
    assert is_gone(int(path.read_text()))
    assert [one.death for one in others[1:]] == [None]


def test_an_interrupt_reaches_the_calls_and_those_that_ignore_it_are_killed(tmp_path):
    polite, deaf, pool = tmp_path / "polite", tmp_path / "deaf", Pool(3)
    made = [
        Call(calls.number_of_process),
        Call(calls.sleep_until_stopped, (polite,)),
        Call(calls.ignore_stops, (deaf,)),
    ]
    with contextlib.closing(pool):
        next(pool.results(made))  # all three have begun
        while not (polite.exists() and deaf.exists()):
            time.sleep(0.02)
        before, start = pool.processes, time.monotonic()
        pool.interrupt(0.5)
        assert time.monotonic() - start < 5
        assert (polite.read_text(), deaf.read_text()) == ("stopped", "ignored")
        [killed] = set(before) - set(pool.processes)
        assert is_gone(killed)
        assert isinstance(outcomes(pool, Call(calls.number_of_process))[0].value, int)


@FORK
def test_an_interrupt_reaches_calls_also_where_the_pool_is_made_with_the_signal_blocked(tmp_path):
    polite, pool = tmp_path / "polite", Pool(1)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])  # as in a task of Ray
    try:
        with contextlib.closing(pool):
            begun = threading.Thread(
                target=list, args=(pool.results([Call(calls.sleep_until_stopped, (polite,))]),)
            )
            begun.start()
            while not polite.exists():
                time.sleep(0.02)
            os.kill(pool.processes[0], signal.SIGINT)
            begun.join(10)
            assert polite.read_text() == "stopped"
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@FORK
def test_in_a_job_of_a_cluster_signals_are_left_to_the_command(tmp_path, monkeypatch):
    monkeypatch.setenv(starters.IN_A_JOB, "1")
    begun, pool = tmp_path / "begun", Pool(1)

    def signal_all():
        while not (begun.exists() and begun.read_text()):
            time.sleep(0.02)
        [worker] = pool.processes
        with open(f"/proc/{worker}/stat") as file:
            server = int(file.read().rpartition(")")[2].split()[1])
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
            os.kill(worker, number)
            os.kill(server, number)

    thread = threading.Thread(target=signal_all)
    with contextlib.closing(pool):
        thread.start()
        [outcome] = outcomes(pool, Call(calls.touch_and_sleep, (begun, 0.5)))
        thread.join()
        assert (outcome.death, outcome.error) == (None, None)
        [child] = outcomes(pool, Call(calls.end_a_child))
        assert child.value == -signal.SIGTERM  # what a call starts is ended by its signals


@FORK
def test_what_a_call_leaves_running_is_ended_with_its_worker_or_with_the_pool(tmp_path):
    pool = Pool(1)
    [left] = outcomes(pool, Call(calls.leave_children, (tmp_path / "daemon",), fresh=True))
    child, daemon = left.value
    assert is_gone(child)
    pool.close()
    assert is_gone(daemon)


@FORK
def test_a_call_that_forks_and_returns_twice_has_one_outcome(pool):
    one, two = outcomes(pool, Call(calls.fork_and_return), Call(calls.fork_and_return))
    assert isinstance(one.value, int) and isinstance(two.value, int)
    assert {one.value, two.value} <= set(pool.processes)


def test_each_place_has_an_environment_of_its_own():
    pool = Pool(2, environments=[{"PLACE": "a"}, {"PLACE": "b"}])
    with contextlib.closing(pool):
        found = outcomes(pool, *[Call(calls.variable, ("PLACE",), fresh=True)] * 4)
    assert {one.value for one in found} == {"a", "b"}
    assert "PLACE" not in os.environ


def test_workers_see_the_environment_folder_and_path_of_the_moment(pool, tmp_path, monkeypatch):
    outcomes(pool, Call(calls.number_of_process))  # the server has begun
    (tmp_path / "only_here.py").touch()
    monkeypatch.setenv("OF_THE_MOMENT", "now")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    variable, folder, imported = outcomes(
        pool,
        Call(calls.variable, ("OF_THE_MOMENT",), fresh=True),
        Call(calls.state_of_process, fresh=True),
        Call(calls.import_, ("only_here",), fresh=True),
    )
    assert variable.value == "now"
    assert folder.value[1] == str(tmp_path)
    assert imported.error is None


@FORK
def test_workers_that_cannot_be_started_are_an_error(monkeypatch):
    monkeypatch.setattr(starters.sys, "executable", "/bin/false")
    pool = Pool(1)
    with pytest.raises(WorkersBrokenError, match="exit code 1"):
        list(pool.results([Call(calls.number_of_process)]))


def test_where_a_fork_is_not_safe_workers_are_started_afresh(tmp_path):
    pool = Pool(2, starter=lambda preload: starters.SpawnStarter())
    with contextlib.closing(pool):
        one, two, died, long = outcomes(
            pool,
            Call(calls.number_of_process),
            Call(calls.raise_own, (BaseException,)),
            Call(calls.leave, (3,)),
            Call(calls.sleep, (60,), limit_s=0.5),
        )
        assert one.value != os.getpid()
        assert "of no importable class" in str(two.error)
        assert died.death == "ended with exit code 3"
        assert long.too_long
