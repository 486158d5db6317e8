"""A bag of inputs: predictors that see what occurred in a sequence and how often, but not in which order.

They are fitted to training samples and answer for each label from the inputs up to its step: for a label of
the whole sequence that is all of it.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from harness.tasks.examine.facts import batch_size, valid_steps
from harness.tasks.examine.linear import least_squares, softmax_regression
from harness.tasks.task import NO_LABEL, Split, TaskSpec

Answer = tuple[Tensor, Tensor]
"""The answers and the labels, (M,) each."""

MOST_SHARES = 4096
"""Symbols of a vocabulary whose shares are the features of a linear predictor."""

MOST_FITTED = 50_000
"""Labels that a linear predictor is fitted to; of more, so many at equal distances."""

NAIVE_BAYES = "multinomial naive Bayes on counts of symbols"
SOFTMAX = "softmax regression on mean and standard deviation of each channel"
LINEAR_VALUES = "linear regression on mean and standard deviation of each channel"
LINEAR_SHARES = "linear regression on shares of symbols"


def bag_predictor(spec: TaskSpec) -> str | None:
    """Which predictor `bag_answers` fits; None: the vocabulary is too large for it."""
    if spec.vocab_size is not None and spec.target != "value":
        return NAIVE_BAYES
    if spec.vocab_size is not None:
        return LINEAR_SHARES if spec.vocab_size <= MOST_SHARES else None
    return LINEAR_VALUES if spec.target == "value" else SOFTMAX


def bag_answers(spec: TaskSpec, training: Split, samples: Split) -> Answer:
    """What the predictor of `bag_predictor` answers on samples, beside their labels.

    Args:
        spec: of the task.
        training: samples to fit it to, with finite values.
        samples: other samples.
    """
    if bag_predictor(spec) == NAIVE_BAYES:
        return naive_bayes(spec, training, samples)
    fit: Callable[[Tensor, Tensor], Callable[[Tensor], Tensor]] = least_squares
    if spec.target != "value":
        fit = softmax_regression
    features, labels = _features(spec, training)
    every = -(-len(labels) // MOST_FITTED)
    predict = fit(features[::every], labels[::every])
    tested, truth = _features(spec, samples)
    return predict(tested), truth


def naive_bayes(spec: TaskSpec, training: Split, samples: Split) -> Answer:
    """Multinomial naive Bayes with one added to each count.

    Symbol i of a sequence with label k has the probability (count of i with k + 1) / (count of all with
    k + V), whatever comes before it; a label has its share of the training labels, one added to its count.

    >>> from harness.tasks import make_majority
    >>> task = make_majority(seq_len=31, num_classes=2, n_train=2000, n_test=500)
    >>> answers, labels = naive_bayes(task.spec, task.train, task.test)
    >>> float((answers == labels).double().mean()) > 0.95  # counts decide it, of a few samples by one symbol
    True
    """
    symbols, classes = spec.vocab_size or 1, spec.num_classes
    size = batch_size(spec, classes)
    counts_VK = torch.ones(symbols, classes, dtype=torch.float64)
    prior_K = torch.ones(classes, dtype=torch.float64)
    for x, y, lengths in training.batches(size):
        labels_BT = _labels_at_steps(spec, x, y, lengths)
        at_BTK = torch.zeros(*labels_BT.shape, classes, dtype=torch.float64)
        at_BTK.scatter_(2, labels_BT.clamp_min(0).unsqueeze(2), 1.0)
        at_BTK *= (labels_BT != NO_LABEL).unsqueeze(2)
        prior_K += at_BTK.sum(dim=(0, 1))
        later_BTK = (
            at_BTK.flip(1).cumsum(dim=1).flip(1)
        )  # labels at or after a step: its symbol counts for these
        counts_VK.index_add_(0, x.reshape(-1), later_BTK.reshape(-1, classes))
    scores_VK = counts_VK.log() - counts_VK.sum(dim=0).log()
    prior_K = (prior_K / prior_K.sum()).log()
    answers, truth = [], []
    for x, y, lengths in samples.batches(size):
        labels_BT = _labels_at_steps(spec, x, y, lengths)
        rows, steps = (labels_BT != NO_LABEL).nonzero(as_tuple=True)
        scores = scores_VK[x].cumsum(dim=1)[rows, steps] + prior_K
        answers.append(scores.argmax(dim=1))
        truth.append(labels_BT[rows, steps])
    return torch.cat(answers), torch.cat(truth)


def _labels_at_steps(spec: TaskSpec, x: Tensor, y: Tensor, lengths: Tensor) -> Tensor:
    """(B, T) labels; that of a whole sequence is at its last valid step, the other steps have `NO_LABEL`."""
    if spec.target == "steps":
        return y
    labels_BT = torch.full(x.shape[:2], NO_LABEL)
    labels_BT[torch.arange(len(x)), lengths - 1] = y
    return labels_BT


def _features(spec: TaskSpec, split: Split) -> tuple[Tensor, Tensor]:
    """(M, F) float64 features of the inputs up to each label, and the labels (M,)."""
    width = spec.vocab_size or 2 * (spec.input_size or 1)
    features, labels = [], []
    for x, y, lengths in split.batches(batch_size(spec, width)):
        rows, steps = torch.arange(len(x)), lengths - 1
        if spec.target == "steps":
            rows, steps = (y != NO_LABEL).nonzero(as_tuple=True)
        labels.append(y[rows, steps] if spec.target == "steps" else y)
        values = (
            x.double()
            if spec.vocab_size is None
            else torch.nn.functional.one_hot(x, spec.vocab_size).double()
        )
        values = values * valid_steps(x, lengths).unsqueeze(2)
        seen = (steps + 1).unsqueeze(1)
        mean = values.cumsum(dim=1)[rows, steps] / seen
        if spec.vocab_size is not None:
            features.append(mean)
            continue
        square = values.square().cumsum(dim=1)[rows, steps] / seen
        features.append(torch.cat([mean, (square - mean.square()).clamp_min(0).sqrt()], dim=1))
    return torch.cat(features), torch.cat(labels)
