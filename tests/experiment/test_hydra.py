"""The grid as a Hydra sweeper and launcher: callbacks, other sweepers and launchers, what a worker gets."""

import math
import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn, JobStatus
from omegaconf import OmegaConf

import harness
from harness.cli.main import main
from harness.experiment.combinations import compose_master, expand
from harness.experiment.compose_grid import GridLoader
from harness.experiment.conf_files import config_loader
from harness.experiment.config import compose
from harness.experiment.job import job
from harness.workers import Outcome
from tests.experiment.test_grid_composer import anatomy

ROOT = Path(__file__).parents[2]

CALLBACK = """
from hydra.experimental.callback import Callback
class Recorder(Callback):
    def __init__(self, path):
        self.path = path
    def say(self, text):
        with open(self.path, "a") as file:
            file.write(text + "\\n")
    def on_multirun_start(self, config, **_):
        self.say(f"start {config.results_dir} {config.hydra.sweep.dir}")
    def on_multirun_end(self, config, **_):
        self.say("end")
    def on_job_start(self, config, **_):
        self.say(f"job {config.hydra.job.num} {' '.join(config.hydra.overrides.task[-2:])}")
    def on_job_end(self, config, job_return, **_):
        self.say(f"value {job_return.return_value:.4f}")
"""


@pytest.mark.usefixtures("without_figures")
@pytest.mark.parametrize("launcher", ["local", "basic"])
def test_callbacks_fire_in_the_command_and_in_the_workers(tiny, tmp_path, monkeypatch, launcher):
    (tmp_path / f"recorder_{launcher}.py").write_text(CALLBACK)
    path, results = tmp_path / "said", tmp_path / "results"
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{ROOT}")
    callback = f"+hydra.callbacks.recorder={{_target_:recorder_{launcher}.Recorder,path:{path}}}"
    options = [f"hydra/launcher={launcher}", *(["hydra.launcher.n_jobs=1"] if launcher == "local" else [])]
    assert main(["-m", *tiny, "seed=1,2", callback, *options]) == 0
    said = path.read_text().splitlines()
    runs = harness.load_runs(results)
    assert said[0] == f"start {results} {results}"
    assert said[-1] == "end"
    assert [line for line in said if line.startswith("job")] == [
        f"job {number} results_dir={results} seed={number + 1}" for number in (0, 1)
    ]
    values = sorted(line.split()[1] for line in said if line.startswith("value"))
    assert values == sorted(f"{loss:.4f}" for loss in runs["val_loss"])


@pytest.mark.usefixtures("without_figures")
def test_nothing_appears_outside_the_results_folder(tiny, tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    (tmp_path / "here" / "results").touch()  # a file in the way of the default results_dir
    assert main(["-m", *tiny, "seed=1,2", "hydra.launcher.n_jobs=1"]) == 0
    assert [path.name for path in (tmp_path / "here").iterdir()] == ["results"]
    assert {path.name for path in tmp_path.iterdir()} == {"here", "results"}
    assert "multirun.yaml" not in {path.name for path in (tmp_path / "results").iterdir()}


@pytest.mark.usefixtures("without_figures")
def test_max_batch_size_is_the_most_runs_that_the_launcher_gets_at_a_time(tiny, monkeypatch):
    name = "hydra._internal.core_plugins.basic_launcher.BasicLauncher"
    launcher = Plugins.instance().class_name_to_class[name]  # Hydra executes its plugins' modules again
    sizes, launch = [], launcher.launch

    def counting(self, job_overrides, initial_job_idx):
        sizes.append((len(job_overrides), initial_job_idx))
        return launch(self, job_overrides, initial_job_idx)

    monkeypatch.setattr(launcher, "launch", counting)
    grid = ["-m", *tiny, "cell=rnn,gru", "seed=1,2", "hydra/launcher=basic", "hydra.sweeper.max_batch_size=3"]
    assert main(grid) == 0
    assert sizes == [(3, 0), (1, 3)]
    assert main(grid) == 0  # nothing is left to do, so the launcher is not called
    assert len(sizes) == 2


@pytest.mark.usefixtures("without_figures")
def test_hydras_own_sweeper_can_be_chosen(tiny, tmp_path, capsys):
    grid = ["-m", *tiny, "seed=1,2", "hydra/sweeper=basic", "hydra/launcher=basic"]
    assert main(grid) == 0
    assert "2 runs: 2 ok" in capsys.readouterr().out
    assert len(harness.load_runs(tmp_path / "results")) == 2
    assert (tmp_path / "results" / "summary.md").exists()


def test_an_experiment_can_choose_sweeper_and_launcher(tmp_path):
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "mine.yaml").write_text(
        "# @package _global_\n# Mine.\ndefaults:\n  - override /hydra/launcher: basic\n"
        "  - override /hydra/sweeper: basic\n"
    )
    search = f"hydra.searchpath=[file://{tmp_path}]"
    master, _ = compose_master([search, "experiment=mine"])
    assert master.hydra.launcher._target_.endswith("BasicLauncher")
    assert master.hydra.sweeper._target_.endswith("BasicSweeper")
    master, _ = compose_master([search, "experiment=mine", "hydra/launcher=joblib"])
    assert master.hydra.launcher._target_.endswith("JoblibLauncher")
    assert compose_master([])[0].hydra.launcher._target_.endswith("LocalLauncher")


@pytest.mark.parametrize(
    ("override", "part"),
    [
        ("hydra/sweeper=none_such", "unknown hydra/sweeper 'none_such', available: basic, harness"),
        ("hydra/launcher=none_such", "unknown hydra/launcher 'none_such'"),
        ("hydra.sweeper._target_=hydra_plugins.harness_sweeper.Nope", "Unknown plugin class"),
        ("hydra.sweeper._target_=harness.experiment.grid.Job", "not the hydra_plugins package"),
        ("hydra.sweeper.max_batch_size=0", "max_batch_size must be at least 1 or null, not 0"),
        ("+hydra.sweeper.wings=2", "wings"),
        ("hydra.launcher.n_jobs=0", "hydra.launcher.n_jobs=0"),
        ("hydra.launcher.n_jobs=many", "n_jobs"),
    ],
)
def test_a_sweeper_or_launcher_that_cannot_be_made_is_wrong_input(tiny, tmp_path, capsys, override, part):
    assert main(["-m", *tiny, "seed=1,2", override]) == 2
    error = capsys.readouterr().err
    assert part in error and error.count("\n") == 1
    assert not (tmp_path / "results").exists()


def test_a_sweeper_that_wants_a_value_gets_the_best_validation_loss_or_infinity(tiny, tmp_path):
    value = job(compose([*tiny, "cell=gru"]))
    row = harness.load_runs(tmp_path / "results").iloc[0]
    assert value == row["val_loss"]
    assert job(compose([*tiny, "cell=gru"])) == value  # finished before
    assert job(compose([*tiny, "train.lr=1e9"])) == math.inf
    assert job(compose([*tiny, "cell=custom", "cell._target_=tests.outside.Bomb"])) == math.inf


@pytest.mark.parametrize(
    "overrides",
    [
        [],
        ["task=adding", "cell=gru", "seed=3", "results_dir=/somewhere"],
        ["experiment=smoke", "train.steps=7"],
        ["task=adding", "~task.seed"],
    ],
    ids=" ".join,
)
def test_the_config_that_a_job_gets_is_the_one_that_hydra_composes(overrides):
    master = compose(["hydra.launcher.n_jobs=2"], multirun=True)
    ours, theirs = GridLoader(config_loader(), master), config_loader()
    expected = theirs.load_sweep_config(master, list(overrides))
    for _ in range(2):  # the second time from what the first one left behind
        got = ours.load_sweep_config(master, list(overrides))
        assert got.keys() == expected.keys()
        for key in got:
            assert anatomy(got._get_node(key)) == anatomy(expected._get_node(key)), key


def test_other_launchers_get_hydras_own_config_loader():
    master = compose([], multirun=True)
    loader = pickle.loads(pickle.dumps(GridLoader(config_loader(), master)))
    assert type(loader) is ConfigLoaderImpl
    config = loader.load_sweep_config(master, ["task=adding", "seed=5"])
    assert (config.seed, config.task._target_) == (5, "harness.tasks.make_adding")


def test_jobs_are_sent_to_workers_composed(tiny, monkeypatch):
    """The worker gets a context that has no config loader: it could compose nothing."""
    from harness.experiment import workers

    class Immediately(workers.Pool):
        def results(self, calls):
            for index, call in enumerate(calls):
                context, config, _ = call.arguments
                assert context.config_loader is None
                assert config.hydra.job.num == len(done) % 2
                assert not call.fresh
                done.append(OmegaConf.select(config, "seed"))
                result = JobReturn()
                result.status, result.return_value = JobStatus.COMPLETED, 0.0
                yield Outcome(index, value=result)

    done = []
    monkeypatch.setattr(workers, "Pool", Immediately)
    assert main(["-m", *tiny, "seed=4,5"]) == 1  # nothing was run
    assert done == [4, 5] * 2  # once more: they were left to another process, as far as the grid can tell


def test_the_plugins_import_nothing_of_the_harness_until_they_are_used():
    plugins = "hydra_plugins.harness_sweeper, hydra_plugins.harness_launcher"
    code = f"import sys, {plugins}; print('harness' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_shell_completion_answers():
    line = {"COMP_LINE": "harness cell=l", "COMP_POINT": "14"}
    command = [sys.executable, "-m", "harness", "-sc", "query=bash"]
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | line, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert "cell=lstm" in done.stdout.split()


@pytest.mark.usefixtures("without_figures")
def test_a_grid_over_one_folder_says_that_old_results_do_not_count_as_finished(tiny, tmp_path, capsys):
    import shutil

    old = next((ROOT / "tests" / "results" / "data").rglob("runs"))
    shutil.copytree(old, tmp_path / "results" / "runs")
    count = len(list(old.iterdir()))
    _, jobs = expand([*tiny, "seed=1,2"])
    assert main(["-m", *tiny, "seed=1,2", "hydra/launcher=basic"]) == 0
    first = capsys.readouterr().err
    assert f"{count} runs of seqharness 0.1 are shown as settings of their own" in first
    assert "0 finished before, 2 to do" in first
    assert main(["-m", *tiny, "seed=1,2", "hydra/launcher=basic"]) == 0
    again = capsys.readouterr().err
    assert "0.1" not in again and "2 finished before, 0 to do" in again
    assert len(harness.load_runs(tmp_path / "results")) == count + len(jobs)
