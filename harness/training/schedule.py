"""Learning-rate schedules: the factor on the learning rate at each step of a training."""

from __future__ import annotations

import math


def lr_factor(schedule: str, step: int, total: int) -> float:
    """The factor on the learning rate at a training step; it depends on nothing else.

    `cosine` falls from 1 towards 0, which it would reach one step after the last (Loshchilov & Hutter 2017,
    without restarts). `warmup_cosine` first rises linearly over the first 5 % of the steps, at least one
    (Goyal et al. 2017), reaches 1 at the step after them, and falls from there in the same way.

    Args:
        schedule: one of `SCHEDULES`.
        step: number of the training step, from 1 to `total`.
        total: steps of the whole budget.

    >>> [round(lr_factor("cosine", step, 4), 3) for step in (1, 2, 3, 4)]
    [1.0, 0.854, 0.5, 0.146]
    >>> [round(lr_factor("warmup_cosine", step, 5), 3) for step in (1, 2, 3, 4, 5)]
    [0.5, 1.0, 0.854, 0.5, 0.146]
    >>> lr_factor("constant", 3, 4)
    1.0
    """
    if schedule == "constant":
        return 1.0
    warmup = math.ceil(total / 20) if schedule == "warmup_cosine" else 0
    if step <= warmup:
        return step / (warmup + 1)
    return (1 + math.cos(math.pi * (step - 1 - warmup) / (total - warmup))) / 2
