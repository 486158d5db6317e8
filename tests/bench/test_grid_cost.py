"""The cost of a grid besides training, measured on small inputs."""

import sys
from types import SimpleNamespace

import pandas as pd

from harness.results import gather
from tests.bench import grid_cost
from tests.bench.grid_cost import gather_seconds, make_rows, skip_seconds
from tests.processes import run_harness


def test_finished_runs_are_skipped_and_rows_are_gathered(monkeypatch, without_figures):
    ran = []

    def forked(command, cwd, **_):
        assert command[:3] == [sys.executable, "-m", "harness"] and cwd == grid_cost.ROOT
        ran.append(run_harness(*command[3:]))
        assert ran[-1].returncode == 0, ran[-1].stderr
        return ran[-1]

    monkeypatch.setattr(grid_cost, "subprocess", SimpleNamespace(run=forked))
    assert skip_seconds(10) > 0
    assert min(gather_seconds(20)) > 0
    assert len(ran) == 2


def test_the_rows_are_distinct_runs_that_repeat_settings(tmp_path):
    make_rows(tmp_path, 2 * 72)
    runs = gather(tmp_path)
    assert runs["run_id"].is_unique
    assert all(list(seeds) == [1, 2] for _, seeds in runs.groupby("setting")["seed"])
    assert len(pd.read_csv(tmp_path / "steps.csv")) == 12 * len(runs)
