import json
import re

import pytest

from harness.cli.main import main
from harness.experiment.config import compose
from harness.experiment.cost import expected_cost
from harness.experiment.plan import plan
from tests.results.rows import rewrite


@pytest.mark.parametrize("multirun", [[], ["-m"]])
def test_a_dry_run_writes_nothing_and_invents_no_time(tiny, tmp_path, multirun, capsys):
    assert main([*multirun, *tiny, "--dry-run"]) == 0
    out = capsys.readouterr().out
    assert "1 run: 0 finished before, 1 to do; nothing was run" in out
    assert f"time not known: no finished run in {tmp_path / 'results'} to judge by" in out
    assert list(tmp_path.iterdir()) == []


def set_seconds(results, cell, train_s, eval_s):
    """Gives each finished run of a cell other times."""
    for path in results.glob(f"runs/*-{cell}-*/row.json"):
        row = json.loads(path.read_text())
        rewrite(path, row | {"train_s": train_s, "eval_s": eval_s})


@pytest.fixture
def judged(tiny, tmp_path, capsys):
    """A folder with one finished run of 6 steps, which took 4 seconds of training and 2 of evaluation."""
    main([*tiny, "cell=gru"])
    set_seconds(tmp_path / "results", "gru", 4.0, 2.0)
    capsys.readouterr()
    return tiny


def test_time_is_that_of_finished_runs_in_proportion_to_cost_and_divided_by_workers(judged, tmp_path, capsys):
    grid = ["-m", *judged, "cell=gru", "seed=1,2,3", "hydra.launcher.n_jobs=2", "--dry-run"]
    before = sorted(path.name for path in tmp_path.rglob("*"))
    assert main(grid) == 0
    out = capsys.readouterr().out
    assert len(re.findall(r"-s1-\w+ +finished before\n", out)) == 1
    assert len(re.findall(r"-s[23]-\w+ +to do +about 6.0 s\n", out)) == 2
    assert "3 runs: 1 finished before, 2 to do" in out
    assert "about 6.0 s with 2 workers (12 s divided by 2), judged by 1 finished run in" in out
    assert sorted(path.name for path in tmp_path.rglob("*")) == before


def test_a_longer_run_takes_longer_by_the_ratio_of_their_costs(judged, capsys):
    longer = [*judged, "cell=gru", "task.seq_len=20", "train.steps=12", "train.gradflow=false"]
    short, long = (expected_cost(plan(compose(overrides))) for overrides in ([*judged, "cell=gru"], longer))
    assert main([*longer, "--dry-run"]) == 0
    assert re.search(rf"to do +about {6 * long / short:.0f} s\n", capsys.readouterr().out)


def test_a_cell_without_a_finished_run_has_no_expected_time(judged, capsys):
    main(["-m", *judged, "cell=gru,lstm", "seed=2", "--dry-run"])
    out = capsys.readouterr().out
    assert re.search(r"-lstm-\S+ +to do\n", out)
    assert "leaves out 1 run whose time is not known" in out
    main(["-m", *judged, "cell=lstm", "seed=2", "--dry-run"])
    assert "time not known" in capsys.readouterr().out


def test_a_guess_from_far_shorter_runs_says_that_it_is_rough(judged, capsys):
    main([*judged, "cell=gru", "train.steps=6000", "--dry-run"])
    assert "rough: some runs cost over 10 times as much" in capsys.readouterr().out


def test_finished_grids_have_no_time_left(judged, capsys):
    assert main([*judged, "cell=gru", "--dry-run"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "1 run: 1 finished before, 0 to do; nothing was run"
