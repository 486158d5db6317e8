"""Every layer of torchrecurrent: the contract, gradient flow against hooks, training with probes."""

import numpy as np
import pytest
import torch

from harness.cells import examine, make_cell
from harness.cells.random_state import random_state
from harness.training import SequenceClassifier, TrainOptions, train
from harness.training.model import loss_of
from tests.cells.tried import BATCH, FEATURES, TASK, T, flow_of
from tests.training.resumed import same_bits

torchrecurrent = pytest.importorskip("torchrecurrent")
base = pytest.importorskip("torchrecurrent.base")

H = 4


def classes_of(kind):
    found = (getattr(torchrecurrent, name) for name in dir(torchrecurrent))
    return sorted((one for one in found if isinstance(one, type) and issubclass(one, kind)), key=repr)


LAYERS, STEPS = classes_of(base.RecurrentLayerBase), classes_of(base.RecurrentCellBase)
NOT_MEASURED = {
    "IntersectionRNN": "its output is not its hidden state",
    "MCLSTM": "its output is not its hidden state",
    "TLSTM": "its output is not its hidden state",
    "tauGRU": "run in chunks the loss is",  # reads a state of several steps before, which it does not hand on
}


def made(layer):
    torch.manual_seed(0)
    return make_cell(layer, FEATURES, FEATURES if layer.__name__ == "IntersectionRNN" else H)


def test_there_are_as_many_as_were_tried():
    assert len(LAYERS) >= 41 and len(STEPS) >= 41


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.__name__)
def test_it_passes_and_its_gradient_flow_is_that_of_hooks_on_its_inner_step(layer):
    cell = made(layer)
    found = examine(cell, FEATURES)
    assert found.causal and found.notes == ()
    assert (found.why_no_state is None) == (layer.__name__ != "tauGRU")
    model, states = SequenceClassifier(TASK.spec, cell).train(), []

    def keep(step, inputs, result):
        h_BH = result[0] if isinstance(result, tuple) else result
        h_BH.retain_grad()
        states.append(h_BH)

    handle = cell.cells[-1].register_forward_hook(keep)
    x, y, lengths = BATCH
    loss_of(model(x, lengths), y).backward()
    handle.remove()
    rows = flow_of(model)
    if isinstance(rows, str):
        assert NOT_MEASURED[layer.__name__] in rows
        return
    assert layer.__name__ not in NOT_MEASURED and len(rows) == len(states) == T
    for row in rows:
        assert row.norm == pytest.approx(float(states[row.t].grad.norm(dim=1).sum()), rel=1e-4)


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.__name__)
def test_probes_change_no_bit(layer):
    outcomes = []
    for probes in (True, False):
        model = SequenceClassifier(TASK.spec, made(layer))
        np.random.seed(0)
        options = TrainOptions(steps=2, batch_size=5, eval_every=2, probes=probes, gradflow_points=3)
        history = train(model, TASK, options, order=torch.Generator().manual_seed(1))
        outcomes.append((history.norms, history.test_loss, dict(model.state_dict()), random_state()))
    assert same_bits(*outcomes)


def test_a_class_of_one_step_is_refused_and_the_adapter_named():
    for step in STEPS:
        with pytest.raises(TypeError, match="cannot be made as .* or write an adapter: docs/extending.md"):
            make_cell(step, FEATURES, H)
