import pytest

import harness
from harness.cli.main import main


@pytest.mark.parametrize("name", [[], ["run"]])
def test_one_run_prints_its_result_and_where_it_is(tiny, tmp_path, capsys, name):
    assert main([*name, *tiny, "cell=gru"]) == 0
    out = capsys.readouterr().out
    assert "delayed_recall-gru-h4-T5-s1-" in out
    assert "test accuracy" in out
    assert len(harness.load_runs(tmp_path / "results" / "runs.csv")) == 1


def test_a_finished_run_is_not_made_again_and_says_so(tiny, capsys):
    assert main([*tiny, "cell=gru"]) == 0
    first = capsys.readouterr()
    assert main([*tiny, "cell=gru"]) == 0
    second = capsys.readouterr()
    assert "finished before" in second.err and "finished before" not in first.err
    assert second.out == first.out


@pytest.mark.parametrize("multirun", [[], ["-m", "hydra/launcher=basic"]])
def test_a_results_folder_that_cannot_be_made_stops_before_training(tiny, tmp_path, multirun, capsys):
    (tmp_path / "file").write_text("in the way")
    assert main([*multirun, *tiny, f"results_dir={tmp_path / 'file'}"]) == 2
    err = capsys.readouterr().err
    assert f"results_dir={tmp_path / 'file'} cannot be written" in err
    assert "Traceback" not in err


def test_a_wrong_number_of_workers_is_refused_before_training(tiny, tmp_path, capsys):
    assert main(["-m", *tiny, "seed=1,2", "hydra.launcher.n_jobs=0"]) == 2
    assert "n_jobs=0" in capsys.readouterr().err
    assert not list(tmp_path.glob("results/runs/*"))


@pytest.mark.usefixtures("without_figures")
def test_a_grid_prints_the_counts_and_why_a_run_failed(tiny, capsys):
    cells = "cell._target_=torch.nn.GRU,tests.outside.Bomb"
    assert main(["-m", *tiny, "cell=custom", cells, "hydra/launcher=basic"]) == 1
    out = capsys.readouterr().out
    assert "2 runs: 1 ok, 1 failed" in out
    assert "boom" in out and "tries these again" in out
