"""Loss and accuracy over a split, and the fixed part of a split that is measured during training."""

from __future__ import annotations

from typing import NamedTuple

import torch

from harness.tasks import Split
from harness.training.model import SequenceClassifier, count_right, loss_of

MOST_ACTIVATIONS = 2**23
"""Largest size of one layer's output in a batch, in numbers: 32 MiB in float32."""

MOST_EVAL_SAMPLES = 1000
"""Validation samples that are measured at an evaluation during training; the last one measures all."""

SUBSET_SEED = 0


class Measured(NamedTuple):
    """Mean loss over the labels of a split (nats, or squared error), and the share answered right, 0 to 1."""

    loss: float
    accuracy: float
    sequence_accuracy: float
    """Share of the sequences whose labels are all right."""


def fixed_subset(split: Split, most: int = MOST_EVAL_SAMPLES) -> Split:
    """The same `most` samples of a split in every run, or the split itself where it has no more.

    They are drawn without regard to the order of the samples, which may be sorted by class, from a generator
    of their own, so they depend on the number of samples alone.
    """
    if len(split) <= most:
        return split
    order = torch.randperm(len(split), generator=torch.Generator().manual_seed(SUBSET_SEED))
    index = order[:most].sort().values
    return Split(split.x[index], split.y[index], split.lengths[index])


@torch.no_grad()  # not inference mode: a cell may keep tensors for a later training step
def evaluate(
    model: SequenceClassifier, split: Split, *, tolerance: float | None, device: torch.device
) -> Measured:
    """Measures `model` on all samples, with dropout off."""
    training = model.training
    model.eval()
    width = max(model.state_size, model.encoded_size, model.head.out_features)
    batch_size = max(1, min(len(split), MOST_ACTIVATIONS // (split.x.shape[1] * width)))
    loss, labels, right, whole = 0.0, 0, 0, 0
    for x, y, lengths in split.batches(batch_size):
        x, y, lengths = x.to(device), y.to(device), lengths.to(device)
        answer = model(x, lengths)
        counts = count_right(answer, y, tolerance).tolist()
        if counts[0]:  # a batch without any label has no mean loss
            loss += loss_of(answer, y).double().item() * counts[0]
        labels, right, whole = labels + counts[0], right + counts[1], whole + counts[2]
    model.train(training)
    return Measured(loss / labels, right / labels, whole / len(split))
