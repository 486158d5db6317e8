"""Encoder → cell → readout → head: the same model around every cell."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from harness.cells import output_size
from harness.kernels import FusedCell, GradientFlow
from harness.tasks import NO_LABEL, TaskSpec


class SequenceClassifier(nn.Module):
    """Reads a sequence with a cell and answers at its last valid step, or at every step for labels at steps.

    Token ids are encoded one-hot or by a learned embedding; real-valued inputs are used as they are.
    """

    def __init__(self, spec: TaskSpec, cell: nn.Module, embedding_size: int | None = None):
        super().__init__()
        self.target = spec.target
        self.encoded_size = encoded_size(spec, embedding_size)
        self.encoder = _encoder(spec, embedding_size)
        self.cell = cell
        self.head = nn.Linear(output_size(cell, self.encoded_size), spec.num_classes)

    def forward(self, x: Tensor, lengths: Tensor, flows: Sequence[GradientFlow] | None = None) -> Tensor:
        """Logits (B, classes) or (B, T, classes), or values (B,), from x (B, T, D) or (B, T).

        `flows`, one a layer, are filled in the backward pass; only a fused cell can do that.
        """
        encoded = self.encode(x)
        if not isinstance(self.cell, FusedCell):
            return self.answer(self.cell(encoded)[0], lengths)
        if self.target == "steps":
            return self.answer(self.cell(encoded, flows=flows)[0], lengths)
        return self._from_last(self.cell.last_valid(encoded, lengths, flows))

    def encode(self, x: Tensor) -> Tensor:
        """Inputs of the cell: (B, T, D), in the dtype of the weights."""
        return self.encoder(x)

    def answer(self, output_BTH: Tensor, lengths: Tensor) -> Tensor:
        """The head on each sequence's last valid step, or on all steps for labels at steps."""
        if self.target == "steps":
            return self.head(output_BTH)
        rows = torch.arange(len(lengths), device=output_BTH.device)
        return self._from_last(output_BTH[rows, lengths - 1])

    def _from_last(self, state_BH: Tensor) -> Tensor:
        """The head on one state for each sequence."""
        answer = self.head(state_BH)
        return answer.squeeze(-1) if self.target == "value" else answer


class _OneHot(nn.Module):
    """Token ids as rows of the identity matrix; a look-up is faster than a comparison."""

    def __init__(self, vocab_size: int):
        super().__init__()
        self.register_buffer("rows", torch.eye(vocab_size), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return F.embedding(x, self.get_buffer("rows"))


def _encoder(spec: TaskSpec, embedding_size: int | None) -> nn.Module:
    if spec.vocab_size is None:
        return nn.Identity()
    return (
        _OneHot(spec.vocab_size) if embedding_size is None else nn.Embedding(spec.vocab_size, embedding_size)
    )


def encoded_size(spec: TaskSpec, embedding_size: int | None = None) -> int:
    """Features of a step after encoding.

    Raises:
        ValueError: `embedding_size` is set for a task whose inputs are not tokens.
    """
    if embedding_size is not None:
        if spec.vocab_size is None:
            raise ValueError(
                f"embedding_size is for token inputs, those of {spec.name} are real numbers; set it to null"
            )
        return embedding_size
    size = spec.input_size if spec.input_size is not None else spec.vocab_size
    assert size is not None  # TaskSpec holds one of the two
    return size


def loss_of(answer: Tensor, y: Tensor) -> Tensor:
    """Mean squared error for values (B,); else mean cross-entropy in nats, without steps of `NO_LABEL`."""
    if answer.dim() == 1:
        return F.mse_loss(answer, y)
    return F.cross_entropy(answer.flatten(0, -2), y.flatten(), ignore_index=NO_LABEL)


def count_right(answer: Tensor, y: Tensor, tolerance: float | None) -> Tensor:
    """(3,) counts: labels, labels answered right, sequences whose labels are all answered right.

    Right is the highest logit, or a value closer than `tolerance`. A sequence has one label, or with logits
    (B, T, classes) one at each step whose y is not `NO_LABEL`.
    """
    if answer.dim() == 1:
        right = ((answer - y).abs() < (tolerance or 0.0)).unsqueeze(1)
        labelled = torch.ones_like(right)
    else:
        y_BT = y if y.dim() == 2 else y.unsqueeze(1)
        right = answer.argmax(dim=-1).view_as(y_BT) == y_BT
        labelled = y_BT != NO_LABEL
    return torch.stack([labelled.sum(), (right & labelled).sum(), (right | ~labelled).all(dim=1).sum()])


def count_parameters(model: nn.Module) -> int:
    """Number of parameters that are trained."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)
