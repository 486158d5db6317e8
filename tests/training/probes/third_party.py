"""Cells as people write them, small: `MEASURED` by the gradient-flow probe, and `REFUSED` with a reason.

A cell with an inner step calls `self.hook(h_BH)` on each hidden state, in order, if it has a hook: the second
source of the gradient flow.
"""

import random

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import parametrizations, weight_norm

from tests.outside import LeakyCell
from tests.training.resumed import Noisy


class Loop(nn.Module):
    """An Elman network as a loop over `step`, whose state is (B, H)."""

    hook = None

    def __init__(self, input_size, hidden_size, num_layers=1, dropout=0.0, batch_first=True):
        super().__init__()
        self.w, self.u = nn.Linear(input_size, hidden_size), nn.Linear(hidden_size, hidden_size)

    def step(self, x_BD, h_BH):
        return torch.tanh(self.w(x_BD) + self.u(h_BH))

    def start(self, x_BTD, state):
        return x_BTD.new_zeros(len(x_BTD), self.u.in_features) if state is None else state

    def end(self, h_BH):
        return h_BH

    def forward(self, x, state=None):
        h, outputs = self.start(x, state), []
        for x_BD in x.unbind(1):
            h = self.step(x_BD, h)
            if self.hook is not None:
                self.hook(h)
            outputs.append(h)
        return torch.stack(outputs, 1), self.end(h)


class BatchFirstState(Loop):
    """Its state is (B, 1, H)."""

    def start(self, x_BTD, state):
        return super().start(x_BTD, None if state is None else state[:, 0])

    def end(self, h_BH):
        return h_BH[:, None]


class TwiceTheState(Loop):
    """Hands its state on twice, and reads both."""

    def start(self, x_BTD, state):
        return super().start(x_BTD, None if state is None else 0.3 * state[0] + 0.7 * state[1])

    def end(self, h_BH):
        return h_BH, h_BH


class Zoneout(Loop):
    """Draws a mask for each step, and Python's and NumPy's generators too."""

    def step(self, x_BD, h_BH):
        new = super().step(x_BD, h_BH)
        if not self.training:
            return new
        keep = torch.rand_like(new) < 0.2 + 0.1 * random.random() + 0.1 * np.random.rand()
        return torch.where(keep, h_BH, new)


class Counting(Loop):
    """Keeps numbers and tensors of its calls in attributes and buffers."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.register_buffer("seen", torch.zeros(()))
        self.calls, self.cache = 0, {}

    def forward(self, x, state=None):
        self.calls += 1
        self.seen += len(x)
        output, h = super().forward(x, state)
        self.cache["last"] = [output]
        return output, h


class Layers(nn.Module):
    """Two layers; `num_layers` is no number."""

    def __init__(self, input_size, hidden_size, num_layers=1, dropout=0.0, batch_first=True):
        super().__init__()
        self.num_layers = ["lower", "upper"]
        self.rnn = nn.GRU(input_size, hidden_size, 2, batch_first=True)

    def forward(self, x, state=None):
        return self.rnn(x, state)


class EchoState(nn.RNN):
    """A reservoir: no weight is trained."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.requires_grad_(False)


class InPlace(Loop):
    """Changes its input."""

    def forward(self, x, state=None):
        return super().forward(x.mul_(0.5), state)


class HeldInClosure(Loop):
    """A hook that reaches the module through a closure, which no copy of it changes."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.register_buffer("steps", torch.zeros(()))
        self.w.register_forward_hook(lambda *_: self.steps.add_(1) and None)


def frozen_gru(input_size, hidden_size, **options):
    return nn.GRU(input_size, hidden_size, **options).requires_grad_(False)


def weight_norm_lstm(input_size, hidden_size, **options):
    return weight_norm(nn.LSTM(input_size, hidden_size, **options), "weight_hh_l0")


def orthogonal_rnn(input_size, hidden_size, **options):
    return parametrizations.orthogonal(nn.RNN(input_size, hidden_size, **options), "weight_hh_l0")


MEASURED = {
    cell.__name__: cell
    for cell in (
        Loop, BatchFirstState, TwiceTheState, Zoneout, Counting, Layers, EchoState, InPlace, HeldInClosure,
        LeakyCell, frozen_gru, weight_norm_lstm, orthogonal_rnn,
    )
}  # fmt: skip


class StepOrScan(Loop):
    """One step continues from the state; a longer call begins at zero."""

    def forward(self, x, state=None):
        return super().forward(x, state if x.shape[1] == 1 else None)


class DetachedState(Loop):
    """Hands its state on without its gradient, while a call over the sequence has it."""

    def end(self, h_BH):
        return h_BH.detach()


class NotInTheState(Loop):
    """Remembers its first input in no state: from the third step on every step reads it."""

    def forward(self, x, state=None):
        output, h = super().forward(x, state)
        if x.shape[1] > 2:
            output = output + torch.cat(
                [output[:, :2] * 0, self.w(x[:, :1]).expand(-1, x.shape[1] - 2, -1)], 1
            )
            h = output[:, -1]
        return output, h


class BatchNorm(Loop):
    """Statistics over the batch and the steps of a call."""

    def __init__(self, input_size, hidden_size, **options):
        super().__init__(input_size, hidden_size, **options)
        self.norm = nn.BatchNorm1d(input_size)

    def forward(self, x, state=None):
        return super().forward(self.norm(x.flatten(0, 1)).view_as(x), state)


class LockedDropout(Loop):
    """One mask for the sequence of a call."""

    def forward(self, x, state=None):
        mask = torch.rand(len(x), 1, x.shape[2]) > 0.5 if self.training else 1
        return super().forward(x * mask, state)


class InputDropout(Loop):
    """Dropout of its own on the inputs."""

    def forward(self, x, state=None):
        return super().forward(F.dropout(x, 0.5, self.training), state)


class CellStateOnly(Loop):
    """Hands on (h, c), and no step reads h."""

    def start(self, x_BTD, state):
        return super().start(x_BTD, None if state is None else state[1])

    def forward(self, x, state=None):
        outputs, c = super().forward(x, state)
        h = torch.tanh(outputs)
        return h, (h[:, -1], c)


class WithoutGrad(Loop):
    """Computes its states without a graph."""

    @torch.no_grad()
    def forward(self, x, state=None):
        return super().forward(x, state)


class Uncopied(Loop):
    """Holds what cannot be copied."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.numbers = (number for number in range(3))


class OwnForward(Loop):
    """Its call is a closure over the module."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        inner = Loop.forward
        self.forward = lambda x, state=None: inner(self, x, state)


class HookedGRU(nn.GRU):
    """A forward hook changes the output, not the state."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.register_forward_hook(lambda module, inputs, result: (result[0] * 2, result[1]))


REFUSED = {
    StepOrScan: "run in chunks the loss is",
    DetachedState: "run in chunks the gradient of the cell differs from that of the step by",
    NotInTheState: "run in chunks the loss is",
    BatchNorm: "run in chunks the loss is",
    LockedDropout: "run in chunks the loss is",
    InputDropout: "run in chunks the loss is",
    Noisy: "run in chunks the loss is",
    CellStateOnly: "no step reads the hidden state of the step before: another part is handed on",
    WithoutGrad: "its output carries no gradient",
    Uncopied: "it cannot be copied: TypeError: cannot pickle 'generator' object",
    OwnForward: "run in chunks the gradient of the cell differs from that of the step by",
    HookedGRU: "its output is not its hidden state",
}
