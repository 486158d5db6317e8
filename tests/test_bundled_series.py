"""Every problem that aeon bundles can be trained on, at any length and number of channels."""

import pytest

from harness.experiment.config import compose
from harness.experiment.plan import plan
from harness.experiment.run import execute
from harness.results import store
from harness.tasks.files.timeseries import BUNDLED


@pytest.mark.parametrize("name", BUNDLED)
def test_every_bundled_problem_trains(name, tmp_path):
    pytest.importorskip("aeon", reason="the extra `dev` is installed in part")
    run = plan(compose(["task=timeseries", f"task.name={name}", "cell=gru", "cell.hidden_size=4", "threads=1",
                        "train.steps=20", "train.eval_every=20", "train.batch_size=8",
                        f"results_dir={tmp_path}"]))  # fmt: skip
    execute(run)
    row = store.read_row(store.runs_dir(run.results_dir) / run.run_id)
    assert (row["status"], row["steps"], row["data_source"]) == ("ok", 20, f"ucr-{name}")
    assert 0 <= row["test_accuracy"] <= 1
