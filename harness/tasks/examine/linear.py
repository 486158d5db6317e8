"""Linear predictors on few features, fitted in float64 from zero weights: the same answer each time."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

RIDGE = 1e-4
"""Weight of the squared weights beside the mean loss."""

ITERATIONS = 100


def softmax_regression(x: Tensor, labels: Tensor) -> Callable[[Tensor], Tensor]:
    """From features (N, F) and classes (N,) to a function from features (M, F) to classes (M,).

    >>> x = torch.tensor([[0.0], [1.0], [4.0], [5.0]]).double()
    >>> predict = softmax_regression(x, torch.tensor([0, 0, 1, 1]))
    >>> predict(torch.tensor([[-1.0], [2.0], [3.0], [9.0]]).double()).tolist()
    [0, 0, 1, 1]
    """
    scale = _standardiser(x)
    inputs = scale(x)
    weights = torch.zeros(inputs.shape[1], int(labels.max()) + 1, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([weights], max_iter=ITERATIONS, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        value = torch.nn.functional.cross_entropy(inputs @ weights, labels) + RIDGE * weights.square().sum()
        value.backward()
        return value

    with torch.enable_grad():
        optimizer.step(loss)
    fitted = weights.detach()
    return lambda features: (scale(features) @ fitted).argmax(dim=1)


def least_squares(x: Tensor, values: Tensor) -> Callable[[Tensor], Tensor]:
    """From features (N, F) and values (N,) to a function from features (M, F) to values (M,).

    >>> predict = least_squares(torch.tensor([[0.0], [1.0], [2.0]]).double(), torch.tensor([1.0, 3.0, 5.0]))
    >>> predict(torch.tensor([[4.0]]).double()).round(decimals=1).tolist()
    [9.0]
    """
    scale = _standardiser(x)
    inputs, targets = scale(x), values.double()
    squares = inputs.T @ inputs / len(inputs) + RIDGE * torch.eye(inputs.shape[1], dtype=torch.float64)
    fitted = torch.linalg.solve(squares, inputs.T @ targets / len(inputs))
    return lambda features: scale(features) @ fitted


def _standardiser(x: Tensor) -> Callable[[Tensor], Tensor]:
    """To mean 0 and standard deviation 1 over the rows of x, with a column of ones; constants become 0."""
    mean, deviation = x.mean(dim=0), x.std(dim=0, unbiased=False)
    deviation = torch.where(deviation > 0, deviation, torch.inf)

    def scale(features: Tensor) -> Tensor:
        return torch.cat(
            [(features - mean) / deviation, torch.ones(len(features), 1, dtype=torch.float64)], dim=1
        )

    return scale
