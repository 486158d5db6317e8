"""Frequent predictors without memory, for `Task.baselines`: answers from the present step at most."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import torch
from torch import Tensor

from harness.tasks.task import Baselines, PresentStep


def equal_classes(num_classes: int) -> Baselines:
    """Of K classes that are equally likely, whatever the present step: a loss of ln K on any samples."""
    return Baselines(memoryless=always([-math.log(num_classes)] * num_classes))


def always(answer: float | Sequence[float]) -> PresentStep:
    """The same answer at every step: a value, or K log-probabilities.

    >>> always(0.5)(torch.zeros(2, 3), torch.tensor([0, 7])).tolist()
    [0.5, 0.5]
    """
    return functools.partial(_always, torch.tensor(answer, dtype=torch.float64))


def by_token(log_probabilities_VK: Tensor) -> PresentStep:
    """The row of the present token.

    >>> by_token(torch.tensor([[0.0, -9.0], [-9.0, 0.0]]))(torch.tensor([1, 1, 0]), torch.arange(3)).tolist()
    [[-9.0, 0.0], [-9.0, 0.0], [0.0, -9.0]]
    """
    return functools.partial(_by_token, log_probabilities_VK)


def _always(answer: Tensor, x: Tensor, _steps: Tensor) -> Tensor:
    return answer.expand(len(x), *answer.shape)


def _by_token(table: Tensor, x: Tensor, _steps: Tensor) -> Tensor:
    return table[x]
