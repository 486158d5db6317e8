import itertools
import os
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

import harness
from harness.cli.main import main
from harness.experiment.combinations import expand
from harness.experiment.config import options
from harness.experiment.errors import ConfigError
from harness.experiment.grid import run_grid
from harness.experiment.progress import _has_ended, show_progress
from harness.experiment.workers import release_workers
from harness.results import store
from harness.results.locks import hold
from harness.results.store import file_stamp
from harness.workers import Pool
from tests.experiment.expanded import jobs_of
from tests.processes import run_harness

QUALITY = (
    "run_id status data_fingerprint steps best_step val_loss val_accuracy test_loss test_accuracy "
    "grad_norm_mean grad_norm_max clip_rate gradflow_slope solved_step"
).split()


def quality(results):
    return harness.load_runs(results)[QUALITY].sort_values("run_id").reset_index(drop=True)


def test_a_grid_is_the_product_of_its_sweeps(tiny):
    _, jobs = expand([*tiny, "cell=rnn,gru", "seed=range(1,4)", "cell.hidden_size=2,4"])
    found = {(job.plan.cell_name, job.plan.seed, job.plan.cell_options["hidden_size"]) for job in jobs}
    assert found == set(itertools.product(("rnn", "gru"), (1, 2, 3), (2, 4)))


def test_the_command_line_wins_over_the_sweeps_of_an_experiment():
    _, jobs = expand(["experiment=smoke", "cell=gru", "task=mnist"])
    assert {job.plan.cell_name for job in jobs} == {"gru"}
    assert len(jobs) == 2


def test_combinations_that_are_the_same_run_are_made_once_and_that_is_said(tiny, caplog):
    _, jobs = expand([*tiny, "threads=1,2"])
    assert len(jobs) == 1
    assert "2 combinations name 1 runs" in caplog.text


@pytest.mark.usefixtures("without_figures")
def test_a_sweep_over_results_folders_runs_in_each(tiny, tmp_path):
    folders = [tmp_path / "a", tmp_path / "b"]
    assert main(["-m", *tiny, f"results_dir={folders[0]},{folders[1]}", "hydra/launcher=basic"]) == 0
    assert [len(harness.load_runs(folder)) for folder in folders] == [1, 1]


def test_tasks_with_keys_of_their_own_can_be_swept_together():
    _, jobs = expand(["task=adding,temporal_order", "task.n_val=7"])
    assert {job.plan.identity.config["task"]["n_val"] for job in jobs} == {7}


@pytest.mark.parametrize("name", options("experiment"))
def test_every_experiment_opens_with_its_question_and_its_number_of_runs(name):
    jobs = jobs_of(name)
    text = (Path(__file__).parents[2] / "conf" / "experiment" / f"{name}.yaml").read_text(encoding="utf-8")
    package, question, count = text.splitlines()[:3]
    assert package == "# @package _global_"
    assert "?" in question
    assert int(count.split()[1]) == len(jobs)


def test_the_default_grid_covers_what_it_promises():
    plans = [job.plan for job in jobs_of("default")]
    assert {plan.cell_name for plan in plans} == {"rnn", "lstm", "gru"}
    assert {plan.init.name for plan in plans} == {"torch", "keras"}
    assert len({plan.seed for plan in plans}) == 5
    lengths = {(plan.task.spec.name, plan.task.spec.seq_len) for plan in plans}
    assert ("mnist", 28) in lengths
    assert len({name for name, _ in lengths}) >= 2
    assert sum(name == "mnist" for name, _ in lengths) >= 3


@pytest.mark.parametrize("bad", ["task.seq_len=4,1", "seed=-1,1", "cell.hidden_size=4,0", "train.lr=0.1,0"])
def test_one_bad_combination_stops_a_grid_before_its_first_run(tiny, tmp_path, bad):
    with pytest.raises(ConfigError, match=r"\[in .*\]"):
        run_grid([*tiny, bad])
    assert not (tmp_path / "results").exists()


def test_a_grid_names_one_experiment_at_a_time():
    with pytest.raises(ConfigError, match="one at a time"):
        expand(["experiment=default,smoke"])


@pytest.mark.usefixtures("without_figures")
def test_a_second_grid_trains_nothing_and_a_deleted_run_alone_is_made_again(tiny, tmp_path, capsys):
    grid = ["-m", *tiny, "cell=rnn,gru", "seed=1,2", "hydra/launcher=basic"]
    results = tmp_path / "results"
    assert main(grid) == 0
    first = quality(results)
    marks = {path: store.file_stamp(path) for path in results.glob("runs/*/row.json")}
    assert main(grid) == 0
    assert "4 finished before, 0 to do" in capsys.readouterr().err
    assert {path: store.file_stamp(path) for path in marks} == marks

    gone = sorted(marks)[1]
    for path in gone.parent.iterdir():
        path.unlink()
    gone.parent.rmdir()
    assert main(grid) == 0
    assert {path for path in marks if store.file_stamp(path) != marks[path]} == {gone}
    pd.testing.assert_frame_equal(quality(results), first, check_exact=True)


@pytest.mark.usefixtures("without_figures")
def test_long_runs_come_first_and_the_tables_keep_the_order_of_the_grid(tiny, tmp_path):
    lengths = ["task.seq_len=5,9,7", "seed=2,1", f"results_dir={tmp_path}"]
    _, jobs = expand([*tiny, *lengths])
    folders = run_grid([*tiny, *lengths, "hydra/launcher=basic"])
    assert folders == [job.folder for job in jobs]
    in_grid = [(5, 2), (5, 1), (9, 2), (9, 1), (7, 2), (7, 1)]
    assert [(job.plan.task.spec.seq_len, job.plan.seed) for job in jobs] == in_grid
    begun = sorted(jobs, key=lambda job: (job.folder / "config.yaml").stat().st_mtime_ns)
    assert [(job.plan.task.spec.seq_len, job.plan.seed) for job in begun] == [*in_grid[2:], *in_grid[:2]]
    runs = harness.load_runs(tmp_path)
    assert list(zip(runs["seq_len"], runs["seed"], strict=True)) == sorted(in_grid)


def test_the_time_left_goes_by_what_the_runs_that_are_left_are_expected_to_cost(
    tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr("harness.experiment.progress.PLAIN_LINE_S", 2.0)
    with show_progress({tmp_path / "long": 2.0, tmp_path / "short": 1.0}):
        (tmp_path / "long").touch()
        time.sleep(3.0)
        (tmp_path / "short").touch()
    first, last = capsys.readouterr().err.splitlines()
    assert first == "1 of 2 runs in 2 s, about 1 s left"  # a third of the cost is left
    assert last.startswith("2 of 2 runs in 3 s")


def test_a_run_that_is_resumed_or_interrupted_has_not_ended(tmp_path):
    row = tmp_path / "row.json"
    row.write_text('{\n "status": "interrupted"\n}')
    before = file_stamp(row)
    row.unlink()
    assert not _has_ended(row, before)  # begun again
    (tmp_path / "new").write_text('{\n "status": "interrupted"\n}')
    (tmp_path / "new").rename(row)
    assert not _has_ended(row, before)
    row.write_text('{\n "status": "ok"\n}')
    assert _has_ended(row, before) and not _has_ended(row, file_stamp(row))


@pytest.mark.usefixtures("without_figures")
def test_idle_workers_end_and_none_are_made_to_be_ended(tiny, monkeypatch):
    closed, close = [], Pool.close

    def recording(self):
        closed.append(self.processes)
        close(self)

    monkeypatch.setattr(Pool, "close", recording)
    release_workers()
    assert main(["-m", *tiny, "seed=1,2", "hydra/launcher=basic"]) == 0
    assert closed == []
    assert main(["-m", *tiny, "seed=3,4", "hydra.launcher.n_jobs=1"]) == 0
    [[worker]] = closed
    with pytest.raises(ProcessLookupError):
        os.kill(worker, 0)
    assert main(["-m", *tiny, "seed=5,6", "hydra.launcher.n_jobs=1"]) == 0  # a new one takes its place
    assert len(closed) == 2


def test_failed_and_diverged_runs_do_not_take_the_grid_down(tiny, tmp_path, capsys, request):
    grid = ["-m", *tiny, "cell=custom", "cell._target_=tests.outside.Bomb,torch.nn.GRU", "train.lr=0.001,1e9"]
    assert main([*grid, "hydra/launcher=basic"]) == 1
    out = capsys.readouterr().out
    assert "boom in two lines" in out
    counts = harness.load_runs(tmp_path / "results")["status"].value_counts().to_dict()
    assert counts == {"failed": 2, "ok": 1, "diverged": 1}
    assert (tmp_path / "results" / "summary.md").exists()
    # Again: what failed is tried again, what diverged is not.
    request.getfixturevalue("without_figures")
    assert main([*grid, "hydra/launcher=basic"]) == 1
    assert "2 finished before, 2 to do" in capsys.readouterr().err


def test_a_killed_worker_costs_only_the_run_that_it_was_making(tmp_path):
    tiny = ["task=delayed_recall", "task.seq_len=5", "task.n_train=60", "train.steps=6", "train.eval_every=3",
            "cell=custom", "cell._target_=tests.outside.Killer", "cell.hidden_size=3,4,5,6,7,8"]  # fmt: skip
    workers, here = "hydra.launcher.n_jobs=2", "hydra/launcher=basic"
    calm, killed = tmp_path / "calm", tmp_path / "killed"
    fuse = tmp_path / "fuse"
    first = run_harness("-m", *tiny, workers, f"results_dir={killed}", KILLER_FUSE=str(fuse))
    assert first.returncode == 0, first.stderr
    assert first.stderr.count("its process was killed by SIGKILL; made again, alone") == 1
    runs = harness.load_runs(killed)
    assert len(runs) == 6
    again = [path.parent.name for path in killed.glob("runs/*/attempt-*")]
    assert again == runs.loc[runs["hidden_size"] == 5, "run_id"].to_list()
    undisturbed = run_harness("-m", *tiny, here, f"results_dir={calm}", KILLER_FUSE=str(fuse))
    assert undisturbed.returncode == 0, undisturbed.stderr
    pd.testing.assert_frame_equal(quality(killed), quality(calm), check_exact=True)


@pytest.mark.skipif(os.name != "posix", reason="a process without a parent gets no other")
@pytest.mark.parametrize("launcher", ["local", "joblib"])
def test_workers_end_with_the_command_that_started_them_even_if_it_is_killed(tmp_path, launcher):
    root = Path(__file__).parents[2]
    grid = ["task=delayed_recall", "task.seq_len=20", "task.n_train=60", "train.steps=10000000",
            "cell=rnn,gru", "cell.hidden_size=4", f"hydra/launcher={launcher}", "hydra.launcher.n_jobs=2",
            f"results_dir={tmp_path}"]  # fmt: skip
    command = subprocess.Popen(
        [sys.executable, "-m", "harness", "-m", *grid], cwd=root, stderr=subprocess.DEVNULL
    )
    give_up = time.monotonic() + 120
    while len(begun := list(tmp_path.glob("runs/*/config.yaml"))) < 2:
        assert time.monotonic() < give_up and command.poll() is None
        time.sleep(0.2)
    command.kill()
    command.wait()
    for config in begun:  # a run's lock goes with its process; the training would take hours
        with hold(config.parent, timeout=30):
            assert not (config.parent / "row.json").exists()
