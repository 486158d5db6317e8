"""Recorded time series of the UCR and UEA archives, with the published training and test parts."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from harness.tasks.common.arguments import one_of
from harness.tasks.common.labels import class_of_label, names_of_classes
from harness.tasks.common.missing import MISSING, fill, present_means
from harness.tasks.common.series import channel_statistics, padded
from harness.tasks.common.split_notes import log_once
from harness.tasks.common.stratified import stratified_split
from harness.tasks.files.content import hash_parts
from harness.tasks.files.timeseries import Series, checked_name, earlier_text, read_part
from harness.tasks.task import Baselines, Split, Task, TaskSpec

VAL_SHARE = 1 / 5
"""Share of each class of the published training part."""


def load_timeseries(
    *,
    name: str = "JapaneseVowels",
    normalize: bool = True,
    missing: str = "error",
    data_dir: str | Path | None = None,
) -> Task:
    """The class of a recorded series: a speaker, a movement, a leaf, depending on `name`.

        JapaneseVowels  7 to 29 steps of 12 cepstral coefficients  ->  which of 9 speakers, class 0 to 8
        BasicMotions    100 steps of 6 sensor channels  ->  badminton 0, running 1, standing 2, walking 3

    Classes are the labels in sorted order (see `class_of_label`): numbers by value, and 1 and 1.0 are one
    class; words as they are written. Shorter series are padded on the right with zeros, after
    normalisation; `lengths` has their true length. Variants: `NAME` is normalised, for each channel
    (x − mean) / standard deviation over the steps of the training samples, where a constant channel is only
    centred; `NAME-raw` is as published. Names that end in `_eq` and `_nmv` are the archives' own versions of
    equal length and without missing values.

    Missing values (`?`) are an error, or filled in before normalisation, and the variant is named after it:
    `zero`; `mean`, that of the channel over the training samples; `interpolate`, on a straight line between
    the nearest values of the same series, at the ends the nearest one, in a channel without any the mean.

    The training and test parts are the published ones. 1/5 of each class of the training part, rounded, is
    for validation: always the same samples, so there is no seed. Whether an archive holds a series twice is
    not checked. Parts can be small: BasicMotions has 40 series for training and validation.

    Baseline: always predicting the most frequent class of the test part, which is known from its labels;
    its share there is the chance accuracy (JapaneseVowels 88/370 = 0.238, BasicMotions 10/40 = 0.25). The
    lowest loss that the last step alone allows is not known.

    Args:
        name: name of the problem, spelled as in the archives; aeon bundles `files.timeseries.BUNDLED`.
        normalize: whether to normalise each channel.
        missing: what becomes of missing values: `error`, `zero`, `mean` or `interpolate`.
        data_dir: a folder to search first, for `NAME/NAME_TRAIN.ts` and `NAME/NAME_TEST.ts`; None:
            `$HARNESS_DATA` or the cache. What is not there is read from the files that aeon bundles.

    Returns:
        x (N, T, channels) float32, T the longest of both parts; y (N,) int64.

    Raises:
        ValueError: an argument is outside its range, or the problem cannot be used: a file cannot be read,
            its parts differ in channels, values are missing, the targets are numbers, or the classes are
            too small for a validation part.
        FileNotFoundError: the problem is neither on disk nor bundled, or aeon is not installed.

    Source: Dau et al. 2019, arXiv 1810.07758 (UCR, one channel); Bagnall et al. 2018, arXiv 1811.00075
    (UEA, several channels).
    """
    if not isinstance(normalize, bool):
        raise ValueError(f"normalize must be true or false, not {normalize!r}")
    missing = one_of("missing", missing, MISSING)
    name = checked_name(name)
    train, test = read_part(name, "TRAIN", data_dir), read_part(name, "TEST", data_dir)
    _check_parts(name, train, test, missing)
    labels = [*train.y, *test.y]
    classes = class_of_label(labels)
    _note_absent_classes(name, [*train.declared, *test.declared], labels)
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
    if missing != "error":
        means = present_means(name, parts["train"][0])
        parts = {split: ([fill(one, missing, means) for one in x], y) for split, (x, y) in parts.items()}
    variant = f"{name}{'' if normalize else '-raw'}{'' if missing == 'error' else f'-{missing}'}"
    spec = _spec(name, variant, train, test, classes)
    mean, deviation = channel_statistics(parts["train"][0]) if normalize else (np.float64(0), np.float64(1))
    make_split = functools.partial(_make_split, parts, mean, deviation, spec.seq_len)
    predictors = Baselines(chance=int(np.bincount(test_y).argmax()))
    return Task(spec, make_split, content=hash_parts(train.content, test.content), baselines=predictors)


def _check_parts(name: str, train: Series, test: Series, missing: str) -> None:
    """Refuses parts of different channels, and missing values where they are an error."""
    channels = [part.x[0].shape[1] for part in (train, test)]
    if channels[0] != channels[1]:
        raise ValueError(
            f"name={name} cannot be used: {name}_TRAIN.ts has {channels[0]} "
            f"channel{'s' * (channels[0] > 1)} and {name}_TEST.ts {channels[1]}; both parts need the same"
        )
    for count, where in (train.missing, test.missing):
        if count and missing == "error":
            raise ValueError(
                f"{where}: a value is missing, the first of {count}; set missing to zero, mean or "
                f"interpolate, or use the archive's version without missing values, if it has one: {name}_nmv"
            )


def _note_absent_classes(name: str, declared: Sequence[str], labels: Sequence[str]) -> None:
    """Logs the classes that the headers declare and that no sample has: they are no classes of the task."""
    count = len(set(class_of_label(labels).values()))
    absent = [
        label
        for label in dict.fromkeys(declared)
        if len(set(class_of_label([*labels, label]).values())) > count
    ]
    if absent:
        log_once(f"timeseries ({name}): no sample of the declared {', '.join(map(repr, absent))}; left out")


def _make_split(
    parts: dict[str, tuple[list[np.ndarray], list[int]]],
    mean: np.ndarray | np.float64,
    deviation: np.ndarray | np.float64,
    seq_len: int,
    split: str,
    _epoch: int,
) -> Split:
    series, y = parts[split]
    x, lengths = padded([(one - mean) / deviation for one in series], seq_len)
    return Split(x, torch.tensor(y, dtype=torch.int64), lengths)


def _spec(name: str, variant: str, train: Series, test: Series, classes: Mapping[str, int]) -> TaskSpec:
    channels, names = train.x[0].shape[1], names_of_classes(classes)
    test_y = [classes[label] for label in test.y]
    return TaskSpec(
        name="timeseries",
        variant=variant,
        target="class",
        seq_len=max(len(one) for one in (*train.x, *test.x)),
        input_size=channels,
        num_classes=len(names),
        class_names=names,
        chance_accuracy=int(np.bincount(test_y).max()) / len(test_y),
        data_source=f"ucr-{name}",
        citation="UCR archive: Dau et al. 2019, IEEE/CAA J. Autom. Sinica 6(6), arXiv 1810.07758"
        if channels == 1
        else "UEA archive: Bagnall et al. 2018, arXiv 1811.00075",
        revision=_revision([*train.y, *test.y], classes),
    )


def _revision(labels: Sequence[str], classes: Mapping[str, int]) -> int:
    """1 where the classes are others than in version 0.2, which ignored case and told 1 from 1.0; else 0."""
    earlier = sorted(set(map(earlier_text, labels)))
    with contextlib.suppress(ValueError):
        earlier.sort(key=float)
    return int(any(earlier.index(earlier_text(label)) != number for label, number in classes.items()))
