"""Recorded time series of the UCR and UEA archives, with the published training and test parts."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from harness.tasks.common.labels import class_of_label
from harness.tasks.common.stratified import stratified_split
from harness.tasks.files.content import hash_parts
from harness.tasks.files.timeseries import checked_name, read_part
from harness.tasks.task import Baselines, Split, Task, TaskSpec

VAL_SHARE = 1 / 5
"""Share of each class of the published training part."""


def load_timeseries(
    *, name: str = "JapaneseVowels", normalize: bool = True, data_dir: str | Path | None = None
) -> Task:
    """The class of a recorded series: a speaker, a movement, a leaf, depending on `name`.

        JapaneseVowels  7 to 29 steps of 12 cepstral coefficients  ->  which of 9 speakers, class 0 to 8
        BasicMotions    100 steps of 6 sensor channels  ->  badminton 0, running 1, standing 2, walking 3

    Classes are the labels in sorted order (see `class_of_label`). Shorter series are padded on the right
    with zeros, after normalisation; `lengths` has their true length. Variants: `NAME` is normalised, for
    each channel (x − mean) / standard deviation over the steps of the training samples, where a constant
    channel is only centred; `NAME-raw` is as published. Names that end in `_eq` and `_nmv` are the
    archives' own versions of equal length and without missing values.

    The training and test parts are the published ones. 1/5 of each class of the training part, rounded, is
    for validation: always the same samples, so there is no seed. Whether an archive holds a series twice is
    not checked. Parts can be small: BasicMotions has 40 series for training and validation.

    Baseline: always predicting the most frequent class of the test part, which is known from its labels;
    its share there is the chance accuracy (JapaneseVowels 88/370 = 0.238, BasicMotions 10/40 = 0.25). The
    lowest loss that the last step alone allows is not known.

    Args:
        name: name of the problem, spelled as in the archives; aeon bundles `files.timeseries.BUNDLED`.
        normalize: whether to normalise each channel.
        data_dir: a folder to search first, for `NAME/NAME_TRAIN.ts` and `NAME/NAME_TEST.ts`; None:
            `$HARNESS_DATA` or the cache. What is not there is read from the files that aeon bundles.

    Returns:
        x (N, T, channels) float32, T the longest of both parts; y (N,) int64.

    Raises:
        ValueError: an argument is outside its range, or the problem cannot be used: values are missing,
            the targets are numbers, or the classes are too small for a validation part.
        FileNotFoundError: the problem is not on disk, or aeon is not installed.

    Source: Dau et al. 2019, arXiv 1810.07758 (UCR, one channel); Bagnall et al. 2018, arXiv 1811.00075
    (UEA, several channels).
    """
    if not isinstance(normalize, bool):
        raise ValueError(f"normalize must be true or false, not {normalize!r}")
    name = checked_name(name)
    train, test = read_part(name, "TRAIN", data_dir), read_part(name, "TEST", data_dir)
    classes = class_of_label([*train.y, *test.y])
    train_y, test_y = ([classes[label] for label in part.y] for part in (train, test))
    rest, chosen = stratified_split(np.array(train_y), VAL_SHARE)
    if len(chosen) == 0:
        raise ValueError(
            f"name={name} cannot be used: no class is large enough to use 1/5 of it for validation"
        )
    parts = {
        "train": ([train.x[i] for i in rest], [train_y[i] for i in rest]),
        "val": ([train.x[i] for i in chosen], [train_y[i] for i in chosen]),
        "test": (test.x, test_y),
    }
    spec = _spec(name, name if normalize else f"{name}-raw", [*train.x, *test.x], test_y, len(classes))
    mean, deviation = channel_statistics(parts["train"][0]) if normalize else (np.float64(0), np.float64(1))
    make_split = functools.partial(_make_split, parts, mean, deviation, spec.seq_len)
    predictors = Baselines(chance=int(np.bincount(test_y).argmax()))
    return Task(spec, make_split, content=hash_parts(train.content, test.content), baselines=predictors)


def _make_split(
    parts: dict[str, tuple[list[np.ndarray], list[int]]],
    mean: np.ndarray | np.float64,
    deviation: np.ndarray | np.float64,
    seq_len: int,
    split: str,
    _epoch: int,
) -> Split:
    series, y = parts[split]
    x, lengths = _padded([(one - mean) / deviation for one in series], seq_len)
    return Split(x, torch.tensor(y, dtype=torch.int64), lengths)


def _spec(
    name: str, variant: str, series: Sequence[np.ndarray], test_y: Sequence[int], num_classes: int
) -> TaskSpec:
    channels = series[0].shape[1]
    return TaskSpec(
        name="timeseries",
        variant=variant,
        target="class",
        seq_len=max(len(one) for one in series),
        input_size=channels,
        num_classes=num_classes,
        chance_accuracy=int(np.bincount(test_y).max()) / len(test_y),
        data_source=f"ucr-{name}",
        citation="UCR archive: Dau et al. 2019, IEEE/CAA J. Autom. Sinica 6(6), arXiv 1810.07758"
        if channels == 1
        else "UEA archive: Bagnall et al. 2018, arXiv 1811.00075",
    )


def channel_statistics(series: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each channel over all steps of all series; 1 for a constant channel.

    The sums are exact (`math.fsum`), so they do not depend on the order in which a machine adds.

    >>> mean, deviation = channel_statistics([np.array([[1.0, 5.0], [3.0, 5.0]]), np.array([[5.0, 5.0]])])
    >>> mean.tolist(), (deviation**2).round(6).tolist()
    ([3.0, 5.0], [2.666667, 1.0])
    """
    channels = np.concatenate(series).T
    count = channels.shape[1]
    mean = [math.fsum(channel) / count for channel in channels]
    variance = [math.fsum((x - mu) ** 2) / count for x, mu in zip(channels, mean, strict=True)]
    constant = channels.min(axis=1) == channels.max(axis=1)
    return np.array(mean), np.where(constant, 1.0, np.sqrt(variance))


def _padded(series: Sequence[np.ndarray], longest: int) -> tuple[torch.Tensor, torch.Tensor]:
    """(N, longest, channels) float32 with zeros on the right, and (N,) int64, the true lengths."""
    x_NTD = np.zeros((len(series), longest, series[0].shape[1]), dtype=np.float32)
    for row, one in zip(x_NTD, series, strict=True):
        row[: len(one)] = one
    return torch.from_numpy(x_NTD), torch.tensor([len(one) for one in series], dtype=torch.int64)
