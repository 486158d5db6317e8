"""Kept weights, and the model made of them again."""

import pytest
import torch
from torch import nn

import harness
from harness.experiment.config import compose
from harness.experiment.plan import plan
from harness.experiment.run import execute
from harness.results import store
from harness.training import SequenceClassifier, evaluate


@pytest.mark.parametrize(
    ("options", "cell"),
    [
        (["cell=gru", "cell.num_layers=2"], nn.GRU),
        (["cell=lstm", "kernel=torch"], nn.LSTM),
        (["cell=rnn_relu", "model.embedding_size=3"], nn.RNN),
        (["cell=custom", "cell._target_=tests.outside.LeakyCell"], nn.Module),
    ],
)
def test_the_model_of_a_run_answers_as_the_run_measured(tiny, options, cell):
    run = plan(compose([*tiny, *options, "keep_weights=true", "train.steps=30", "train.lr=0.03"]))
    execute(run)
    row = store.read_row(run.folder)
    model = harness.load_model(run.folder)
    assert isinstance(model, SequenceClassifier) and isinstance(model.cell, cell)
    assert not model.training
    tested = evaluate(model, run.task.test, tolerance=None, device=torch.device("cpu"))
    assert (tested.loss, tested.accuracy) == pytest.approx((row["test_loss"], row["test_accuracy"]), rel=1e-5)
    assert harness.load_model(str(run.folder)).state_dict().keys() == model.state_dict().keys()


def test_the_weights_are_those_of_the_best_step_not_of_the_last(tiny):
    run = plan(compose([*tiny, "keep_weights=true", "train.steps=12", "train.lr=0.5"]))
    execute(run)
    row = store.read_row(run.folder)
    assert row["best_step"] < row["steps"]  # else this test shows nothing
    model = harness.load_model(run.folder)
    tested = evaluate(model, run.task.val, tolerance=None, device=torch.device("cpu"))
    assert (tested.loss, tested.accuracy) == pytest.approx((row["val_loss"], row["val_accuracy"]), rel=1e-5)


def test_a_run_without_weights_says_how_to_get_them(tiny):
    run = plan(compose(tiny))
    execute(run)
    assert not (run.folder / "weights.pt").exists()
    with pytest.raises(FileNotFoundError, match="keep_weights=true"):
        harness.load_model(run.folder)
