"""Cells as people write them, small, one for each way to break the contract of a cell, or to look so."""

import torch
from torch import nn
from torch.nn.utils import parametrizations

from tests.training.probes.third_party import Loop


class IgnoresBatchFirst(nn.Module):
    """Accepts batch_first and reads the batch as time."""

    def __init__(self, input_size, hidden_size, num_layers=1, dropout=0.0, batch_first=False):
        super().__init__()
        self.rnn = nn.GRU(input_size, hidden_size, num_layers)

    def forward(self, x, state=None):
        return self.rnn(x, state)


class CentredOverTheBatch(Loop):
    """Subtracts the mean of the batch, in every mode."""

    def forward(self, x, state=None):
        return super().forward(x - x.mean(0, keepdim=True), state)


class KeepsItsState(Loop):
    """Begins where the last call ended."""

    last = None

    def forward(self, x, state=None):
        output, h = super().forward(x, self.last if state is None else state)
        self.last = h.detach()
        return output, h


class LosesABatchOfOne(Loop):
    """Squeezes its output."""

    def forward(self, x, state=None):
        output, h = super().forward(x, state)
        return output.squeeze(0), h


class StepsFirst(Loop):
    """Returns (steps, batch, features)."""

    def forward(self, x, state=None):
        output, h = super().forward(x, state)
        return output.transpose(0, 1), h


class InFloat64(Loop):
    """Returns another dtype than that of its input."""

    def forward(self, x, state=None):
        output, h = super().forward(x, state)
        return output.double(), h


class OutputOnly(nn.Linear):
    """A map of each step, without a state, with a constructor that accepts anything."""

    def __init__(self, input_size, hidden_size, **options):
        super().__init__(input_size, hidden_size)


class BothDirections(nn.Module):
    """Reads in both directions and does not say so."""

    def __init__(self, input_size, hidden_size, num_layers=1, dropout=0.0, batch_first=True):
        super().__init__()
        self.rnn = nn.GRU(input_size, hidden_size, batch_first=True, bidirectional=True)

    def forward(self, x, state=None):
        return self.rnn(x, state)


class NoisyInEvaluation(Loop):
    """Draws noise in every mode, step by step."""

    def step(self, x_BD, h_BH):
        return super().step(x_BD + 0.1 * torch.randn_like(x_BD), h_BH)


class Constant(Loop):
    """Zero at first: its output is scaled by a weight of 0."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.gain = nn.Parameter(torch.zeros(()))

    def step(self, x_BD, h_BH):
        return self.gain * super().step(x_BD, h_BH)


class Overflows(Loop):
    """An output that is not finite."""

    def step(self, x_BD, h_BH):
        return super().step(x_BD, h_BH) / 0


class FailsInTraining(Loop):
    """Raises in training mode."""

    def forward(self, x, state=None):
        if self.training:
            raise ValueError("two\nlines")
        return super().forward(x, state)


class ComplexWeights(Loop):
    """A complex weight before all others: inputs are real all the same."""

    def __init__(self, input_size, hidden_size, **options):
        super().__init__(input_size, hidden_size, **options)
        turn = nn.Parameter(torch.exp(1j * torch.rand(hidden_size)))
        self._parameters = {"turn": turn, **self._parameters}

    def step(self, x_BD, h_BH):
        return (super().step(x_BD, h_BH) * self.turn).real


class OwnEmbedding(nn.Module):
    """Reads token ids."""

    reads_tokens = True

    def __init__(self, input_size, hidden_size, num_layers=1, dropout=0.0, batch_first=True):
        super().__init__()
        self.embedding = nn.Embedding(input_size, 3)
        self.gru = nn.GRU(3, hidden_size, batch_first=True)

    def forward(self, x_BT, state=None):
        return self.gru(self.embedding(x_BT), state)


def spectral_norm_rnn(input_size, hidden_size, **options):
    """A new parametrization with a buffer that each training call changes."""
    return parametrizations.spectral_norm(nn.RNN(input_size, hidden_size, **options), "weight_hh_l0")
