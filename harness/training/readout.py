"""Readouts: from a cell's states over a sequence to the features that the head reads."""

from __future__ import annotations

import torch
from torch import Tensor

from harness.cells import last_of_both
from harness.tasks import TaskSpec
from harness.tasks.common.arguments import one_of

READOUTS = ("last", "mean", "max", "all")
"""`last`: the state at the last valid step; `mean`, `max`: element by element over the valid steps; `all`:
the states of all steps, one after another."""


def checked_readout(name: str) -> str:
    """Returns `name`.

    Raises:
        ValueError: it is none of `READOUTS`.
    """
    return one_of("model.readout", name, READOUTS)


def why_not_read(readout: str, spec: TaskSpec) -> str | None:
    """Why a readout means nothing for a task, or None when it can be used."""
    if readout == "last" or spec.target != "steps":
        return None
    return (
        f"model.readout={readout} makes one answer of a sequence, but {spec.name} ({spec.variant}) has "
        "labels at its steps; use model.readout=last, the state at each step"
    )


def read(readout: str, output_BTH: Tensor, lengths: Tensor, *, bidirectional: bool = False) -> Tensor:
    """The features of each sequence: (B, H), or (B, T·H) for `all`; padding has no effect on them.

    Equal maxima, such as zeros of a ReLU, share the gradient evenly.

    Args:
        readout: one of `READOUTS`.
        output_BTH: the states of the top layer at every step.
        lengths: (B,) int64, valid steps from 1 to T.
        bidirectional: `last` reads the second half of the features at step 0.

    Raises:
        ValueError: `all`, and a sequence has fewer than T steps.
    """
    T = output_BTH.shape[1]
    if readout == "last":
        if bidirectional:
            return last_of_both(output_BTH, lengths)
        return output_BTH[torch.arange(len(lengths), device=output_BTH.device), lengths - 1]
    if readout == "all":
        if bool((lengths != T).any()):
            raise ValueError(
                f"model.readout=all needs sequences of one length, but of {T} steps only "
                f"{int(lengths.min())} are valid in one of them; use last, mean or max"
            )
        return output_BTH.flatten(1)
    ended_BT1 = torch.arange(T, device=output_BTH.device)[:, None] >= lengths[:, None, None]
    if readout == "mean":
        return output_BTH.masked_fill(ended_BT1, 0.0).sum(dim=1) / lengths[:, None]
    return output_BTH.masked_fill(ended_BT1, -torch.inf).amax(dim=1)
