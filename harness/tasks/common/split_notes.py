"""What a comparison should know of a split: classes that it lacks, and inputs that another split has too."""

from __future__ import annotations

import functools
import logging
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from harness.tasks.common.disjoint import row_hashes
from harness.tasks.common.split_checks import is_overlapping, title
from harness.tasks.task import NO_LABEL, Split, Task, TaskSpec

log = logging.getLogger("harness.tasks")

MOST_NAMED = 5
"""Classes that a note names; of more, the first and how many there are."""


MOST_EXPECTED = 20
"""Classes of which a held-out split is expected to have every one; characters of a text are more."""

MOST_COUNTED = 500
"""Samples whose labels are counted first: mostly they have every class."""


def log_notes(task: Task, name: str, split: Split) -> None:
    """Logs the notes on a split, each once in a process, as warnings.

    Shared inputs are looked for between the splits that were made so far. Not looked at are the generated
    tasks of this package, whose docstrings say what they share, tasks whose training samples are `fresh`,
    and overlapping windows of one sequence.
    """
    others: dict[str, Split] = {}
    if not (task.fresh or _is_generated_here(task) or is_overlapping(split.x)):
        others = {one: vars(task)[one] for one in ("train", "val", "test") if one in vars(task)}
    lines = [*class_notes(task.spec, name, split), *shared_notes(task.spec, name, split, others)]
    if name != "train" and "train" in vars(task):
        lines += unseen_notes(task.spec, name, split, task.train)
    for line in lines:
        log_once(line)


def class_notes(spec: TaskSpec, name: str, split: Split) -> list[str]:
    """A line if classes have no label in a split, or if all labels are of one class; values have no classes.

    A held-out split may lack some of more than `MOST_EXPECTED` classes without a line.

    Args:
        spec: of the task.
        name: of the split: `train`, `val` or `test`.
        split: its samples.
    """
    if spec.target == "value":
        return []
    counts = _class_counts(spec, split.y[:MOST_COUNTED])
    if not bool(counts.all()):
        counts = _class_counts(spec, split.y)
    if int((counts > 0).sum()) == 1:
        only = class_text(spec, int(counts.argmax()))
        return [f"{title(spec, name)}: every label is {only}, so there is nothing to tell apart"]
    absent = (counts == 0).nonzero().flatten().tolist()
    if not absent or (name != "train" and spec.num_classes > MOST_EXPECTED):
        return []
    effect = "which no cell can then learn" if name == "train" else "of which its accuracy says nothing"
    return [
        f"{title(spec, name)}: no sample of {named_classes(spec, absent)}, of {spec.num_classes} classes, "
        f"{effect}"
    ]


def unseen_notes(spec: TaskSpec, name: str, split: Split, train: Split) -> list[str]:
    """A line if labels of a held-out split are of classes that no training sample has.

    Args:
        spec: of the task.
        name: of the split.
        split: its samples.
        train: the training samples.
    """
    if spec.target == "value" or bool(_class_counts(spec, train.y[:MOST_COUNTED]).all()):
        return []
    counts = _class_counts(spec, split.y)
    unseen = ((counts > 0) & (_class_counts(spec, train.y) == 0)).nonzero().flatten().tolist()
    if not unseen:
        return []
    return [
        f"{title(spec, name)}: {int(counts[unseen].sum())} of {int(counts.sum())} labels are of classes that "
        f"no training sample has, and count as errors: {named_classes(spec, unseen)}"
    ]


def named_classes(spec: TaskSpec, labels: Sequence[int]) -> str:
    """The first classes of a list by name, and how many more there are."""
    named = ", ".join(class_text(spec, label) for label in labels[:MOST_NAMED])
    return named + (f" and {len(labels) - MOST_NAMED} more" if len(labels) > MOST_NAMED else "")


def _class_counts(spec: TaskSpec, y: Tensor) -> Tensor:
    """(K,) the labels of each class."""
    return torch.bincount(y[y != NO_LABEL] if spec.target == "steps" else y, minlength=spec.num_classes)


def shared_notes(spec: TaskSpec, name: str, split: Split, others: Mapping[str, Split]) -> list[str]:
    """A line for each other split that has inputs of this one too.

    Two inputs are equal if their values, padding included, and their lengths are.

    Args:
        spec: of the task.
        name: of the split.
        split: its samples.
        others: further splits by name.
    """
    lines = []
    for other, samples in others.items():
        first, second = ((name, split), (other, samples))
        if name == "train":  # of two splits the held-out one is counted, which is the later of the names
            first, second = second, first
        count = int(np.isin(input_hashes(first[1]), input_hashes(second[1])).sum())
        if count:
            lines.append(
                f"{title(spec, first[0])}: {count} of {len(first[1])} inputs are also in {second[0]}, so its "
                "accuracy may measure what was seen before"
            )
    return lines


def input_hashes(split: Split) -> np.ndarray:
    """(N,) uint64: equal for equal inputs of equal length, else almost surely not; kept with the split."""
    kept = vars(split)
    if "input_hashes" not in kept:
        lengths = split.lengths.numpy().astype(np.uint64)
        kept["input_hashes"] = row_hashes(split.x.numpy()) + lengths * np.uint64(0x9E3779B97F4A7C15)
    hashes: np.ndarray = kept["input_hashes"]
    return hashes


def class_text(spec: TaskSpec, label: int) -> str:
    """`class 2`, with its name where the spec has one: `class 2 ('walking')`."""
    return f"class {label}" if spec.class_names is None else f"class {label} ({spec.class_names[label]!r})"


def _is_generated_here(task: Task) -> bool:
    make_split = task.make_split
    while isinstance(make_split, functools.partial):
        make_split = make_split.func
    module = getattr(make_split, "__module__", None) or type(make_split).__module__
    return task.spec.data_source == "generated" and module.partition(".")[0] == "harness"


@functools.cache
def log_once(line: str) -> None:
    """Logs a line as a warning, once in a process."""
    log.warning("%s", line)
