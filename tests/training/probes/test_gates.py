"""The gates probe against gates computed by other means; what it leaves out; that it changes no training."""

import json
import math

import pytest
import torch
from torch import nn

from harness.cells import equations, split_layers
from harness.cells.random_state import random_state
from harness.experiment.config import compose
from harness.experiment.finished import why_not_finished
from harness.experiment.plan import plan
from harness.experiment.run import execute
from harness.kernels import FusedCell
from harness.results import store
from harness.tasks import make_delayed_recall, make_embedded_reber
from harness.training import SequenceClassifier, TrainOptions, train
from harness.training.evaluate import fixed_subset
from harness.training.probes.gates import SAMPLES, GatesProbe
from tests.outside import LeakyCell
from tests.training.results import without_clocks
from tests.training.resumed import same_bits

SIZES = {"n_train": 25, "n_val": 70, "n_test": 9}
KINDS = {
    "rnn": (nn.RNN, {}),
    "rnn_relu": (nn.RNN, {"nonlinearity": "relu"}),
    "lstm": (nn.LSTM, {}),
    "gru": (nn.GRU, {}),
}


def recall():
    return make_delayed_recall(seq_len=20, num_classes=3, **SIZES)


def reber():
    return make_embedded_reber(seq_len=12, **SIZES)


def model_of(kind, task, *, fused=False, layers=1, dtype=torch.float64, hidden=6, scale=3.0):
    """A model whose weights are large, so that gates are shut and open."""
    torch.manual_seed(3)
    cell_class, options = KINDS[kind]
    cell = cell_class(task.spec.vocab_size, hidden, num_layers=layers, batch_first=True,
                      dropout=0.3 if layers > 1 else 0.0, **options)  # fmt: skip
    with torch.no_grad():
        for parameter in cell.parameters():
            parameter.mul_(scale)
    return SequenceClassifier(task.spec, FusedCell(cell) if fused else cell).to(dtype)


def expected(model, task):
    """(layer, name, t) to the numbers of a row, from whole tensors (B, T, H) of another computation."""
    cell = model.cell.cell if isinstance(model.cell, FusedCell) else model.cell
    part = fixed_subset(task.val, SAMPLES)
    x = model.encode(part.x).detach()
    found = {}
    for index, layer in enumerate(split_layers(cell)):
        whole = equations.unroll_layer(layer, x)
        h, c = layer(x)[0], whole.states[1] if isinstance(layer, nn.LSTM) else None
        for name, value in {**whole.gates, "h": h, "c": c}.items():
            for t in range(x.shape[1] if value is not None else 0):
                now = value[part.lengths > t, t].detach()
                numbers = dict.fromkeys(("mean", "below", "above", "saturated", "norm", "time_scale"))
                if name in "hc":
                    numbers["norm"] = now.square().sum(1).sqrt().mean()
                if name in "gn" or (name == "h" and getattr(layer, "nonlinearity", "") == "tanh"):
                    numbers["saturated"] = (now.abs() > 0.9).double().mean()
                if name == "c":
                    numbers["saturated"] = (now.tanh().abs() > 0.9).double().mean()
                if name in "ifozr":
                    numbers["mean"] = now.mean()
                    numbers["below"], numbers["above"] = ((now < 0.1).double().mean(),
                                                          (now > 0.9).double().mean())  # fmt: skip
                if name in "fz":
                    ordered = (1 / (1 - now.mean(0))).sort().values  # 6 units: the median is between two
                    numbers["time_scale"] = (ordered[2] + ordered[3]) / 2
                found[index, name, t] = numbers
        x = h.detach()
    return found


@pytest.mark.parametrize("make_task", [recall, reber])
@pytest.mark.parametrize(("fused", "layers"), [(False, 1), (True, 2)])
@pytest.mark.parametrize("kind", KINDS)
def test_the_rows_are_what_the_equations_give(kind, fused, layers, make_task):
    task = make_task()
    model = model_of(kind, task, fused=fused, layers=layers)
    rows = GatesProbe().measure(model, task.val, "init", 0)
    right = expected(model, task)
    longest = int(fixed_subset(task.val, SAMPLES).lengths.max())
    assert {row.t for row in rows} >= {0, longest - 1} and len({row.t for row in rows}) <= 16
    names = {"rnn": "h", "rnn_relu": "h", "lstm": "ifgohc", "gru": "rznh"}[kind]
    assert {(row.layer, row.name) for row in rows} == {(k, name) for k in range(layers) for name in names}
    for row in rows:
        for name, value in right[row.layer, row.name, row.t].items():
            got = getattr(row, name)
            assert (got is None) == (value is None), (row, name)
            assert got is None or got == pytest.approx(float(value), rel=1e-10, abs=1e-10), (row, name)
        assert row.time_scale is None or row.time_scale_p90 >= row.time_scale
    assert kind in ("rnn", "rnn_relu") or (any(row.below for row in rows) and any(row.above for row in rows))


def test_the_batch_is_the_same_at_every_moment_and_gradients_stay_untouched():
    task = recall()
    model = model_of("lstm", task).train()
    once, again = (GatesProbe().measure(model, task.val, "end", 5) for _ in range(2))
    assert once == again
    assert model.training and all(parameter.grad is None for parameter in model.parameters())
    assert {(row.moment, row.step) for row in once} == {("end", 5)}


def trained(kind, gates, *, layers=2, cell=None, **options):
    task = recall()
    model = model_of(kind, task, layers=layers, dtype=torch.float32, scale=1.0) if cell is None else (
        SequenceClassifier(task.spec, cell(task.spec.vocab_size))
    )  # fmt: skip
    options = TrainOptions(**({"steps": 9, "batch_size": 10, "eval_every": 3, "gates": gates} | options))
    return train(model, task, options, order=torch.Generator().manual_seed(1)), model


@pytest.mark.parametrize("kind", ["rnn", "lstm", "gru"])
def test_the_probe_changes_no_bit_of_a_training(kind):
    outcomes = []
    for gates in (True, False):
        history, model = trained(kind, gates)
        numbers = without_clocks(history)
        assert bool(numbers["probes"].pop("gates", [])) == gates
        outcomes.append((numbers, model.state_dict(), random_state()))
    assert same_bits(*outcomes)


def test_a_training_is_measured_at_its_start_its_best_step_and_its_end():
    history, model = trained("gru", True, lr=0.05)
    rows = history.probes["gates"]
    assert {(row.moment, row.step) for row in rows} == {
        ("init", 0), ("best", history.best_step), ("end", 9)
    }  # fmt: skip
    at_best = [row for row in rows if row.moment == "best"]
    assert at_best == GatesProbe().measure(
        model, recall().val, "best", history.best_step
    )  # left in the model
    summary = GatesProbe().summary(rows, recall(), history)
    top = sorted(row.time_scale for row in at_best if row.name == "z" and row.layer == 1)
    assert summary["gates_time_scale_best"] == (top[7] + top[8]) / 2  # of 16 time steps
    assert summary["gates_time_scale_p90_init"] > summary["gates_time_scale_init"] > 1


def test_a_diverged_training_is_measured_at_its_start_only():
    history, _ = trained("gru", True, optimizer="sgd", lr=1e9, clip=None)
    assert history.diverged
    assert {row.moment for row in history.probes["gates"]} == {"init"}
    summary = GatesProbe().summary(history.probes["gates"], recall(), history)
    assert summary["gates_time_scale_init"] > 1 and summary["gates_time_scale_end"] is None


@pytest.mark.parametrize("hidden", [1, 2, 10])
def test_gates_that_are_open_for_good_keep_the_state_without_end(hidden):
    model = model_of("lstm", recall(), hidden=hidden, dtype=torch.float32)
    with torch.no_grad():
        model.cell.bias_ih_l0[hidden : 2 * hidden] = 100.0
    rows = GatesProbe().measure(model, recall().val, "init", 0)
    scales = {(row.time_scale, row.time_scale_p90) for row in rows if row.name == "f"}
    assert scales == {(math.inf, math.inf)}


def test_a_plain_rnn_has_no_time_scale():
    history, _ = trained("rnn", True)
    assert set(GatesProbe().summary(history.probes["gates"], recall(), history).values()) == {None}


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        (
            lambda size: LeakyCell(size, 6, batch_first=True),
            "RNN, LSTM and GRU of torch.nn, not for LeakyCell",
        ),
        (lambda size: nn.LSTM(size, 6, batch_first=True, bidirectional=True), "it reads in both directions"),
    ],
)
def test_other_cells_are_trained_and_the_reason_is_recorded(cell, reason):
    history, _ = trained("", True, cell=cell)
    assert history.steps == 9 and history.probes["gates"] == []
    assert reason in history.notes["gates"]


def made(overrides):
    """The plan of a run that has been made."""
    run = plan(compose(overrides))
    execute(run, echo=False)
    return run


def test_an_upgrade_makes_no_finished_run_again_but_asking_for_gates_does(tiny):
    run = made([*tiny, "train.gates=false"])
    row = store.read_row(run.folder)
    assert set(row["tables"]) == {"steps", "gradflow"} and row["gates_time_scale_init"] is None
    default, asked = (plan(compose([*tiny, *more])) for more in ([], ["train.gates=true"]))
    assert default.run_id == asked.run_id == run.run_id
    assert why_not_finished(default) is None
    assert why_not_finished(asked) == "the table of the probe gates is asked for"
    execute(asked, echo=False)
    again = json.loads((run.folder / "row.json").read_text())
    assert again["gates_time_scale_init"] > 1 and again["test_loss"] == row["test_loss"]
    assert why_not_finished(asked) is None
