"""Runs as tasks of Dask and Ray, on two nodes of this machine of which one is killed."""

import importlib.util
import json
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pytest

from harness.cli.main import main
from harness.experiment.clusters import dask_cluster, remote_jobs
from harness.results import store
from tests.experiment.clusters.test_slurm import training, wait_for
from tests.processes import COMMAND, WITHOUT_FIGURES, start_code

ROOT = Path(__file__).parents[2]
MODULES = {"dask": "distributed", "ray": "ray"}
LONG = ["train.steps=4000", "train.eval_every=2000", "train.checkpoint_minutes=0.01"]


def needs(engine):
    missing = importlib.util.find_spec(MODULES[engine]) is None
    return pytest.mark.skipif(missing, reason=f'not installed: pip install "seqharness[{engine}]"')


@pytest.fixture(autouse=True)
def importable(monkeypatch):
    """Nodes find this checkout."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))


@pytest.fixture
def node():
    """Starts processes, each in a group of its own, and ends them after the test."""
    started = []

    def start(*command):
        null = subprocess.DEVNULL
        command = [sys.executable, "-m", *command]
        started.append(subprocess.Popen(command, start_new_session=True, stdout=null, stderr=null))
        return started[-1]

    yield start
    for process in started:
        kill(process)


def kill(process):
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@pytest.fixture
def ctrl_c_raises():
    """Whatever pytest was started with: what a shell runs in the background ignores SIGINT."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("engine", [pytest.param(name, marks=needs(name)) for name in MODULES])
def test_a_grid_on_this_machine(engine, tiny, capsys, without_figures):
    assert main(["-m", *tiny, "cell=rnn,gru", f"hydra/launcher={engine}", "hydra.launcher.n_jobs=2"]) == 0
    assert "2 runs: 2 ok" in capsys.readouterr().out


@pytest.mark.slow
@needs("dask")
def test_a_run_whose_node_is_killed_resumes_on_another(tiny, tmp_path, node, without_figures):
    file, results = tmp_path / "scheduler.json", tmp_path / "results"
    node("distributed.cli.dask_scheduler", "--port=0", "--no-dashboard", f"--scheduler-file={file}")
    wait_for(file.exists)
    options = [f"--scheduler-file={file}", "--nthreads=1", "--no-nanny", "--no-dashboard"]
    nodes = [node("distributed.cli.dask_worker", *options, f"--local-directory={tmp_path}") for _ in range(2)]

    def disturb():
        wait_for(lambda: len(list(results.glob("runs/*/checkpoint.pt"))) == 2)
        kill(nodes[0])

    thread = threading.Thread(target=disturb)
    thread.start()
    address = wait_for(lambda: json.loads(file.read_text())["address"])
    grid = ["-m", *tiny, "cell=rnn,gru", *LONG, "hydra/launcher=dask", f"hydra.launcher.address={address}"]
    assert main(grid) == 0
    thread.join()
    assert {store.read_row(path)["status"] for path in results.glob("runs/*")} == {"ok"}
    logs = [path.read_text() for path in results.glob("runs/*/log.txt")]
    assert sum("resumed from the checkpoint at step" in text for text in logs) == 1
    assert training(results) == {"rnn", "gru"}


SHELL = """\
import os, signal
os.setsid()
signal.signal(signal.SIGINT, signal.default_int_handler)
"""
"""Makes a process what a shell starts for a command: the first of a process group, which gets Ctrl-C."""


@pytest.mark.slow
@needs("dask")
def test_ctrl_c_in_a_terminal_costs_no_run(tiny, tmp_path):
    results, out = tmp_path / "results", tmp_path / "out"
    grid = ["-m", *tiny, "cell=rnn,gru", *LONG, "train.steps=100000", "hydra/launcher=dask"]
    code = SHELL + WITHOUT_FIGURES + COMMAND
    process = start_code(code, *grid, out=out, err=out)
    wait_for(lambda: training(results) == {"rnn", "gru"})
    os.killpg(process.pid, signal.SIGINT)
    process.join(60)
    assert process.exitcode == 130, out.read_text()
    assert [store.read_row(path)["status"] for path in results.glob("runs/*")] == ["interrupted"] * 2
    assert len(list(results.glob("runs/*/checkpoint.pt"))) == 2 and not list(results.rglob(".held"))


ASK = [sys.executable, "-S", "-c", "import signal; print(*signal.pthread_sigmask(signal.SIG_BLOCK, []))"]


def test_workers_of_a_cluster_on_this_machine_do_not_get_the_signals_of_the_command(ctrl_c_raises):
    """A thread starts them, as that of Dask's event loop does, and again when one is lost."""
    go, blocked = threading.Event(), []

    def start_workers():
        blocked.append(subprocess.check_output(ASK, text=True))
        go.wait(60)
        blocked.append(subprocess.check_output(ASK, text=True))

    before = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    with dask_cluster._kept_from_children():
        thread = threading.Thread(target=start_workers)
        thread.start()
    go.set()
    thread.join()
    assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == before
    assert all("2" in text.split() and "15" not in text.split() for text in blocked) and len(blocked) == 2
    with pytest.raises(KeyboardInterrupt), dask_cluster._kept_from_children():
        os.kill(os.getpid(), signal.SIGINT)


def test_a_run_whose_process_starts_while_runs_are_stopped_is_stopped_too(monkeypatch):
    signalled, first, second = [], SimpleNamespace(processes=[7]), SimpleNamespace(processes=[])
    monkeypatch.setattr(os, "kill", lambda process, number: signalled.append((process, number)))
    monkeypatch.setattr(remote_jobs, "_seen", Counter())
    monkeypatch.setattr(remote_jobs, "_pools", [("mine", first), ("mine", second), ("another", first)])
    looks = []
    for starting in ([], [8], [8], [8]):
        second.processes = starting
        assert remote_jobs.stop_runs("mine") == 1 + len(starting)
        looks.append([process for process, _ in signalled])
    assert looks == [[], [7], [7, 8], [7, 8]]  # each once, when it has had time to listen
    assert {number for _, number in signalled} == {signal.SIGINT}


@needs("dask")
def test_a_cluster_that_is_gone_does_not_hide_that_the_user_stopped_the_command(monkeypatch, caplog):
    import distributed

    cancelled = []

    class Gone:
        """A cluster that fails while it is asked to stop its runs."""

        def __init__(self, address):
            pass

        def __enter__(self):
            return self

        def __exit__(self, *error):
            pass

        def submit(self, job, pure):
            return job

        def cancel(self, futures):
            cancelled.append(futures)

        def run(self, function, *arguments):
            raise distributed.comm.CommClosedError("Address removed.")

    def stopped(futures):
        raise KeyboardInterrupt

    monkeypatch.setattr(distributed, "Client", Gone)
    monkeypatch.setattr(distributed, "wait", stopped)
    job = SimpleNamespace(command="c")
    with pytest.raises(KeyboardInterrupt):
        dask_cluster.launch([job], "tcp://there:1", None)
    assert cancelled == [[job]]
    assert "not all runs were asked to stop: CommClosedError: Address removed." in caplog.text


@pytest.mark.parametrize("engine", MODULES)
def test_an_engine_that_is_missing_is_named(tiny, monkeypatch, capsys, engine):
    usual = importlib.util.find_spec

    def without(name, *more):
        return None if name == MODULES[engine] else usual(name, *more)

    monkeypatch.setattr(importlib.util, "find_spec", without)
    assert main(["-m", *tiny, f"hydra/launcher={engine}"]) == 2
    assert f'pip install "seqharness[{engine}]"' in capsys.readouterr().err


@pytest.mark.parametrize(
    ("engine", "option", "said"),
    [
        ("dask", "n_jobs=a", "n_jobs=a must be a whole number other than 0"),
        ("ray", "n_jobs=a", "n_jobs=a must be a whole number other than 0"),
        ("ray", "cpus=0", "cpus=0 must be a number above 0"),
        ("ray", "gpus=-1", "gpus=-1 must be a number, at least 0"),
        ("ray", "retries=1.5", "retries=1.5 must be a whole number"),
    ],
)
def test_an_option_that_cannot_be_right_is_named(tiny, monkeypatch, capsys, engine, option, said):
    usual, found = importlib.util.find_spec, MODULES.values()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: name in found or usual(name, *more))
    assert main(["-m", *tiny, f"hydra/launcher={engine}", f"hydra.launcher.{option}"]) == 2
    errors = capsys.readouterr().err
    assert f"hydra.launcher.{said}" in errors and "not supported between" not in errors
