"""Training with fused loops equals training with the stock cell, and is deterministic."""

import pytest
import torch
from torch import nn

from harness.kernels import FusedCell
from harness.tasks import NO_LABEL, Split, Task, TaskSpec
from harness.training import SequenceClassifier, TrainOptions, train
from tests.training.results import without_clocks

T, D, N = 12, 3, 40
STEPS = 100


def task(target, unequal):
    """`N` sequences of numbers with labels computed from them."""
    spec = TaskSpec(
        name="t", variant="v", target=target, seq_len=T, input_size=D,
        num_classes=1 if target == "value" else 3, chance_accuracy=0.0, tolerance=None,
        data_source="generated", citation="none",
    )  # fmt: skip

    def split(name, epoch):
        generator = torch.Generator().manual_seed(len(name))
        x = torch.randn(N, T, D, generator=generator)
        lengths = torch.randint(1, T + 1, (N,), generator=generator) if unequal else torch.full((N,), T)
        running = torch.arange(T) < lengths[:, None]
        x[~running] = 0
        sums = x.cumsum(1)
        if target == "steps":
            y = sums.argmax(2)
            y[~running] = NO_LABEL
        else:
            y = sums[:, -1, 0].tanh() if target == "value" else sums[:, -1].argmax(1)
        return Split(x, y, lengths)

    return Task(spec, split)


def history(kind, fused, target, unequal, gradflow=True, **options):
    torch.manual_seed(4)
    cell = kind(D, 10, num_layers=2, batch_first=True, **options)
    made = task(target, unequal)
    model = SequenceClassifier(made.spec, FusedCell(cell) if fused else cell)
    # One evaluation per step, so that each row has the training loss of one step.
    train_options = TrainOptions(steps=STEPS, batch_size=16, eval_every=1, lr=1e-2, gradflow=gradflow)
    return train(model, made, train_options, order=torch.Generator().manual_seed(1))


CASES = [(target, unequal) for target in ("class", "value", "steps") for unequal in (False, True)]


@pytest.mark.parametrize(("target", "unequal"), CASES)
@pytest.mark.parametrize("kind", [nn.RNN, nn.LSTM, nn.GRU])
def test_losses_norms_and_gradient_flow_of_every_step_equal_those_of_the_stock_cell(kind, target, unequal):
    ours, theirs = (history(kind, fused, target, unequal) for fused in (True, False))
    for column in ("train_loss", "val_loss", "grad_norm_mean"):
        got, expected = ([getattr(row, column) for row in them.evals] for them in (ours, theirs))
        assert len(got) == STEPS + 1
        assert got[1:] == pytest.approx(expected[1:], rel=1e-4, abs=1e-4)
    losses = [row.train_loss for row in ours.evals[1:]]
    assert min(losses[-5:]) < losses[0]  # the model learned
    assert ours.test_loss == pytest.approx(theirs.test_loss, abs=1e-4)
    got, expected = (
        {(row.step, row.layer, row.state, row.t): row.norm for row in them.probes["gradflow"]}
        for them in (ours, theirs)
    )
    assert got == pytest.approx(expected, rel=1e-3, abs=1e-6)
    assert len(got) > 0


@pytest.mark.parametrize("kind", [nn.RNN, nn.LSTM, nn.GRU])
def test_the_same_config_gives_the_same_bits_twice(kind):
    twice = [without_clocks(history(kind, True, "class", True, dropout=0.3)) for _ in range(2)]
    assert twice[0] == twice[1]
    assert len(twice[0]["norms"]) == STEPS


def test_dropout_masks_between_layers_are_the_same_for_both_kernels():
    # Without the gradient-flow probe, which runs the stock cell in chunks and so draws other masks.
    ours, theirs = (
        history(nn.GRU, fused, "class", False, gradflow=False, dropout=0.3) for fused in (True, False)
    )
    assert ours.norms == pytest.approx(theirs.norms, rel=1e-3)
