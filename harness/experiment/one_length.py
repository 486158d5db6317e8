"""Models that need sequences of one length: refused before training where the task's sequences differ."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from typing import Any

from harness.experiment.errors import MeaninglessPairError
from harness.tasks import Split, Task

READS_ALL = "model.readout=all reads every state of sequences of one length"


def differing_lengths(split: Split) -> str | None:
    """`from 3 to 20 steps` where the sequences of a split differ in length or are padded, else None."""
    low, high = int(split.lengths.min()), int(split.lengths.max())
    return None if low == split.x.shape[1] else f"from {low} to {high} steps, padded to {split.x.shape[1]}"


@functools.lru_cache(maxsize=256)
def planned_lengths(target: Callable[..., Any], arguments_json: str) -> str | None:
    """What `differing_lengths` says of the validation samples of a task, made once for all seeds of a grid.

    None too where they cannot be made: the run itself then ends with the reason.

    Args:
        target: makes the task.
        arguments_json: of the task; a seed among them has no effect.
    """
    arguments = json.loads(arguments_json)
    try:
        task = target(**arguments | ({"seed": 0} if "seed" in arguments else {}))
        return differing_lengths(task.make_split("val", 0))
    except KeyboardInterrupt:
        raise
    except BaseException:  # a third-party task may fail in any way
        return None


def require_one_length(reason: str | None, task: Task) -> None:
    """Checks all samples of a task, which are made by this.

    Args:
        reason: why the model needs sequences of one length; None: it does not.
        task: of the run.

    Raises:
        MeaninglessPairError: they differ in length.
    """
    if reason is None:
        return
    for name, split in (("training", task.train), ("validation", task.val), ("test", task.test)):
        lengths = differing_lengths(split)
        if lengths is not None:
            raise MeaninglessPairError(refusal(reason, task, lengths, name))


def refusal(reason: str, task: Task, lengths: str, samples: str = "validation") -> str:
    """Why a model and a task do not go together, in one line."""
    way_out = (
        "use model.readout=last, mean or max"
        if reason == READS_ALL
        else "use a bidirectional cell of torch.nn"
    )
    name = f"{task.spec.name} ({task.spec.variant})"
    return f"{reason}, but the {samples} samples of {name} have {lengths}; {way_out}"
