"""Encoder → cell → readout → head: the same model around every cell."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from harness.cells import is_bidirectional, is_torch_cell, output_size, outputs_of, reads_tokens
from harness.kernels import FusedCell, GradientFlow
from harness.tasks import NO_LABEL, TaskSpec
from harness.training.readout import checked_readout, read, why_not_read

LARGEST_TABLE = 128
"""Symbols up to which looking up one-hot codes is faster than writing them."""


class SequenceClassifier(nn.Module):
    """Reads a sequence with a cell and answers from its readout, or at every step for labels at steps.

    Token ids are encoded one-hot or by a learned embedding, unless the cell reads them itself; real-valued
    inputs are used as they are.

    Attributes:
        readout: one of `READOUTS`; for labels at steps `last`, which is then each step's own state.
        state_size: features of one step of the cell's output.
    """

    def __init__(
        self, spec: TaskSpec, cell: nn.Module, embedding_size: int | None = None, readout: str = "last"
    ):
        """Makes encoder and head around `cell`.

        Raises:
            ValueError: the readout is unknown, or means nothing for the task; or the cell reads token ids
                and gets none.
        """
        super().__init__()
        self.target = spec.target
        self.readout = checked_readout(readout)
        own_tokens = reads_tokens(cell)
        reason = why_not_read(readout, spec)
        reason = reason or (why_no_tokens(type(cell).__name__, spec, embedding_size) if own_tokens else None)
        if reason is not None:
            raise ValueError(reason)
        self.encoded_size = encoded_size(spec, embedding_size)
        self.encoder = nn.Identity() if own_tokens else _encoder(spec, embedding_size)
        self.cell = cell
        self.state_size = output_size(cell, self.encoded_size)
        steps_read = spec.seq_len if readout == "all" else 1
        self.head = nn.Linear(steps_read * self.state_size, spec.num_classes)

    def forward(self, x: Tensor, lengths: Tensor, flows: Sequence[GradientFlow] | None = None) -> Tensor:
        """Logits (B, classes) or (B, T, classes), or values (B,), from x (B, T, D) or (B, T).

        `flows`, one a layer, are filled in the backward pass; only a fused cell can do that.
        """
        encoded = self.encode(x)
        if flows is not None and not encoded.requires_grad and _is_frozen_below(self.cell):
            encoded = encoded.detach().requires_grad_()  # else no backward pass reaches the first layer
        return self.answer_encoded(encoded, lengths, flows)

    def answer_encoded(
        self, encoded: Tensor, lengths: Tensor, flows: Sequence[GradientFlow] | None = None
    ) -> Tensor:
        """What `forward` returns, from inputs as `encode` returns them."""
        if not isinstance(self.cell, FusedCell):
            if isinstance(self.encoder, nn.Identity) and not is_torch_cell(self.cell):
                encoded = encoded.clone()  # it may change its input in place: the data
            return self.answer(outputs_of(self.cell, encoded, lengths), lengths)
        if self.target == "steps" or self.readout != "last":
            return self.answer(self.cell(encoded, flows=flows)[0], lengths)
        return self._from_features(self.cell.last_valid(encoded, lengths, flows))

    def encode(self, x: Tensor) -> Tensor:
        """Inputs of the cell: (B, T, D), in the dtype of the weights; (B, T) ids where it reads tokens."""
        return self.encoder(x)

    def answer(self, output_BTH: Tensor, lengths: Tensor) -> Tensor:
        """The head on the readout of each sequence, or on every step for labels at steps."""
        if self.target == "steps":
            return self.head(output_BTH)
        both = is_bidirectional(self.cell)
        features = read(self.readout, output_BTH, lengths, bidirectional=both)
        if features.shape[1] != self.head.in_features:  # `all` at another length, whose head has another size
            steps = self.head.in_features // self.state_size
            raise ValueError(
                f"model.readout={self.readout} was made for {steps} steps, not {output_BTH.shape[1]}; use "
                "last, mean or max"
            )
        return self._from_features(features)

    def extra_repr(self) -> str:
        """Names a readout other than the usual one: it decides how a saved training continues."""
        return "" if self.readout == "last" else f"readout={self.readout}"

    def _from_features(self, features: Tensor) -> Tensor:
        """The head on the features of each sequence."""
        answer = self.head(features)
        return answer.squeeze(-1) if self.target == "value" else answer


def _is_frozen_below(cell: nn.Module) -> bool:
    """Whether no weight of the first layer of a fused cell is trained."""
    return not any(p.requires_grad for name, p in cell.named_parameters() if name.endswith("_l0"))


class _OneHot(nn.Module):
    """Token ids as rows of the identity matrix; a look-up is faster than a comparison."""

    def __init__(self, vocab_size: int):
        super().__init__()
        self.register_buffer("rows", torch.eye(vocab_size), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return F.embedding(x, self.get_buffer("rows"))


class _WideOneHot(nn.Module):
    """The same codes written into zeros, for vocabularies whose identity matrix would be large."""

    def __init__(self, vocab_size: int):
        super().__init__()
        self.vocab_size = vocab_size
        self.register_buffer("one", torch.ones(()), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        one = self.get_buffer("one")
        codes = one.new_zeros(*x.shape, self.vocab_size)
        return codes.scatter_(-1, x[..., None], one.expand(*x.shape, 1))


def _encoder(spec: TaskSpec, embedding_size: int | None) -> nn.Module:
    size = spec.vocab_size
    if size is None:
        return nn.Identity()
    if embedding_size is not None:
        return nn.Embedding(size, embedding_size)
    return _OneHot(size) if size <= LARGEST_TABLE else _WideOneHot(size)


def why_no_tokens(cell: str, spec: TaskSpec, embedding_size: int | None) -> str | None:
    """Why a cell that reads token ids cannot have those of a task, or None when it can.

    `cell` names it in the message.
    """
    reads = f"{cell} reads token ids itself"
    if spec.vocab_size is None:
        return f"{reads}, and the inputs of {spec.name} are real numbers"
    if embedding_size is not None:
        return f"{reads}, so model.embedding_size={embedding_size} has nothing to embed; set it to null"
    return None


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
