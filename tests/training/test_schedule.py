"""Learning-rate schedules against those of torch, as factors and in a training."""

import math

import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import ConstantLR, CosineAnnealingLR, LinearLR, SequentialLR

from harness.tasks import make_adding
from harness.training import SequenceClassifier, TrainingState, TrainOptions, continue_training
from harness.training.options import SCHEDULES
from harness.training.schedule import lr_factor


def cosine(optimizer, total):
    return CosineAnnealingLR(optimizer, T_max=total)


def warmup_cosine(optimizer, total):
    warmup = math.ceil(0.05 * total - 1e-9)
    rise = LinearLR(optimizer, start_factor=1 / (warmup + 1), total_iters=warmup)
    return SequentialLR(optimizer, [rise, cosine(optimizer, total - warmup)], milestones=[warmup])


OF_TORCH = {
    "constant": lambda optimizer, total: ConstantLR(optimizer, factor=1.0),
    "cosine": cosine,
    "warmup_cosine": warmup_cosine,
}


@pytest.mark.filterwarnings("ignore:The epoch parameter")  # of torch's SequentialLR, about its own calls
@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("total", [2, 3, 19, 20, 21, 100, 1037])
def test_factors_equal_those_of_torchs_schedulers(schedule, total):
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = OF_TORCH[schedule](optimizer, total)
    for step in range(1, total + 1):
        assert lr_factor(schedule, step, total) == pytest.approx(scheduler.get_last_lr()[0], abs=1e-9), step
        optimizer.step()
        scheduler.step()


@pytest.mark.parametrize("total", [1, 2, 40, 999])
def test_factors_are_above_0_and_at_most_1_and_end_small(total):
    for schedule in SCHEDULES:
        factors = [lr_factor(schedule, step, total) for step in range(1, total + 1)]
        assert min(factors) > 0 and max(factors) <= 1
        assert schedule == "constant" or total < 40 or factors[-1] < 0.01
        assert schedule == "warmup_cosine" or factors[0] == 1


@pytest.mark.filterwarnings("ignore:The epoch parameter")
@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("budget", [{"steps": 24}, {"epochs": 8}])
def test_a_training_equals_a_plain_loop_with_torchs_scheduler(schedule, budget):
    task = make_adding(seq_len=6, n_train=25, n_val=8, n_test=9)
    torch.manual_seed(0)
    model = SequenceClassifier(task.spec, nn.GRU(2, 5, batch_first=True))
    options = TrainOptions(**budget, batch_size=10, lr=0.02, clip=None, schedule=schedule, gradflow=False)
    order = torch.Generator().manual_seed(3)
    continue_training(TrainingState.begin(model, task, options, order=order))

    torch.manual_seed(0)
    plain, generator = SequenceClassifier(task.spec, nn.GRU(2, 5, batch_first=True)), order.manual_seed(3)
    optimizer = torch.optim.Adam(plain.parameters(), lr=0.02)
    scheduler = OF_TORCH[schedule](optimizer, 24)
    for _ in range(8):  # passes of 3 batches
        for x, y, _ in task.train.batches(10, generator):
            optimizer.zero_grad()
            nn.functional.mse_loss(plain.head(plain.cell(x)[0][:, -1])[:, 0], y).backward()
            optimizer.step()
            scheduler.step()
    for got, expected in zip(model.parameters(), plain.parameters(), strict=True):
        assert torch.allclose(got, expected, rtol=1e-3, atol=1e-5)
