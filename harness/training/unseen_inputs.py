"""Whether a trained model reads what it must not see: padding, or the next input where that is the label."""

from __future__ import annotations

import torch
from torch import Tensor

from harness.cells import seeded
from harness.cells.copied import buffers_restored, modes_restored
from harness.tasks import Split
from harness.training.model import SequenceClassifier

MOST_SAMPLES = 32
TOLERANCE = 1e-5
"""Of the largest answer: far above rounding, since both answers are made of batches of one shape."""


@torch.no_grad()
def why_unseen_inputs_count(
    model: SequenceClassifier, split: Split, *, predicts_next: bool, device: torch.device
) -> str | None:
    """Why the answers on some samples change with inputs that must not matter, or None when they do not.

    It is asked of the trained model: what a cell reads may depend on its weights, as with a branch whose
    weight is zero at first, and on the number of steps.

    Args:
        model: with labels at steps or a label for each sequence; its modes and buffers are left as they were.
        split: samples; the first `MOST_SAMPLES` are tried.
        predicts_next: whether the label of a step is the next input.
        device: of the model.
    """
    x, lengths = (tensor[:MOST_SAMPLES].to(device) for tensor in (split.x, split.lengths))
    N, T = x.shape[:2]
    other = x.roll(1, dims=0).flip(1)
    step_T = torch.arange(T, device=device)
    with modes_restored(model), buffers_restored(model):
        model.eval()
        before = _answer(model, x, lengths)
        padded_NT = step_T >= lengths[:, None]
        if bool(padded_NT.any()):
            after = _answer(model, _replaced(x, other, padded_NT), lengths)
            if _differ(before, after, ~padded_NT if model.target == "steps" else None):
                return "its answers depend on padding: on values behind the end of a sequence"
        if predicts_next and model.target == "steps":
            late_NT = (step_T >= T // 2).expand(N, T)
            after = _answer(model, _replaced(x, other, late_NT), lengths)
            if _differ(before, after, ~late_NT & ~padded_NT):
                return "its answers depend on later steps, and the next step is the label"
    return None


def _answer(model: SequenceClassifier, x: Tensor, lengths: Tensor) -> Tensor:
    with seeded(0):  # a cell may be random
        return model(x, lengths).double()


def _replaced(x: Tensor, other: Tensor, place_NT: Tensor) -> Tensor:
    return torch.where(place_NT if x.dim() == 2 else place_NT[..., None], other, x)


def _differ(before: Tensor, after: Tensor, place_NT: Tensor | None) -> bool:
    if place_NT is not None:
        before, after = before[place_NT], after[place_NT]
    return before.numel() > 0 and bool((after - before).abs().max() > TOLERANCE * before.abs().max())
