"""Runs as jobs of Slurm: of a made-up one that needs no service, and of a real one where it is installed."""

import json
import os
import pickle
import re
import shutil
import subprocess
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from hydra.core.utils import JobReturn

import harness
from harness.cli.main import main
from harness.experiment.clusters import slurm, slurm_queue
from harness.experiment.clusters.slurm_options import options_of
from harness.experiment.clusters.slurm_queue import Queue
from harness.experiment.workers import LostJobError
from harness.results import store
from tests.experiment.clusters import fake_slurm

pytest.importorskip("submitit", reason='submitit is not installed: pip install "seqharness[slurm]"')

ROOT = Path(__file__).parents[2]
LAUNCHER = ["hydra/launcher=slurm", "hydra.launcher.mem=1500M", "hydra.launcher.minutes=5"]


def answers(command):
    return (
        shutil.which(command[0]) is not None and subprocess.run(command, capture_output=True).returncode == 0
    )


@pytest.fixture(params=["made-up", "real"])
def cluster(request, monkeypatch, tmp_path, without_figures):
    """A Slurm whose commands are on the PATH; jobs that have left its queue are noticed soon."""
    if request.param == "made-up":
        folder = fake_slurm.install(tmp_path / "fake")
        monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    elif not answers(["sinfo"]):
        pytest.skip("no Slurm answers here: `sinfo` fails")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setattr(slurm, "POLL_S", 0.2)
    monkeypatch.setattr(slurm_queue, "ASK_S", 0.5)
    monkeypatch.setattr(slurm_queue, "GONE_S", 1.0)
    return request.param


def jobs_of(results):
    """The jobs that were submitted, by the cell of their run."""
    notes = [json.loads(path.read_text()) for path in (results / "slurm" / "submitted").glob("*.json")]
    return {"gru" if "cell=gru" in note["overrides"] else "rnn": note["job"] for note in notes}


def wait_for(condition, seconds=120):
    give_up = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < give_up
        time.sleep(0.05)
    return found


def training(results):
    """The cells whose runs are in training."""
    logs = results.glob("runs/*/log.txt")
    return {path.parent.name.split("-")[1] for path in logs if "step 0/" in path.read_text()}


@pytest.fixture
def held(monkeypatch, tmp_path):
    """The folder of a made-up Slurm whose jobs do not start; an array has two elements at most."""
    folder = fake_slurm.install(tmp_path / "fake")
    (folder / "hold").touch()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setattr(slurm, "max_array_size", lambda: 2)
    return folder


@pytest.mark.slow
def test_a_detached_grid_is_collected_by_the_same_command(cluster, tiny, tmp_path, capsys):
    grid = ["-m", *tiny, "cell=rnn,gru", *LAUNCHER]
    results = tmp_path / "results"
    assert main([*grid, "--detach"]) == 0
    said = capsys.readouterr().out
    assert (
        said.startswith("2 submitted, 0 in the queue before: Slurm job ") and "same command collects" in said
    )
    assert main(grid) == 0  # what has finished by now is not submitted again, nor what is in the queue
    assert "2 runs: 2 ok" in capsys.readouterr().out
    assert {path.name for path in results.glob("runs/*/*")} == {
        "config.yaml", "row.json", "steps.csv", "gradflow.csv", "gates.csv", "log.txt",
    }  # fmt: skip
    logs = list((results / "slurm").glob("*_log.out"))
    assert len(logs) == 2 and not jobs_of(results)
    assert (
        main(["-m", *tiny, "cell=rnn,gru", "hydra/launcher=basic", f"results_dir={tmp_path / 'here'}"]) == 0
    )
    columns = ["run_id", "test_loss", "val_loss", "grad_norm_mean"]
    there, here = (harness.load_runs(folder)[columns] for folder in (results, tmp_path / "here"))
    assert there.equals(here)


def test_a_requeued_run_resumes_and_a_cancelled_one_is_a_row(cluster, tiny, tmp_path, capsys):
    results = tmp_path / "results"
    states = []

    def disturb():
        wait_for(lambda: training(results) == {"rnn", "gru"})
        jobs = jobs_of(results)
        subprocess.run(["scancel", "--signal=USR2", jobs["gru"]], check=True)
        subprocess.run(["scancel", jobs["rnn"]], check=True)
        states.append(jobs)

    thread = threading.Thread(target=disturb)
    thread.start()
    code = main(["-m", *tiny, "cell=rnn,gru", "train.steps=4000", "train.eval_every=2000", *LAUNCHER])
    thread.join()
    assert states and code == 1
    rows = {row["cell"]: row for row in map(store.read_row, results.glob("runs/*"))}
    assert (rows["gru"]["status"], rows["rnn"]["status"]) == ("ok", "interrupted")
    log = next(results.glob("runs/*-gru-*/log.txt")).read_text()
    assert "checkpoint at step" in log and "resumed from the checkpoint at step" in log
    assert next(results.glob("runs/*-rnn-*/checkpoint.pt")).exists()
    said = capsys.readouterr().out
    assert "2 runs: " in said and "1 ok" in said and "1 interrupted" in said


def test_a_job_that_leaves_the_queue_without_a_row_is_a_failed_run(
    tiny, tmp_path, monkeypatch, capsys, request
):
    request.getfixturevalue("without_figures")
    folder = fake_slurm.install(tmp_path / "fake")
    (folder / "hold").touch()  # no job starts
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setattr(slurm, "POLL_S", 0.1)
    monkeypatch.setattr(slurm_queue, "ASK_S", 0.2)
    monkeypatch.setattr(slurm_queue, "GONE_S", 0.4)
    results = tmp_path / "results"

    def cancel():
        jobs = wait_for(lambda: jobs_of(results))
        subprocess.run(["scancel", *jobs.values()], check=True)

    thread = threading.Thread(target=cancel)
    thread.start()
    assert main(["-m", *tiny, *LAUNCHER]) == 1
    thread.join()
    [row] = map(store.read_row, results.glob("runs/*"))
    assert row["status"] == "failed"
    assert (
        "the Slurm job 1 left the queue without a result: cancelled, out of memory or lost; see"
        in row["error"]
    )


def test_arrays_that_were_submitted_before_one_is_refused_are_not_submitted_again(held, tiny, capsys, caplog):
    grid = ["-m", *tiny, "seed=0,1,2", *LAUNCHER, "--detach"]
    (held / "most").write_text("1")
    assert main(grid) == 1
    assert "QOSMaxSubmitJobPerUserLimit; 2 jobs are in the queue: the same command waits" in caplog.text
    (held / "most").unlink()
    assert main(grid) == 0
    assert "1 submitted, 2 in the queue before: Slurm job 1, 2;" in capsys.readouterr().out
    assert {path.stem for path in held.glob("*.job")} == {"1_0", "1_1", "2"}


@pytest.mark.parametrize(
    ("n_jobs", "elements", "begins_after"),
    [(1, [1, 1], [None, "1", "2"]), (2, [1, 1], [None, None, "1"]), (64, [2, 2], [None, None, None])],
)
def test_no_more_runs_at_a_time_than_n_jobs_in_several_arrays(held, tmp_path, n_jobs, elements, begins_after):
    options = options_of(OPTIONS | {"n_jobs": n_jobs})
    arrays = list(slurm._submit([SimpleNamespace()] * 5, tmp_path, options))
    assert arrays == [["1_0", "1_1"], ["2_0", "2_1"], ["3"]]
    scripts = [(tmp_path / f"{array}_submission.sh").resolve().read_text() for array in (1, 2, 3)]
    limits = [int(found) for text in scripts for found in re.findall(r"--array=0-1%(\d+)", text)]
    waits = [re.search(r"--dependency=afterany:(\d+)$", text, re.MULTILINE) for text in scripts]
    assert limits == elements
    assert [found and found[1] for found in waits] == begins_after


@pytest.mark.parametrize("raw", [b"", pickle.dumps(("success", JobReturn()))[:-9], pickle.dumps(3)])
def test_a_damaged_result_is_that_of_a_lost_job(held, tmp_path, monkeypatch, raw):
    monkeypatch.setattr(slurm, "POLL_S", 0.1)
    monkeypatch.setattr(slurm_queue, "ASK_S", 0.1)
    monkeypatch.setattr(slurm_queue, "GONE_S", 0.2)
    (tmp_path / "7_0_result.pkl").write_bytes(raw)
    [returned] = slurm._wait(["7"], tmp_path)
    with pytest.raises(LostJobError, match="job 7 has ended, and its result .*7_0_result.pkl cannot be read"):
        returned.return_value  # noqa: B018


def test_jobs_count_as_there_while_slurm_does_not_answer(tmp_path, monkeypatch):
    folder = fake_slurm.install(tmp_path / "fake")
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    (folder / "7_0.job").write_text("RUNNING x")
    assert Queue(["7_0", "7_1", "8"]).waiting_or_running() == {"7_0"}
    (folder / "7_0.job").unlink()
    assert Queue(["7_0"]).waiting_or_running() == set()  # all jobs are forgotten: an error of squeue
    (folder / "squeue").write_text("#!/bin/sh\necho 'Unable to contact slurm controller' >&2; exit 1\n")
    assert Queue(["7_0"]).waiting_or_running() == {"7_0"}


OPTIONS = {
    "n_jobs": 4, "minutes": 60, "signal_s": 90, "requeues": 3, "detach": False, "partition": None,
    "account": None, "qos": None, "cpus": 2, "gpus": None, "mem": "4G",
    "sbatch": ["--constraint=a100", "--exclusive"], "setup": ["module load python"], "python": None,
}  # fmt: skip


def test_options_become_those_of_sbatch(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(fake_slurm.install(tmp_path / "fake")))
    assert options_of(OPTIONS).sbatch == {
        "requeue": True, "cpus-per-task": 2, "mem": "4G", "constraint": "a100", "exclusive": True,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"n_jobs": 0}, "hydra.launcher.n_jobs=0 must be a whole number, at least 1"),
        ({"minutes": 1.5}, "hydra.launcher.minutes=1.5 must be a whole number"),
        (
            {"minutes": 1, "signal_s": 60},
            "signal_s=60 must be less than the seconds of hydra.launcher.minutes=1",
        ),
        ({"sbatch": ["mem=4G"]}, "'mem=4G' must look like --name=value"),
        ({"sbatch": ["--array=1-3"]}, "'--array=1-3' is set by the launcher"),
        ({"sbatch": ["--no-requeue"]}, "'--no-requeue' is set by the launcher"),
        ({"sbatch": ["--wrap=x"]}, "'--wrap=x' cannot be used: the launcher submits scripts of its own"),
        ({"sbatch": ["--nodes=2"]}, "'--nodes=2' cannot be used: a run is one process on one node"),
        ({"sbatch": ["--ntasks=2"]}, "'--ntasks=2' cannot be used: a run is one process on one node"),
        (
            {"sbatch": "--mem=4G"},
            "sbatch=--mem=4G must be a list of texts: \"hydra.launcher.sbatch=['--mem=4G']\"",
        ),
        (
            {"setup": "module load python"},
            "must be a list of texts: \"hydra.launcher.setup=['module load python']\"",
        ),
        ({"setup": [1]}, "hydra.launcher.setup=[1] must be a list of texts"),
        ({"setup": None}, "hydra.launcher.setup=None must be a list of texts"),
        ({"cpus": 0}, "hydra.launcher.cpus=0 must be a whole number, at least 1"),
        ({"gpus": -1}, "hydra.launcher.gpus=-1 must be a number, or TYPE:NUMBER"),
        ({"detach": "yess"}, "hydra.launcher.detach=yess must be true or false"),
    ],
)
def test_an_option_that_cannot_be_right_is_named(tmp_path, monkeypatch, changes, said):
    monkeypatch.setenv("PATH", str(fake_slurm.install(tmp_path / "fake")))
    with pytest.raises(ValueError, match=re.escape(said)):
        options_of(OPTIONS | changes)


def test_a_login_node_needs_no_gpu(tiny, capsys):
    grid = ["-m", *tiny, "cell=rnn,gru", "device=cuda", "--dry-run"]
    assert main([*grid, "hydra/launcher=slurm", "hydra.launcher.gpus=1"]) == 0
    assert "2 runs: " in capsys.readouterr().out
    if not torch.cuda.is_available():
        assert main(grid) == 2
        assert "device 'cuda' cannot be used here" in capsys.readouterr().err


def test_what_is_missing_is_named(tmp_path, monkeypatch, tiny, capsys):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["-m", *tiny, "hydra/launcher=slurm"]) == 2
    assert "needs Slurm's commands here; not found: sbatch, squeue, srun, scancel" in capsys.readouterr().err
    assert main(["-m", *tiny, "--detach"]) == 2
    assert "--detach" in capsys.readouterr().err
