"""A task over sequences of the user, which are in memory."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch

from harness.tasks.common.own_options import OwnOptions
from harness.tasks.common.series import channel_statistics
from harness.tasks.task import Baselines, Split, Task, TaskSpec


@dataclass(frozen=True, eq=False)
class OwnSamples:
    """Checked sequences with a label or a value each.

    Attributes:
        x: (N, T, D) numbers, or (N, T) token ids; zero after the end of a sequence.
        lengths: (N,) int64, from 1 to T; the longest is T.
        y: (N,) int64 classes 0 … K − 1, or (N,) float64 values.
        class_names: of the K classes; None: their numbers, or y holds values.
        rows: sorted indices of the samples of each split.
    """

    x: np.ndarray
    lengths: np.ndarray
    y: np.ndarray
    class_names: tuple[str, ...] | None
    rows: Mapping[str, np.ndarray]

    @property
    def target(self) -> Literal["class", "value"]:
        """What y holds."""
        return "value" if self.y.dtype.kind == "f" else "class"


def own_task(samples: OwnSamples, options: OwnOptions, *, name: str, kind: str, content: str) -> Task:
    """A task over `samples`, whose splits share no memory with them.

    Args:
        samples: of all splits.
        options: those that are about features and values.
        name: of the data set.
        kind: of its source, such as `csv`.
        content: SHA-256 (hex) of the data.
    """
    tokens = samples.x.ndim == 2
    mean: np.ndarray | np.float64 = np.float64(0)
    deviation: np.ndarray | np.float64 = np.float64(1)
    if options.normalize and not tokens:
        train = samples.rows["train"]
        ends = zip(train, samples.lengths[train], strict=True)
        mean, deviation = channel_statistics([samples.x[i, :end].astype(np.float64) for i, end in ends])
    answer, chance = best_constant(samples.y[samples.rows["test"]], options.tolerance)
    spec = TaskSpec(
        name=name,
        variant="tokens" if tokens else "values" if options.normalize else "values-raw",
        target=samples.target,
        seq_len=samples.x.shape[1],
        input_size=None if tokens else samples.x.shape[2],
        vocab_size=int(samples.x.max()) + 1 if tokens else None,
        num_classes=1 if samples.target == "value" else int(samples.y.max()) + 1,
        chance_accuracy=chance,
        tolerance=options.tolerance,
        data_source=f"{kind}-{name}",
        citation="own data",
        class_names=samples.class_names,
    )
    make_split = functools.partial(_make_split, samples, mean, deviation)
    return Task(spec, make_split, content=content, baselines=Baselines(chance=answer))


def best_constant(y: np.ndarray, tolerance: float | None) -> tuple[float, float]:
    """The answer that is right most often for labels or values y (N,), and its share of right answers.

    >>> best_constant(np.array([2, 0, 2]), None)
    (2, 0.6666666666666666)
    >>> best_constant(np.array([0.0, 1.0, 1.5, 9.0]), 0.5)
    (1.25, 0.5)
    """
    if tolerance is None:
        counts = np.bincount(y)
        return int(counts.argmax()), int(counts.max()) / len(y)
    ordered = np.sort(y)
    # The middle of a group of values is right for all of them when they are less than 2 tolerances apart.
    group_ends = np.searchsorted(ordered, ordered + 2 * tolerance, side="left")
    first = int((group_ends - np.arange(len(ordered))).argmax())
    answer = (ordered[first] + ordered[group_ends[first] - 1]) / 2
    return float(answer), float((np.abs(y - answer) < tolerance).mean())


def _make_split(
    samples: OwnSamples,
    mean: np.ndarray | np.float64,
    deviation: np.ndarray | np.float64,
    split: str,
    _epoch: int,
) -> Split:
    rows = samples.rows[split]
    x, lengths = samples.x[rows], samples.lengths[rows]
    if samples.x.ndim == 2:
        x = x.astype(np.int64)
    else:
        x = ((x - mean) / deviation).astype(np.float32)
        x[np.arange(x.shape[1]) >= lengths[:, None]] = 0
    y = samples.y[rows].astype(np.float32 if samples.target == "value" else np.int64)
    return Split(torch.from_numpy(x), torch.from_numpy(y), torch.from_numpy(lengths))
