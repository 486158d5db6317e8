"""A second probe costs one file and one line; probes do not change the training."""

import json
from dataclasses import dataclass
from typing import ClassVar

import pandas as pd
import pytest
import torch
from torch import nn

import harness
from harness.cells.random_state import random_state
from harness.experiment.config import compose
from harness.experiment.plan import plan
from harness.experiment.run import execute
from harness.kernels import FusedCell
from harness.results.schema import column, columns_of
from harness.tasks import make_adding, make_copy_memory, make_delayed_recall
from harness.training import SequenceClassifier, TrainOptions, asked_probes, probes, train
from harness.training.probes import PROBES, GradientFlowProbe, MomentProbe, Observation, StepProbe
from tests.training.results import without_clocks
from tests.training.resumed import same_bits

# --- a probe as its author would write it: this part is the one file ------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class GradRow:
    """The gradient of one parameter in one training step."""

    step: int = column("training step, from 1")
    parameter: str = column("name of the parameter, with its module")
    grad_norm: float = column("‖∂L/∂W‖ before clipping; 0 without a gradient")


@dataclass(frozen=True)
class ParameterGradientProbe:
    """Measures the gradient norm of each parameter at every evaluation."""

    name: ClassVar[str] = "paramgrad"
    row_type: ClassVar[type] = GradRow

    @property
    def settings(self):
        return {}

    @classmethod
    def from_options(cls, options):
        return cls()

    def why_not(self, model):
        return "no recurrent weights" if not any(True for _ in model.cell.parameters()) else None

    def steps(self, total, eval_every):
        return range(eval_every, total + 1, eval_every)

    def observe(self, model, batch):
        def rows(step, answer):
            return [
                GradRow(step=step, parameter=name, grad_norm=0.0 if p.grad is None else float(p.grad.norm()))
                for name, p in model.named_parameters()
            ]

        return Observation(None, rows)

    def summary(self, rows, task, history):
        return {}

    def covers(self, recorded):
        return True


# --------------------------------------------------------------------------------------------------------


class AnotherForward(ParameterGradientProbe):
    """Runs the forward pass of the step, as the gradient flow does."""

    name: ClassVar[str] = "another"

    def observe(self, model, batch):
        x, _, lengths = batch
        return Observation(model(x, lengths), lambda step, answer: [])


@pytest.fixture
def second_probe(monkeypatch):
    monkeypatch.setattr(probes, "PROBES", (*PROBES, ParameterGradientProbe))  # the one line


def made_run(overrides):
    """The plan, the row, and the columns of each table in the folder of a run."""
    planned = plan(compose(overrides))
    execute(planned)
    row = json.loads((planned.folder / "row.json").read_text())
    return planned, row


@pytest.mark.parametrize("kernel", ["fused", "torch"])
def test_the_table_of_a_second_probe_is_written_described_and_read(tiny, tmp_path, second_probe, kernel):
    overrides = [*tiny, "cell=gru", f"kernel={kernel}"]
    planned, row = made_run(overrides)
    assert row["status"] == "ok", row["error"]
    # Written, beside the other tables, with the declared columns.
    assert {path.name for path in planned.folder.glob("*.csv")} == {
        "steps.csv",
        "gradflow.csv",
        "gates.csv",
        "paramgrad.csv",
    }
    table = pd.read_csv(planned.folder / "paramgrad.csv")
    assert list(table) == ["step", "parameter", "grad_norm"]
    # Described.
    assert set(row["tables"]) == {"steps", "gradflow", "gates", "paramgrad"}
    assert row["tables"]["paramgrad"] == {
        "columns": {
            "step": "training step, from 1",
            "parameter": "name of the parameter, with its module",
            "grad_norm": "‖∂L/∂W‖ before clipping; 0 without a gradient",
        },
        "settings": {},
        "note": None,
    }
    # Read.
    read = harness.load_table(tmp_path / "results", "paramgrad")
    assert list(read) == ["run_id", "task", "cell", "seed", "step", "parameter", "grad_norm"]
    assert set(read["run_id"]) == {planned.run_id}
    assert read.drop(columns=["run_id", "task", "cell", "seed"]).equals(table)
    assert len(table) == 2 * 6  # steps 3 and 6; four weights of the cell, two of the head
    assert (table["grad_norm"] > 0).all()
    assert not harness.load_gradflow(tmp_path / "results").empty


def test_rows_hold_gradients_before_clipping(monkeypatch):
    monkeypatch.setattr(probes, "PROBES", (ParameterGradientProbe,))
    task = make_delayed_recall(seq_len=6, num_classes=3, n_train=25, n_val=8, n_test=9)
    history, _ = trained(task, TrainOptions(steps=6, batch_size=10, eval_every=2, clip=1e-3))
    rows = history.probes["paramgrad"]
    assert {row.step for row in rows} == {2, 4, 6}
    for step in (2, 4, 6):
        squares = sum(row.grad_norm**2 for row in rows if row.step == step)
        assert squares**0.5 == pytest.approx(history.norms[step - 1], rel=1e-5)
        assert squares**0.5 > 1e-3


def test_a_finished_run_that_lacks_the_table_of_a_new_probe_is_made_again(tiny, monkeypatch):
    planned, before = made_run([*tiny, "cell=gru"])
    assert set(before["tables"]) == {"steps", "gradflow", "gates"}
    monkeypatch.setattr(probes, "PROBES", (*PROBES, ParameterGradientProbe))
    again, row = made_run([*tiny, "cell=gru"])
    assert again.run_id == planned.run_id  # a probe is not part of the identity
    assert set(row["tables"]) == {"steps", "gradflow", "gates", "paramgrad"}
    assert (planned.folder / "attempt-1" / "row.json").is_file()
    assert row["test_loss"] == before["test_loss"]
    made_run([*tiny, "cell=gru"])
    assert not (planned.folder / "attempt-2").exists()


def test_the_row_says_why_a_probe_did_not_measure(tiny, tmp_path, second_probe, monkeypatch, caplog):
    monkeypatch.setattr(ParameterGradientProbe, "why_not", lambda self, model: "its weights are hidden")
    planned, row = made_run([*tiny, "cell=gru"])
    assert row["status"] == "ok"
    assert row["tables"]["paramgrad"]["note"] == "its weights are hidden"
    assert harness.load_table(tmp_path / "results", "paramgrad").empty
    assert "the probe paramgrad does not measure this run: its weights are hidden" in caplog.text
    assert row["tables"]["gradflow"]["note"] is None
    assert not pd.read_csv(planned.folder / "gradflow.csv").empty


def test_two_probes_that_run_the_forward_pass_are_refused(tiny, monkeypatch):
    monkeypatch.setattr(probes, "PROBES", (ParameterGradientProbe, AnotherForward, *PROBES))
    task = make_adding(seq_len=5, n_train=20, n_val=5, n_test=5)
    message = r"^another and gradflow run the forward pass of step 2 themselves; at most one probe can"
    with pytest.raises(RuntimeError, match=message):
        trained(task, TrainOptions(steps=4, batch_size=10, eval_every=2))
    _, row = made_run([*tiny, "cell=gru"])
    assert row["status"] == "failed"
    assert "another and gradflow run the forward pass of step 3" in row["error"]


@pytest.mark.parametrize(
    ("overrides", "tables"),
    [
        ([], {"gradflow", "gates", "paramgrad"}),
        (["train.gradflow=false"], {"gates", "paramgrad"}),
        (["train.gates=false"], {"gradflow", "paramgrad"}),
        (["train.probes=false"], set()),
        (["train.probes=false", "train.gradflow=true"], set()),
    ],
)
def test_probes_are_switched_off_one_by_one_or_all_together(tiny, second_probe, overrides, tables):
    planned, row = made_run([*tiny, "cell=gru", *overrides])
    assert row["status"] == "ok"
    assert set(row["tables"]) == {"steps"} | tables
    assert {path.stem for path in planned.folder.glob("*.csv")} == {"steps"} | tables
    assert {probe.name for probe in planned.probes} == tables


def test_switching_probes_makes_no_other_run(tiny):
    switches = ([], *(["train." + switch] for switch in (
        "probes=false", "gradflow=false", "gradflow_points=3", "gates=false", "gates=true", "jacobian=true"
    )))  # fmt: skip
    assert len({plan(compose([*tiny, *overrides])).run_id for overrides in switches}) == 1


def trained(task, options, kind=nn.GRU, fused=True, layers=2):
    """A training from one seed: its history and its model."""
    torch.manual_seed(3)
    size = task.spec.input_size or task.spec.vocab_size
    cell = kind(size, 6, num_layers=layers, dropout=0.3 if layers > 1 else 0.0, batch_first=True)
    model = SequenceClassifier(task.spec, FusedCell(cell) if fused else cell)
    return train(model, task, options, order=torch.Generator().manual_seed(1)), model


SIZES = {"n_train": 25, "n_val": 8, "n_test": 9}
TASKS = {
    "class": lambda: make_delayed_recall(seq_len=6, num_classes=3, **SIZES),
    "value": lambda: make_adding(seq_len=6, **SIZES),
    "steps": lambda: make_copy_memory(seq_len=21, **SIZES),
}


@pytest.mark.parametrize("target", TASKS)
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize(
    ("kind", "options"),
    [(nn.RNN, {}), (nn.LSTM, {}), (nn.GRU, {"gradflow_points": None}), (nn.GRU, {"optimizer": "sgd"})],
)
def test_probes_change_no_bit_of_a_training_with_the_fused_kernel(
    second_probe, kind, options, target, layers
):
    outcomes = []
    for on in (True, False):
        task = TASKS[target]()
        train_options = TrainOptions(steps=9, batch_size=10, eval_every=2, probes=on, **options)
        history, model = trained(task, train_options, kind, layers=layers)
        numbers = without_clocks(history)
        measured = numbers.pop("probes")
        assert {name for name, rows in measured.items() if rows} == (
            {"gradflow", "gates", "paramgrad"} if on else set()
        )
        outcomes.append((numbers, model.state_dict(), random_state()))
    assert same_bits(*outcomes)


def test_every_probe_declares_a_table():
    assert {probe.name for probe in PROBES} >= {"gradflow", "gates"}
    assert len({probe.name for probe in PROBES}) == len(PROBES)
    for probe in PROBES:
        columns = columns_of(probe.row_type)
        assert "step" in columns and all(columns.values())
        made = probe.from_options(TrainOptions(jacobian=True))
        assert json.loads(json.dumps(made.settings)) is not None
        assert isinstance(made, StepProbe) != isinstance(made, MomentProbe)
    assert [type(probe) for probe in asked_probes(TrainOptions(jacobian=True))] == list(PROBES)
    assert asked_probes(TrainOptions(gradflow_points=5, gates=False)) == (GradientFlowProbe(5),)
    assert asked_probes(TrainOptions(probes=False)) == ()
