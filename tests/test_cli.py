import subprocess
import sys

import pytest

import harness
from harness.cli import main
from harness.config import options
from harness.tasks import mnist_files


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
        (["fetch"], "mnist"),
        (["fetch", "mnist", "nonsense"], "data_dir=FOLDER"),
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


def test_a_failed_download_is_one_line_and_code_1(monkeypatch, tmp_path, capsys):
    from torchvision.datasets import MNIST

    monkeypatch.setattr(MNIST, "mirrors", [f"file://{tmp_path}/nowhere/"])
    assert main(["fetch", "mnist", f"data_dir={tmp_path / 'data'}"]) == 1
    err = capsys.readouterr().err
    assert "fetching mnist failed" in err.splitlines()[-1]


def test_fetch_checks_a_set_that_is_there_and_downloads_nothing(monkeypatch, tmp_path, capsys):
    from torchvision.datasets import MNIST

    monkeypatch.setattr(mnist_files, "find_files", lambda root: None)
    monkeypatch.setattr("harness.tasks.mnist.find_files", lambda root: ("there",))
    monkeypatch.setattr("harness.tasks.mnist.read_digits", lambda root: "checked")
    monkeypatch.setattr(MNIST, "__init__", lambda *_, **__: pytest.fail("downloaded"))
    assert main(["fetch", "mnist", f"data_dir={tmp_path}"]) == 0
    assert str(tmp_path) in capsys.readouterr().out


def test_hydras_own_flags_show_the_config_and_run_nothing(tmp_path):
    command = [sys.executable, "-m", "harness", "--cfg", "job", "task=adding"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "_target_: harness.tasks.make_adding" in done.stdout
    assert list(tmp_path.iterdir()) == []
