"""`model.readout` and bidirectional cells in runs: identity, columns, refusals, grids, weights, timing."""

import json
import math
from pathlib import Path

import pytest
import torch

import harness
from harness.cli.main import main
from harness.experiment.combinations import expand
from harness.experiment.config import compose
from harness.experiment.errors import ConfigError, MeaninglessPairError
from harness.experiment.one_length import require_one_length
from harness.experiment.plan import plan
from harness.experiment.run import execute
from harness.experiment.schema import TimingOptions
from harness.experiment.weights import WEIGHTS_NAME
from harness.results import store
from harness.timing.workload import make_step
from harness.training import evaluate
from tests.results.rows import rewrite

UNKNOWN = ["cell=custom", "cell._target_=tests.cells.test_bidirectional.Unknown"]
LISTOPS = ["task=listops", "task.seq_len=40", "task.n_train=30", "task.n_val=10", "task.n_test=10"]


def planned(*overrides):
    return plan(compose(list(overrides)))


def test_the_last_state_is_neutral_and_every_other_readout_is_another_run():
    base = planned("task=adding")
    assert base.readout == "last" and base.identity.config["model"] == {"embedding_size": None}
    assert planned("task=adding", "model.readout=last").run_id == base.run_id
    ids = {planned("task=adding", f"model.readout={name}").run_id for name in ("mean", "max", "all")}
    assert len(ids | {base.run_id}) == 4


def test_bidirectional_cells_are_read_otherwise_than_by_0_2_and_say_so():
    run = planned("task=adding", "cell=bilstm")
    assert (run.cell_name, run.identity.revisions) == ("bilstm", "cell 1, training 1")
    assert planned("task=adding", "cell=lstm").identity.revisions == "training 1"
    assert (
        planned("task=adding", "cell=gru", "+cell.bidirectional=true").identity.revisions
        == "cell 1, training 1"
    )


@pytest.mark.parametrize("readout", ["last", "mean", "max", "all"])
@pytest.mark.parametrize("cell", ["gru", "bilstm"])
def test_a_run_trains_records_and_keeps_its_readout(tiny, cell, readout):
    run = planned(*tiny, f"cell={cell}", f"model.readout={readout}", "keep_weights=true")
    execute(run)
    row = store.read_row(run.folder)
    assert (row["status"], row["readout"], row["match_params"]) == ("ok", readout, None)
    width = (8 if cell == "bilstm" else 4) * (5 if readout == "all" else 1)
    model = harness.load_model(run.folder)
    assert (model.readout, model.head.in_features) == (readout, width)
    tested = evaluate(model, run.task.test, tolerance=None, device=torch.device("cpu"))
    assert (tested.loss, tested.accuracy) == pytest.approx((row["test_loss"], row["test_accuracy"]), rel=1e-5)
    noted = "reads in both directions" in (row["gradflow_note"] or "")
    assert noted == (cell == "bilstm") and (row["kernel"] == "torch" or cell == "gru")


def test_weights_of_0_2_are_those_of_the_last_state_and_not_of_a_bidirectional_cell(tiny):
    for cell, refused in (("gru", False), ("bilstm", True)):
        folder = harness.run(*tiny, f"cell={cell}", "keep_weights=true")["folder"]
        kept = torch.load(f"{folder}/{WEIGHTS_NAME}", weights_only=True)
        del kept["readout"]  # as 0.2 wrote it
        torch.save(kept, f"{folder}/{WEIGHTS_NAME}")
        row = json.loads(Path(folder, "row.json").read_text())
        del row["files"]
        rewrite(Path(folder, "row.json"), row)
        if refused:
            with pytest.raises(ConfigError, match="bidirectional cell otherwise; make the run again"):
                harness.load_model(folder)
        else:
            assert harness.load_model(folder).readout == "last"


@pytest.mark.parametrize(
    ("overrides", "part"),
    [
        (["model.readout=means"], "model.readout must be one of last, mean, max, all, not 'means'"),
        (["task=copy_memory", "model.readout=mean"], "has labels at its steps; use model.readout=last"),
        (["model.readout=all", "task.eval_lengths=[2x]"], "set task.eval_lengths=[]"),
        ([*LISTOPS, "model.readout=all"], "use model.readout=last, mean or max"),
        ([*LISTOPS, *UNKNOWN], "Unknown reads in both directions and is not a cell of torch.nn"),
        ([*UNKNOWN, "+cell.features=6"], "must have 2 × hidden_size = 256 features"),
        (["cell=bilstm", "kernel=fused"], "kernel=fused is not possible"),
    ],
)
def test_what_cannot_be_read_is_wrong_input(overrides, part, capsys):
    assert main(["task=adding", *overrides]) == 2
    error = capsys.readouterr().err
    assert part in error and error.count("\n") == 1


def test_a_grid_leaves_out_what_means_nothing_and_counts_it(tiny, caplog):
    tasks = ["task=adding,copy_memory,listops", "model.readout=last,mean,all", "cell=gru"]
    _, jobs = expand([line for line in tiny if not line.startswith("task")] + tasks)
    pairs = [(job.plan.task.spec.name, job.plan.readout) for job in jobs]
    assert pairs == [("adding", "last"), ("adding", "mean"), ("adding", "all"), ("copy_memory", "last"),
                     ("listops", "last"), ("listops", "mean")]  # fmt: skip
    [line] = [record.getMessage() for record in caplog.records if "left out" in record.getMessage()]
    assert line.startswith("3 combinations are left out: model.readout=mean makes one answer")


def test_samples_that_only_the_run_sees_are_checked_before_training(tiny):
    task = planned(*LISTOPS, "cell=gru").task
    require_one_length(None, task)
    with pytest.raises(MeaninglessPairError, match="the training samples of listops .* padded to 40"):
        require_one_length("why", task)
    require_one_length("why", planned(*tiny).task)


def test_a_third_party_cell_that_reads_in_both_directions_runs_where_lengths_are_equal(tiny):
    row = harness.run(*tiny, *UNKNOWN)
    assert (row["status"], row["kernel"], row["hidden_size"]) == ("ok", "torch", 4)
    assert math.isnan(row["gradflow_slope"]) and "both directions" in row["gradflow_note"]


def test_the_timing_pass_builds_the_readout_of_the_plan(tiny):
    step, _ = make_step(planned(*tiny, "model.readout=all"), TimingOptions())
    assert (step.model.readout, step.model.head.in_features) == ("all", 5 * 4)
    step()


@pytest.mark.usefixtures("without_figures")
def test_the_report_tells_readouts_apart(tiny, tmp_path):
    assert main(["-m", *tiny, "cell=gru", "model.readout=last,max", "seed=1,2", "hydra/launcher=basic"]) == 0
    text = (tmp_path / "results" / "summary.md").read_text()
    assert "| readout |" in text and "| max |" in text and "| last |" in text
