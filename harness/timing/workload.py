"""The workload of a plan: one training step on its first batch."""

from __future__ import annotations

import dataclasses

from harness.experiment.plan import Plan
from harness.experiment.run import make_model
from harness.experiment.schema import TimingOptions
from harness.timing.measure import TrainingStep
from harness.training import seeded
from harness.training.optimizer import Optimizer


def make_step(run: Plan, options: TimingOptions) -> tuple[TrainingStep, str]:
    """The training step of a plan on the first batch of its training samples, and its kernel."""
    if options.like_for_like:
        run = dataclasses.replace(run, kernel="torch")
    with seeded(run.seed):
        model, kernel = make_model(run)
    first = next(run.task.train.batches(run.train.batch_size))
    x, y, lengths = (part.clone().to(run.device) for part in first)  # a view would keep all samples
    optimizer = Optimizer(model.parameters(), run.train)
    return TrainingStep(model, optimizer, (x, y, lengths), run.train.clip), kernel
