"""Gradient flow beside the training step: it changes no bit of it, and is true or says why it is missing."""

import random
import re

import numpy as np
import pytest
import torch
from torch import nn

from harness.cells.random_state import random_state
from harness.kernels import FusedCell
from harness.tasks import make_adding
from harness.training import SequenceClassifier, TrainOptions, train
from harness.training.model import loss_of
from harness.training.probes import GradientFlowProbe
from tests.cells import odd_cells
from tests.training.probes.observed import observed_rows
from tests.training.probes.third_party import (
    MEASURED,
    REFUSED,
    BatchFirstState,
    EchoState,
    Layers,
    Loop,
    StepOrScan,
    TwiceTheState,
    Zoneout,
    frozen_gru,
    orthogonal_rnn,
    weight_norm_lstm,
)
from tests.training.results import without_clocks
from tests.training.resumed import same_bits

pytestmark = pytest.mark.filterwarnings("ignore:.*weight_norm:FutureWarning")

ODD = (
    odd_cells.BothDirections,
    odd_cells.NoisyInEvaluation,
    odd_cells.Constant,
    odd_cells.ComplexWeights,
    odd_cells.spectral_norm_rnn,
)
T, H = 8, 4
SIZES = {"seq_len": T, "n_train": 25, "n_val": 4, "n_test": 4}
STOCK = {
    f"{kind.__name__}, {layers} layers": (kind, {"num_layers": layers, "dropout": 0.4 if layers > 1 else 0.0})
    for kind in (nn.RNN, nn.LSTM, nn.GRU)
    for layers in (1, 3)
}
CELLS = {
    **STOCK,
    **{name: (cell, {}) for name, cell in MEASURED.items()},
    **{cell.__name__: (cell, {}) for cell in REFUSED},
    **{cell.__name__: (cell, {}) for cell in ODD},
}


def seed_all():
    torch.manual_seed(1)
    np.random.seed(1)
    random.seed(1)


def trained(cell, options, *, probes=True, fused=False, **more):
    """A training of 6 steps, of which 1, 2, 4 and 6 are probed: history, model and random state."""
    seed_all()
    task = make_adding(**SIZES)
    made = cell(2, H, batch_first=True, **options)
    model = SequenceClassifier(task.spec, FusedCell(made) if fused else made)
    train_options = TrainOptions(steps=6, batch_size=10, eval_every=2, probes=probes, gates=False, **more)
    history = train(model, task, train_options, order=torch.Generator().manual_seed(1))
    return history, model, random_state()


@pytest.mark.parametrize("name", CELLS)
def test_probes_change_no_bit_of_weights_buffers_and_generators(name):
    outcomes = []
    for probes in (True, False):
        history, model, generators = trained(*CELLS[name], probes=probes, gradflow_points=3)
        numbers = without_clocks(history)
        for of_probes in ("probes", "notes", "left_out"):
            del numbers[of_probes]
        kept = {key: vars(model.cell).get(key) for key in ("calls",)}
        outcomes.append((numbers, model.state_dict(), generators, kept))
    assert same_bits(*outcomes)


@pytest.mark.parametrize("name", [*STOCK, *MEASURED])
def test_every_probed_step_of_these_cells_is_measured(name):
    history = trained(*CELLS[name], gradflow_points=3)[0]
    assert history.note_of("gradflow") is None
    rows = history.probes["gradflow"]
    assert {row.step for row in rows} == {1, 2, 4, 6}
    assert {row.t for row in rows} == {0, 4, 7}
    assert min(row.norm for row in rows) > 0


@pytest.mark.parametrize("cell", REFUSED)
def test_a_cell_that_is_another_in_chunks_has_no_rows_and_a_reason(cell):
    history = trained(cell, {}, gradflow_points=3)[0]
    assert history.probes["gradflow"] == []
    note = history.note_of("gradflow")
    assert REFUSED[cell] in note
    summary = GradientFlowProbe().summary([], make_adding(**SIZES), history)
    assert {summary[name] for name in summary if name != "gradflow_underflow"} == {None}
    if history.left_out:
        assert note.startswith("not measured at step 1: ")
        assert note.endswith("; so at 3 more steps, up to step 6")


def test_the_numbers_of_the_reason_are_those_of_both_passes():
    history = trained(StepOrScan, {}, gradflow_points=3)[0]
    numbers = re.fullmatch(
        r"run in chunks the loss is (\S+), not (\S+) as in the step", history.left_out["gradflow"][1]
    )
    in_chunks, in_step = map(float, numbers.groups())
    seed_all()
    task = make_adding(**SIZES)
    model = SequenceClassifier(task.spec, StepOrScan(2, H))
    x, y, lengths = next(task.train.batches(10, torch.Generator().manual_seed(1)))
    assert in_step == pytest.approx(loss_of(model(x, lengths), y).item(), rel=1e-5)
    assert in_chunks != pytest.approx(in_step, rel=1e-3)


def batch():
    seed_all()
    x = torch.randn(5, T, 2)
    return x, torch.randn(5), torch.full((5,), T)


@pytest.mark.parametrize("cell", [Loop, BatchFirstState, TwiceTheState, Zoneout])
@pytest.mark.parametrize("points", [3, None])
def test_the_flow_equals_what_hooks_on_the_inner_step_give(cell, points):
    x, y, lengths = batch()
    model = SequenceClassifier(make_adding(**SIZES).spec, cell(2, H)).train()
    states = []

    def hook(h_BH):
        h_BH.retain_grad()
        states.append(h_BH)

    model.cell.hook = hook
    seed_all()
    loss_of(model(x, lengths), y).backward()
    expected = [float(h.grad.norm(dim=1).sum()) for h in states]
    assert len(expected) == T
    model.cell.hook = None
    seed_all()
    rows = observed_rows(GradientFlowProbe(points), model, (x, y, lengths))
    assert len(rows) == (points or T)
    for row in rows:
        assert row.norm == pytest.approx(expected[row.t], rel=1e-4)


@pytest.mark.parametrize(
    "make", [weight_norm_lstm, orthogonal_rnn, odd_cells.spectral_norm_rnn, EchoState, frozen_gru]
)
def test_the_flow_of_another_parametrization_is_that_of_a_stock_cell_with_the_same_weights(make):
    seed_all()
    spec, cell = make_adding(**SIZES).spec, make(2, H, batch_first=True)
    kind = next(kind for kind in (nn.RNN, nn.LSTM, nn.GRU) if isinstance(cell, kind))
    twin = kind(2, H, batch_first=True)
    for name, parameter in twin.named_parameters():
        parameter.data.copy_(getattr(cell, name).detach())
    model, other = SequenceClassifier(spec, cell), SequenceClassifier(spec, twin)
    other.head.load_state_dict(model.head.state_dict())
    rows, expected = (observed_rows(GradientFlowProbe(None), of, batch()) for of in (model, other))
    norms = {row.t: row.norm for row in expected if row.state == "h"}
    assert len(rows) == len(norms) == T
    for row in rows:
        assert row.norm == pytest.approx(norms[row.t], rel=1e-4)


def test_layers_are_numbered_where_num_layers_is_no_number():
    history = trained(Layers, {})[0]
    assert {row.layer for row in history.probes["gradflow"]} == {1}


@pytest.mark.parametrize("fused", [True, False])
def test_a_frozen_cell_has_the_flow_of_a_trained_one(fused):
    rows = []
    for make in (frozen_gru, nn.GRU):
        for on in (True, False):
            history, model, _ = trained(make, {}, fused=fused, probes=on, gradflow_points=None)
            if on:
                rows.append([row for row in history.probes["gradflow"] if row.step == 1])
                weights = model.state_dict()
        assert same_bits(dict(model.state_dict()), dict(weights))
    frozen, whole = rows
    assert len(frozen) == len(whole) == T
    for mine, other in zip(frozen, whole, strict=True):
        assert mine.norm == pytest.approx(other.norm, rel=1e-5) and mine.norm > 0


def test_a_step_that_diverged_is_left_out_and_the_end_is_empty(caplog):
    history = trained(nn.RNN, {"nonlinearity": "relu"}, lr=1e25, optimizer="sgd", clip=None)[0]
    steps = {row.step for row in history.probes["gradflow"]}
    assert 1 in steps and history.left_out["gradflow"].keys() == {2} and 2 not in steps
    summary = GradientFlowProbe().summary(history.probes["gradflow"], make_adding(**SIZES), history)
    assert summary["gradflow_decades_init"] is not None
    assert summary["gradflow_decades_end"] is None
    assert "the probe gradflow does not measure step 2: " in caplog.text
