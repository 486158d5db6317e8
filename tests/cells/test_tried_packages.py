"""The adapter that the docs show, its very text, and the table of packages that were tried."""

import re
import types
from importlib.metadata import version
from pathlib import Path

import pytest
import torch

from harness.cells import examine, make_cell
from harness.cells.random_state import random_state
from harness.tasks import make_adding
from harness.training import SequenceClassifier, TrainOptions, train
from harness.training.inside import look_inside
from harness.training.model import loss_of
from tests.cells.test_torchrecurrent import LAYERS, NOT_MEASURED
from tests.cells.tried import BATCH, FEATURES, TASK, T, flow_of, outcome
from tests.training.resumed import same_bits

mingru = pytest.importorskip("minGRU_pytorch.minGRU")
minlstm = pytest.importorskip("minGRU_pytorch.minLSTM")
s5 = pytest.importorskip("s5")

DOCS = Path(__file__).parents[2] / "docs"
H = 4


def shown():
    """The module `adapters.py` of docs/extending.md."""
    text = (DOCS / "extending.md").read_text(encoding="utf-8")
    [code] = re.findall(r"`adapters.py`[^\n]*:\n\n```python\n(.*?)```", text, flags=re.DOTALL)
    module = types.ModuleType("adapters")
    exec(compile(code, "adapters.py", "exec"), vars(module))
    return module, code


ADAPTERS, CODE = shown()


class MinLSTM(ADAPTERS.MinGRU):
    """The same around the package's minLSTM."""

    def __init__(self, input_size, hidden_size, batch_first=True):
        super().__init__(input_size, hidden_size)
        self.core = minlstm.minLSTM(hidden_size)


class BothWays(ADAPTERS.S5Cell):
    """S5 in both directions, which returns no state."""

    def __init__(self, input_size, hidden_size, batch_first=True):
        super().__init__(input_size, hidden_size)
        self.core = s5.S5(hidden_size, bidir=True)

    def forward(self, x_BTD, state=None):
        return self.core(self.widen(x_BTD)), None


TRIED = {
    ("minGRU-pytorch", "minGRU"): ADAPTERS.MinGRU,
    ("minGRU-pytorch", "minLSTM"): MinLSTM,
    ("s5-pytorch", "S5"): ADAPTERS.S5Cell,
    ("s5-pytorch", "S5 with bidir=True"): BothWays,
}


def made(target):
    torch.manual_seed(0)
    return make_cell(target, FEATURES, H)


def table():
    """Package, its version, cells, how, gradient flow: the rows of docs/cells.md."""
    text = (DOCS / "cells.md").read_text(encoding="utf-8").split("### Packages that were tried")[1]
    pattern = r"^\| (\S+) (\d\S+) \| (.*?) \| (.*?) \| ?(.*?) ?\|$"
    rows = re.findall(pattern, text.split("\n#")[0], flags=re.MULTILINE)
    return [
        (package, number, cells.replace("`", ""), how, flow) for package, number, cells, how, flow in rows
    ]


def test_an_adapter_has_about_ten_lines():
    for adapter in CODE.split("class ")[1:]:
        assert len([line for line in adapter.splitlines() if line.strip()]) <= 10


@pytest.mark.parametrize(("package", "cell"), TRIED)
def test_the_table_says_what_comes_of_a_cell_with_an_adapter(package, cell):
    [(how, flow)] = [row[3:] for row in table() if (row[0], row[2]) == (package, cell)]
    target = TRIED[package, cell]
    found = outcome(made(target))
    assert "adapter" in how and ("not causal" in how) == (not examine(made(target), FEATURES).causal)
    if "gradflow_points" in flow:
        few = flow_of(SequenceClassifier(TASK.spec, made(target)).train(), points=3)
        assert found == "measured" and few.startswith("run in chunks the")
    elif flow.startswith("measured"):
        assert found == "measured"
    else:
        assert found == flow


@pytest.mark.skipif(version("torchrecurrent") != "0.2.5", reason="the table is of another version")
def test_the_table_says_what_comes_of_torchrecurrent():
    rows = [row for row in table() if row[0] == "torchrecurrent"]
    assert {row[1] for row in rows} == {"0.2.5"}
    named = {name.strip(): row[4] for row in rows for name in row[2].split(",") if row[4].startswith("not ")}
    assert named.keys() == NOT_MEASURED.keys()
    assert all(why in named[name] for name, why in NOT_MEASURED.items() if name != "tauGRU")
    [others] = [row[2] for row in rows if row[4] == "measured"]
    assert others == f"the other {len(LAYERS) - len(NOT_MEASURED)} layers"


def test_the_gradient_flow_of_mingru_is_that_of_its_own_steps():
    cell = made(ADAPTERS.MinGRU)
    model = SequenceClassifier(TASK.spec, cell).train()
    x, y, lengths = BATCH
    state, states = None, []
    for x_B1D in x.split(1, dim=1):
        output, _ = cell(x_B1D, state)
        state = output.view_as(output)  # the step is its own hidden state
        state.retain_grad()
        states.append(state)
    loss_of(model.answer(torch.cat(states, dim=1), lengths), y).backward()
    rows = flow_of(model)
    assert len(rows) == T
    for row in rows:
        assert row.norm == pytest.approx(float(states[row.t].grad.norm(dim=2).sum()), rel=1e-4)


def test_the_rounding_of_a_scan_in_log_space_is_told_from_another_cell():
    """In float32 the gradient at the first of 20 steps differs by more than 1e-3 from that of one call."""
    task = make_adding(seq_len=20, n_train=20, n_val=4, n_test=4)
    rows = []
    for dtype in (torch.float32, torch.float64):
        torch.manual_seed(1)
        model = SequenceClassifier(task.spec, make_cell(ADAPTERS.MinGRU, FEATURES, 8)).train().to(dtype)
        batch = (task.train.x.to(dtype), task.train.y.to(dtype), task.train.lengths)
        rows.append(flow_of(model, batch=batch))
    assert len(rows[0]) == len(rows[1]) == 20
    for row, exact in zip(*rows, strict=True):
        assert row.norm == pytest.approx(exact.norm, rel=1e-3)
    inside = look_inside(model.float(), task.train.x[0], task.train.y[0], 20)
    assert inside.layers[0].gradients
    task = make_adding(seq_len=100, n_train=20, n_val=4, n_test=4)  # where float64 rounds too much, too
    batch = (task.train.x, task.train.y, task.train.lengths)
    assert "the gradient of the input at t = " in flow_of(model, batch=batch)


@pytest.mark.parametrize("target", TRIED.values())
def test_probes_change_no_bit(target):
    outcomes = []
    for probes in (True, False):
        model = SequenceClassifier(TASK.spec, made(target))
        options = TrainOptions(steps=2, batch_size=5, eval_every=2, probes=probes, gradflow_points=3)
        history = train(model, TASK, options, order=torch.Generator().manual_seed(1))
        outcomes.append((history.norms, history.test_loss, dict(model.state_dict()), random_state()))
    assert same_bits(*outcomes)
