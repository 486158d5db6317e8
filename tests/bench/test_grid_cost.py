"""The cost of a grid besides training, measured on small inputs."""

import pandas as pd

from harness.results import gather
from tests.bench.grid_cost import gather_seconds, make_rows, skip_seconds


def test_finished_runs_are_skipped_and_rows_are_gathered():
    assert skip_seconds(10) > 0
    assert min(gather_seconds(20)) > 0


def test_the_rows_are_distinct_runs_that_repeat_settings(tmp_path):
    make_rows(tmp_path, 2 * 72)
    runs = gather(tmp_path)
    assert runs["run_id"].is_unique
    assert all(list(seeds) == [1, 2] for _, seeds in runs.groupby("setting")["seed"])
    assert len(pd.read_csv(tmp_path / "steps.csv")) == 12 * len(runs)
