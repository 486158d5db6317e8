"""Runs as tasks of Dask and Ray, on two nodes of this machine of which one is killed."""

import importlib.util
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from harness.cli.main import main
from harness.results import store
from tests.experiment.clusters.test_slurm import training, wait_for

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


@pytest.mark.parametrize("engine", MODULES)
def test_an_engine_that_is_missing_is_named(tiny, monkeypatch, capsys, engine):
    usual = importlib.util.find_spec

    def without(name, *more):
        return None if name == MODULES[engine] else usual(name, *more)

    monkeypatch.setattr(importlib.util, "find_spec", without)
    assert main(["-m", *tiny, f"hydra/launcher={engine}"]) == 2
    assert f'pip install "seqharness[{engine}]"' in capsys.readouterr().err
