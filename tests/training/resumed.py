"""Small trainings that stop and continue; as a program: loads saved states and trains each to its end.

`python -m tests.training.resumed FOLDER` reads the states `CASE-STEP.pt` of FOLDER and writes the outcomes
of all of them to `outcomes.pt`.
"""

import dataclasses
import random
import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn

from harness.cells.random_state import random_state
from harness.kernels import FusedCell
from harness.tasks import make_adding, make_copy_memory, make_delayed_recall
from harness.training import SequenceClassifier, TrainingState, TrainOptions, conclude, continue_training
from tests.training.results import without_clocks

SIZES = {"n_train": 25, "n_val": 8, "n_test": 9}


class Noisy(nn.Module):
    """Adds noise from NumPy's, Python's and torch's global generators to the inputs, in training mode.

    A buffer holds the running mean of its inputs, which it subtracts.
    """

    def __init__(self, input_size, hidden_size=5, num_layers=1, dropout=0.0, batch_first=True):
        super().__init__()
        self.inner = nn.GRU(input_size, hidden_size, num_layers, dropout=dropout, batch_first=batch_first)
        self.register_buffer("mean", torch.zeros(input_size))

    def forward(self, x, state=None):
        if self.training:
            self.mean = 0.9 * self.mean + 0.1 * x.detach().mean((0, 1))
            scale = 0.1 * np.random.standard_normal() + 0.1 * random.gauss(0, 1)
            x = x + scale * torch.randn_like(x)
        return self.inner(x - self.mean, state)


@dataclasses.dataclass(frozen=True)
class Case:
    """A training of 11 steps (2 passes of 10 + 10 + 5 samples an epoch), unless `options` say otherwise."""

    task: str = "recall"
    cell: type = nn.GRU
    fused: bool = False
    layers: int = 2
    embedding_size: int | None = None
    options: dict = dataclasses.field(default_factory=dict)

    def begin(self, seed):
        """The state before the first step, made with the global generators seeded with `seed`."""
        torch.manual_seed(seed)
        np.random.seed(seed)
        random.seed(seed)
        task = TASKS[self.task]()
        size = self.embedding_size or task.spec.input_size or task.spec.vocab_size
        if self.cell is Noisy:
            cell = Noisy(size)
        else:
            dropout = 0.3 if self.layers > 1 else 0.0
            cell = self.cell(size, 5, num_layers=self.layers, dropout=dropout, batch_first=True)
        model = SequenceClassifier(task.spec, FusedCell(cell) if self.fused else cell, self.embedding_size)
        options = {"steps": 11, "batch_size": 10, "eval_every": 4, "lr": 0.02, "gradflow_points": 3}
        order = torch.Generator().manual_seed(seed)
        return TrainingState.begin(model, task, TrainOptions(**options | self.options), order=order)


def easy_recall(seq_len=8, n_val=8):
    """Delayed recall that counts as solved at an accuracy which is reached before the last step."""
    task = make_delayed_recall(seq_len=seq_len, num_classes=2, **SIZES | {"n_val": n_val})
    return dataclasses.replace(task, spec=dataclasses.replace(task.spec, solved_accuracy=0.8))


TASKS = {
    "recall": lambda: make_delayed_recall(seq_len=6, num_classes=3, **SIZES),
    "easy": easy_recall,
    "adding": lambda: make_adding(seq_len=6, **SIZES),
    "fresh": lambda: make_adding(seq_len=6, fresh=True, **SIZES),
    "many": lambda: make_adding(seq_len=6, **SIZES | {"n_val": 1003}),
    "easy, many": lambda: easy_recall(seq_len=14, n_val=1003),
    "steps": lambda: make_copy_memory(seq_len=21, **SIZES),
}

CASES = {
    "adam": Case(options={"optimizer": "adam", "weight_decay": 0.1}),
    "adamw, cosine": Case(options={"optimizer": "adamw", "weight_decay": 0.1, "schedule": "cosine"}),
    "warm-up": Case(options={"schedule": "warmup_cosine"}),
    "rmsprop": Case(options={"optimizer": "rmsprop", "clip": None}),
    "sgd": Case(options={"optimizer": "sgd", "clip": 0.1}),
    "lstm": Case(cell=nn.LSTM),
    "rnn, values": Case("adding", nn.RNN),
    "fused rnn": Case(cell=nn.RNN, fused=True, options={"optimizer": "sgd"}),
    "fused lstm": Case(cell=nn.LSTM, fused=True, options={"optimizer": "rmsprop"}),
    "fused gru": Case(fused=True),
    "fresh samples": Case("fresh"),
    "fresh samples, fused": Case("fresh", nn.LSTM, fused=True),
    "labels at steps": Case("steps", fused=True),
    "embedding": Case(embedding_size=3),
    "embedding, fused": Case(embedding_size=3, fused=True),
    "stop when solved": Case("easy", layers=1, options={"stop_when_solved": True, "lr": 0.05, "steps": 60}),
    "many validation samples": Case("many", nn.RNN),
    "many validation samples, solved": Case(
        "easy, many", layers=1, options={"stop_when_solved": True, "lr": 0.05, "steps": 60}
    ),
    "diverging": Case("adding", options={"optimizer": "sgd", "lr": 1e9, "clip": None}),
    "whole passes, without probes": Case(options={"epochs": 3, "probes": False}),
    "evaluation at every step": Case(options={"eval_every": 1}),
    "other generators and a buffer": Case(cell=Noisy),
}


def finish(state):
    """Trains to the end: history without clocks, final weights and random generators, as plain values."""
    continue_training(state)
    history = without_clocks(conclude(state))
    return {"history": history, "weights": state.model.state_dict(), "random": random_state()}


def same_bits(got, expected):
    """Whether two nested structures of tensors and plain values are equal; NaN equals NaN."""
    if isinstance(expected, dict):
        return got.keys() == expected.keys() and all(same_bits(got[k], expected[k]) for k in expected)
    if isinstance(expected, list | tuple):
        return len(got) == len(expected) and all(map(same_bits, got, expected))
    if isinstance(expected, torch.Tensor):
        raw, right = (tensor.contiguous().numpy().tobytes() for tensor in (got, expected))
        return got.dtype == expected.dtype and got.shape == expected.shape and raw == right
    return type(got) is type(expected) and (got == expected or (got != got and expected != expected))


def main(folder):
    """Loads every state into a training begun with another seed, and continues it."""
    torch.set_num_threads(1)
    outcomes = {}
    for path in sorted(folder.glob("*-*.pt")):
        name, _, step = path.stem.rpartition("-")
        state = CASES[name].begin(seed=999)
        state.load_state_dict(torch.load(path, weights_only=True))
        assert state.step == int(step)
        outcomes[path.stem] = finish(state)
    torch.save(outcomes, folder / "outcomes.pt")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
