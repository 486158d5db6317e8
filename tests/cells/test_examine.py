"""What `examine` finds of cells of every kind, hand-told; that it leaves no trace; how long it takes."""

import copy
import functools
import os
import random
import time

import numpy as np
import pytest
import torch
from torch import nn

from harness.cells import examine, make_cell, output_size
from harness.cells.random_state import random_state
from harness.cells.trials import Trials
from tests.cells import odd_cells
from tests.outside import LeakyCell, NoState
from tests.training.probes import third_party
from tests.training.probes.third_party import MEASURED
from tests.training.resumed import Noisy, same_bits

pytestmark = pytest.mark.filterwarnings("ignore:.*weight_norm:FutureWarning")

D, H = 3, 8
FINE = {
    **MEASURED,
    "lstm": nn.LSTM,
    "three layers": functools.partial(nn.GRU, num_layers=3, dropout=0.4),
    "no bias": functools.partial(nn.GRU, bias=False),
    "projection": functools.partial(nn.LSTM, proj_size=2),
    "spectral norm": odd_cells.spectral_norm_rnn,
    "complex weights": odd_cells.ComplexWeights,
    "token ids": odd_cells.OwnEmbedding,
    "hook on the output": third_party.HookedGRU,
    "cannot be copied": third_party.Uncopied,
}
NO_STATE = {
    third_party.StepOrScan: "in evaluation mode, its output in chunks",
    third_party.NotInTheState: "in evaluation mode, its output in chunks",
    third_party.DetachedState: "in evaluation mode, the gradient of the input in chunks",
    third_party.LockedDropout: "in training mode, its output in chunks",
    third_party.InputDropout: "in training mode, its output in chunks",
    third_party.BatchNorm: "in training mode, its output in chunks",
    third_party.WithoutGrad: "in evaluation mode, its output carries no gradient",
    third_party.OwnForward: "in evaluation mode, its call uses no parameter of the module that is called",
    Noisy: "in training mode, its output in chunks",
    odd_cells.BothDirections: "its output at a step depends on later steps",
    odd_cells.FailsInTraining: "in training mode, its call in chunks fails: ValueError: two lines",
    functools.partial(nn.GRU, bidirectional=True): "it reads in both directions",
    NoState: "in evaluation mode, it returns no state",
}
NOTES = {
    third_party.BatchNorm: "couples the sequences of a batch in training mode",
    Noisy: "couples the sequences of a batch in training mode",
    odd_cells.BothDirections: "is not causal",
    odd_cells.NoisyInEvaluation: "draws random numbers in evaluation mode",
    odd_cells.Constant: "gives the same output for any input with its initial weights",
    odd_cells.Overflows: "gives an output that is not finite",
    odd_cells.FailsInTraining: "fails in training mode on a batch of 3: ValueError: two lines",
}
REFUSED = {
    odd_cells.IgnoresBatchFirst: r"reads \(steps, batch, features\) and ignores batch_first=True; .*adapter",
    odd_cells.CentredOverTheBatch: "a sequence gives another output alone than in a batch",
    odd_cells.KeepsItsState: "when it is called again on the same input .* begin at zero",
    odd_cells.LosesABatchOfOne: r"returned \(5, 8\) for an input of shape \(1, 5, 3\)",
    odd_cells.StepsFirst: r"returned \(5, 3, 8\) for an input of shape \(3, 5, 3\)",
    odd_cells.InFloat64: "output must be torch.float32, as its input is; InFloat64 returned torch.float64",
    odd_cells.OutputOnly: r"must return \(output, state\).* OutputOnly returned Tensor; .*adapter",
}


def made(target):
    torch.manual_seed(0)
    return make_cell(target, D, H)


@pytest.mark.parametrize("name", FINE)
def test_a_cell_that_is_right_passes_without_a_note(name):
    cell = made(FINE[name])
    found = examine(cell, D)
    assert (found.causal, found.why_no_state, found.notes) == (True, None, ())
    assert found.features == output_size(cell, D)


@pytest.mark.parametrize("target", NO_STATE)
def test_a_state_that_cannot_be_handed_on_has_a_reason(target):
    assert NO_STATE[target] in examine(made(target), D).why_no_state


@pytest.mark.parametrize("target", NOTES)
def test_what_is_good_to_know_is_noted(target):
    cell = made(target)
    [note] = examine(cell, D).notes
    assert note.startswith(type(cell).__name__) and NOTES[target] in note


@pytest.mark.parametrize("target", REFUSED)
def test_a_cell_that_mixes_what_must_be_apart_is_refused(target):
    with pytest.raises(TypeError, match=REFUSED[target]):
        examine(made(target), D)


def test_causality_is_found_in_both_ways():
    assert examine(made(nn.LSTM), D).causal
    assert not examine(made(functools.partial(nn.LSTM, bidirectional=True)), D).causal
    assert not examine(made(odd_cells.BothDirections), D).causal


@pytest.mark.parametrize("steps", [1, 2, 3, 7])
def test_sequences_can_be_short(steps):
    found = examine(made(LeakyCell), D, steps=steps)
    assert found.causal and (found.why_no_state is None) == (steps > 1)
    with pytest.raises(TypeError, match="mixes the sequences of a batch"):
        examine(made(odd_cells.IgnoresBatchFirst), D, steps=steps)


EVERY = [*FINE.values(), *NO_STATE, *NOTES]


@pytest.mark.parametrize("target", EVERY)
def test_the_cell_and_the_generators_are_left_as_they_were(target):
    cell = made(target)
    first = next(cell.children(), cell)
    first.eval()  # a mode of its own
    for seed in (torch.manual_seed, np.random.seed, random.seed):
        seed(5)
    for parameter in cell.parameters():
        parameter.grad = torch.ones_like(parameter)

    def everything():
        plain = {name: value for name, value in vars(cell).items() if isinstance(value, int | float | str)}
        return copy.deepcopy([
            {**dict(cell.named_buffers()), **cell.state_dict()}, plain, random_state(),
            [part.training for part in cell.modules()], [p.grad for p in cell.parameters()],
        ])  # fmt: skip

    before = everything()
    examine(cell, D)
    assert same_bits(everything(), before)


def test_the_check_takes_less_than_a_tenth_of_a_second():
    cell = made(LeakyCell)
    times = []
    for _ in range(4):  # the first call in a process also starts what every run needs
        start = time.process_time()
        examine(cell, D)
        times.append(time.process_time() - start)
    assert min(times) < 0.1


class ForksInEachCall(nn.GRU):
    """Its forks return from the call."""

    def forward(self, x, state=None):
        os.fork()
        return super().forward(x, state)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_fork_that_returns_from_a_call_ends(tmp_path):
    me, log = os.getpid(), tmp_path / "log"
    try:
        Trials(ForksInEachCall(3, 4, batch_first=True)).output(torch.zeros(2, 3, 3))
    finally:
        with open(log, "a") as file:
            file.write(f"{os.getpid()}\n")
        if os.getpid() != me:
            os._exit(1)
    assert log.read_text() == f"{me}\n"
