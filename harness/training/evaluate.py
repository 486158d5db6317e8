"""Loss and accuracy over a whole split."""

from __future__ import annotations

from typing import NamedTuple

import torch

from harness.tasks import Split
from harness.training.model import SequenceClassifier, count_right, loss_of

MOST_ACTIVATIONS = 2**23
"""Largest size of one layer's output in a batch, in numbers: 32 MiB in float32."""


class Measured(NamedTuple):
    """Mean loss over the labels of a split (nats, or squared error), and the share answered right, 0 to 1."""

    loss: float
    accuracy: float
    sequence_accuracy: float
    """Share of the sequences whose labels are all right."""


@torch.inference_mode()
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
