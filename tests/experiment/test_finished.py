"""What counts as finished: nothing that is asked for is missing, and earlier attempts are kept."""

import json

import pandas as pd
import pytest

import harness
from harness.experiment.config import compose
from harness.experiment.finished import why_not_finished
from harness.experiment.plan import plan
from harness.experiment.run import execute
from harness.results import store

NUMBERS = ["test_loss", "val_loss", "grad_norm_mean", "best_step"]


def planned(*overrides):
    return plan(compose(list(overrides)))


def make(*overrides):
    run = planned(*overrides)
    execute(run)
    return run


def attempts(run):
    return sorted(path.name for path in run.folder.glob("attempt-*"))


@pytest.mark.parametrize(
    ("first", "then", "file"),
    [
        (["train.gradflow=false"], [], "gradflow.csv"),
        (["train.probes=false"], [], "gradflow.csv"),
        ([], ["keep_weights=true"], "weights.pt"),
        (["train.gradflow_points=2"], [], "gradflow.csv"),
        ([], ["train.gradflow_points=null"], "gradflow.csv"),
    ],
)
def test_a_finished_run_that_lacks_what_is_asked_for_is_made_again(tiny, first, then, file):
    tiny = [*tiny, "task.seq_len=9"]
    before = make(*tiny, *first)
    row = store.read_row(before.folder)
    assert why_not_finished(planned(*tiny, *first)) is None
    assert "asked for" in why_not_finished(planned(*tiny, *then))
    after = make(*tiny, *then)
    assert after.folder == before.folder
    assert (after.folder / file).is_file()
    assert json.loads((after.folder / "attempt-1" / "row.json").read_text()) == json.loads(json.dumps(row))
    assert why_not_finished(planned(*tiny, *then)) is None
    assert {name: store.read_row(after.folder)[name] for name in NUMBERS} == {
        name: row[name] for name in NUMBERS
    }


@pytest.mark.parametrize(
    ("first", "then"),
    [
        ([], ["train.gradflow=false"]),
        ([], ["train.probes=false"]),
        (["keep_weights=true"], []),
        (["train.gradflow_points=null"], []),
        ([], ["train.gradflow_points=2"]),
    ],
)
def test_a_run_that_has_more_than_is_asked_for_is_finished(tiny, first, then):
    tiny = [*tiny, "task.seq_len=9"]
    before = make(*tiny, *first)
    stamp = store.file_stamp(before.folder / "row.json")
    after = make(*tiny, *then)
    assert store.file_stamp(after.folder / "row.json") == stamp
    assert attempts(after) == []


def test_rerun_makes_a_finished_run_again_and_keeps_every_attempt(tiny):
    for count in range(3):
        run = make(*tiny, "rerun=true")
        assert attempts(run) == [f"attempt-{number}" for number in range(1, count + 1)]
    assert attempts(make(*tiny)) == ["attempt-1", "attempt-2"]
    losses = {json.loads(path.read_text())["test_loss"] for path in run.folder.glob("**/row.json")}
    assert len(losses) == 1
    assert len(harness.load_runs(run.results_dir)) == 1


def test_a_lost_table_is_made_again(tiny):
    run = make(*tiny)
    (run.folder / "gradflow.csv").unlink()
    assert "gradflow" in why_not_finished(run)
    make(*tiny)
    assert len(pd.read_csv(run.folder / "gradflow.csv")) > 0


def test_a_probe_that_cannot_measure_a_cell_is_not_tried_again_and_again(tiny):
    tiny = [*tiny, "cell=custom", "cell._target_=tests.outside.NoState"]
    run = make(*tiny)
    row = store.read_row(run.folder)
    assert "it returns no state" in row["gradflow_note"]
    assert row["tables"]["gradflow"]["note"] == row["gradflow_note"]
    make(*tiny)
    assert attempts(run) == []


def test_a_diverged_run_needs_no_weights_to_be_finished(tiny):
    run = make(*tiny, "train.lr=1e9", "keep_weights=true")
    assert store.read_row(run.folder)["status"] == "diverged"
    assert why_not_finished(run) is None
