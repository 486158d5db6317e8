"""The baselines of a task, measured on samples: what its chance and memoryless predictors reach there."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from harness.tasks.task import NO_LABEL, PresentStep, Split, Task, TaskSpec

MOST_ANSWERS = 2**20
"""Most numbers in the answers of a predictor to one batch: 8 MiB in float64."""


class MeasuredBaselines(NamedTuple):
    """`TaskSpec.chance_accuracy` and `memoryless_loss`, on samples; None: the task states no predictor."""

    chance_accuracy: float | None
    memoryless_loss: float | None


def measure_baselines(task: Task, samples: Split) -> MeasuredBaselines:
    """Measures the predictors of `task.baselines` on samples of the task, such as `task.test`.

    Means are over labels, as in the losses and accuracies of a model. No predictor sees the labels of
    `samples`. Where `Baselines.chance` is None the training samples are read, for their most frequent label.

    Raises:
        ValueError: the predictor without memory answers with another shape than `PresentStep` says.

    >>> from harness.tasks import make_parity
    >>> task = make_parity(seq_len=20, n_train=100, n_test=50)
    >>> round(measure_baselines(task, task.test).memoryless_loss, 4)  # ln 2 on any samples
    0.6931
    """
    baselines, spec = task.baselines, task.spec
    if baselines is None:
        return MeasuredBaselines(None, None)
    chance = most_frequent_label(spec, task.train) if baselines.chance is None else baselines.chance
    loss = None if baselines.memoryless is None else _loss(spec, baselines.memoryless, samples)
    return MeasuredBaselines(_accuracy(spec, torch.as_tensor(chance), samples.y), loss)


def most_frequent_label(spec: TaskSpec, samples: Split) -> Tensor:
    """The most frequent class, (), or that of each step, (T,), for labels at steps; the lowest of equal ones.

    0 at a step without a label.
    """
    if spec.target == "class":
        return torch.bincount(samples.y, minlength=spec.num_classes).argmax()
    first_cell = torch.arange(spec.seq_len) * spec.num_classes
    counts = torch.zeros(spec.seq_len * spec.num_classes, dtype=torch.int64)
    for _, y, _ in samples.batches(_batch_size(spec)):
        counts += torch.bincount((first_cell + y)[y != NO_LABEL], minlength=len(counts))
    return counts.view(spec.seq_len, spec.num_classes).argmax(dim=1)


def _accuracy(spec: TaskSpec, answer: Tensor, y: Tensor) -> float:
    """Share of the labels that a constant answer (), or (T,) for labels at steps, gets right."""
    if spec.target == "value":
        return ((answer - y.double()).abs() < (spec.tolerance or 0.0)).double().mean().item()
    return int((y == answer).sum()) / int((y != NO_LABEL).sum())


@torch.no_grad()
def _loss(spec: TaskSpec, predict: PresentStep, samples: Split) -> float:
    """Mean squared error, or mean cross-entropy in nats, over the labels."""
    total, count = 0.0, 0
    for x, y, lengths in samples.batches(_batch_size(spec)):
        inputs, steps, labels = _labelled_steps(spec, x, y, lengths)
        answer = predict(inputs, steps)
        shape = (len(labels),) if spec.target == "value" else (len(labels), spec.num_classes)
        if answer.shape != shape:
            raise ValueError(
                f"the predictor without memory of {spec.name} must answer {len(labels)} steps with shape "
                f"{shape}, not {tuple(answer.shape)}"
            )
        if spec.target == "value":
            total += (answer.double() - labels.double()).square().sum().item()
        else:
            total -= answer.double().gather(1, labels.unsqueeze(1)).sum().item()
        count += len(labels)
    return total / count


def _labelled_steps(spec: TaskSpec, x: Tensor, y: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The inputs (M,) or (M, D) of the steps at which a label is asked for, their numbers and their labels.

    One label of a sequence is asked for at its last valid step.
    """
    if spec.target == "steps":
        rows, steps = (y != NO_LABEL).nonzero(as_tuple=True)
        return x[rows, steps], steps, y[rows, steps]
    steps = lengths - 1
    return x[torch.arange(len(x)), steps], steps, y


def _batch_size(spec: TaskSpec) -> int:
    labels = spec.seq_len if spec.target == "steps" else 1
    return max(1, MOST_ANSWERS // (labels * spec.num_classes))
