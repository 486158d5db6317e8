"""The random generators of the process: seeded for a run, restored after it."""

import io
import random

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from harness.cells.random_state import random_state, restore_random_state
from harness.experiment.config import compose
from harness.experiment.plan import plan
from harness.experiment.run import execute
from harness.training import seeded
from tests.training.resumed import same_bits


def draws():
    """A few numbers of every generator; the normal ones leave a second number in store."""
    return (
        torch.rand(3).tolist(),
        torch.randn(3).tolist(),
        np.random.rand(3).tolist(),
        np.random.standard_normal(3).tolist(),
        [random.random() for _ in range(3)],
        [random.gauss(0, 1) for _ in range(3)],
    )


class DrawsFromAll(nn.Module):
    """A third-party cell that draws from every global generator when it is made and in each call."""

    def __init__(self, *arguments, **options):
        super().__init__()
        draws()
        self.inner = nn.GRU(*arguments, **options)

    def forward(self, x, state=None):
        draws()
        return self.inner(x, state)


class FailsAfterDrawing(DrawsFromAll):
    """Raises in the forward pass of training."""

    def forward(self, x, state=None):
        result = super().forward(x, state)
        if self.training:
            raise RuntimeError("boom")
        return result


class InterruptedAfterDrawing(DrawsFromAll):
    """Ctrl-C in the forward pass of training."""

    def forward(self, x, state=None):
        result = super().forward(x, state)
        if self.training:
            raise KeyboardInterrupt
        return result


def test_seeded_seeds_each_generator_as_its_own_function_does():
    with seeded(123):
        got = draws()
    torch.manual_seed(123)
    np.random.seed(123)
    random.seed(123)
    assert draws() == got
    with seeded(124):
        assert not any(a == b for a, b in zip(draws(), got, strict=True))


@pytest.mark.parametrize("seed", [0, 1, 2**32 - 1])
def test_every_seed_of_a_run_is_accepted_by_every_generator(seed):
    with seeded(seed):
        first = draws()
    with seeded(seed):
        assert draws() == first


@pytest.mark.parametrize("error", [None, ValueError, KeyboardInterrupt, SystemExit])
def test_seeded_restores_every_generator_also_after_an_exception(error):
    draws()  # a state in the middle of a sequence, with a normal number in store
    state = random_state()
    following = draws()
    restore_random_state(state)
    try:
        with seeded(5):
            draws()
            if error is not None:
                raise error
    except BaseException as raised:
        assert type(raised) is error
    assert draws() == following


def test_seeded_contexts_can_be_nested():
    with seeded(1):
        whole = draws(), draws()
    with seeded(1):
        first = draws()
        with seeded(2):
            draws()
        assert (first, draws()) == whole


def test_a_saved_state_is_restored_from_a_file_of_plain_values():
    draws()
    file = io.BytesIO()
    torch.save(random_state(), file)
    following = draws()
    file.seek(0)
    restore_random_state(torch.load(file, weights_only=True))
    assert draws() == following


@pytest.mark.parametrize(
    ("cell", "status"),
    [("DrawsFromAll", "ok"), ("FailsAfterDrawing", "failed"), ("InterruptedAfterDrawing", None)],
)
def test_a_run_leaves_every_generator_as_it_was(tiny, cell, status):
    planned = plan(compose([*tiny, "cell=custom", f"cell._target_=tests.cells.test_random_state.{cell}"]))
    before = random_state()
    try:
        execute(planned)
    except KeyboardInterrupt:
        assert status is None
    assert same_bits(random_state(), before)
    row = (planned.folder / "row.json").read_text()
    assert f'"status": "{status or "interrupted"}"' in row


def test_the_state_before_a_run_does_not_change_its_numbers(tiny, tmp_path):
    tables = []
    for seed in (1, 1, 2):
        draws()
        overrides = [*tiny, "cell=custom", "cell._target_=tests.training.resumed.Noisy", f"seed={seed}"]
        planned = plan(compose([*overrides, f"results_dir={tmp_path / str(len(tables))}"]))
        execute(planned)
        table = pd.read_csv(planned.folder / "steps.csv").drop(columns=["train_s", "samples_per_s"])
        tables.append(table.to_csv())
        assert len(table) == 3
    assert tables[0] == tables[1] != tables[2]
