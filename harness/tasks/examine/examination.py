"""One look at a whole task: facts of its splits, inputs that they share, simple predictors, problems."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from harness.tasks.baselines import most_frequent_label
from harness.tasks.common.random_streams import SPLITS
from harness.tasks.common.split_checks import check_split
from harness.tasks.common.split_notes import input_hashes
from harness.tasks.common.vocabulary import UNKNOWN
from harness.tasks.examine.bag import bag_answers, bag_predictor
from harness.tasks.examine.facts import SplitFacts, describe, valid_steps
from harness.tasks.examine.problems import notes_on, problems_of
from harness.tasks.task import NO_LABEL, Split, Task, TaskSpec


@dataclass(frozen=True, kw_only=True)
class Reached:
    """What a predictor reaches on the test samples."""

    accuracy: float | None
    """Share of the labels that are right, or of the values within the tolerance; None: no tolerance."""
    squared_error: float | None
    """Mean, of targets that are values; else None."""


@dataclass(frozen=True, kw_only=True)
class Examination:
    """What `examine_task` found."""

    spec: TaskSpec
    splits: Mapping[str, SplitFacts]
    """By name; without a split that does not fit the spec."""
    shared: Mapping[tuple[str, str], int]
    """Inputs of the first split that are also in the second."""
    majority: Reached | None
    """Of the most frequent label of the training samples, or the mean of their values."""
    bag: Reached | None
    """Of `bag_predictor`; None where there is none or, like `majority`, a split does not fit the spec."""
    problems: tuple[str, ...]
    """What makes a comparison meaningless."""
    notes: tuple[str, ...]
    """What is good to know."""


def examine_task(task: Task) -> Examination:
    """Makes the three splits of a task, of the first epoch, and looks at every sample.

    Whatever the task raises is raised. A split that does not fit the spec is a problem, in words.
    """
    spec = task.spec
    wrong, splits = [], {}
    for name in SPLITS:
        split = task.make_split(name, 0)
        error, is_usable = _misfit(spec, split, name)
        wrong += [] if error is None else [error]
        if is_usable:
            splits[name] = split
    facts = {name: describe(spec, split) for name, split in splits.items()}
    shared = {
        (held_out, other): _shared(spec, splits[held_out], splits[other], other)
        for held_out, other in (("val", "train"), ("test", "train"), ("test", "val"))
        if {held_out, other} <= splits.keys()
    }
    majority = bag = None
    if not wrong:
        majority = _majority(spec, splits["train"], splits["test"])
        if bag_predictor(spec) is not None:
            bag = _reached(spec, *bag_answers(spec, splits["train"], splits["test"]))
    return Examination(
        spec=spec,
        splits=facts,
        shared=shared,
        majority=majority,
        bag=bag,
        problems=(*wrong, *problems_of(spec, facts, shared)),
        notes=notes_on(spec, facts, shared),
    )


def _shared(spec: TaskSpec, held_out: Split, samples: Split, other: str) -> int:
    """Inputs of a held-out split that are in another split too.

    Different texts can be one input where symbols are unknown: they do not count in held-out splits alone.
    """
    same = np.isin(input_hashes(held_out), input_hashes(samples))
    if other != "train" and spec.symbols is not None and spec.symbols[0] == UNKNOWN:
        unknown = (held_out.x == 0) & valid_steps(held_out.x, held_out.lengths)
        same &= ~unknown.any(dim=1).numpy()
    return int(same.sum())


def _misfit(spec: TaskSpec, split: Split, name: str) -> tuple[str | None, bool]:
    """Why a split does not fit the spec, or None; and whether it would if all inputs were finite."""
    try:
        check_split(spec, split, name)
        return None, True
    except ValueError as error:
        said = str(error)
    x = getattr(split, "x", None)
    if not isinstance(x, torch.Tensor) or x.layout != torch.strided or not x.is_floating_point():
        return said, False
    try:
        check_split(spec, Split(torch.zeros_like(x), split.y, split.lengths), name)
    except ValueError:
        return said, False
    return said, True


def _majority(spec: TaskSpec, training: Split, test: Split) -> Reached:
    if spec.target == "value":
        return _reached(spec, training.y.double().mean().expand(len(test)), test.y)
    answer = most_frequent_label(spec, training)
    labelled = test.y != NO_LABEL
    return _reached(spec, answer.expand(test.y.shape)[labelled], test.y[labelled])


def _reached(spec: TaskSpec, answers: torch.Tensor, truth: torch.Tensor) -> Reached:
    if spec.target != "value":
        return Reached(accuracy=float((answers == truth).double().mean()), squared_error=None)
    error = (answers.double() - truth.double()).abs()
    within = None if spec.tolerance is None else float((error < spec.tolerance).double().mean())
    return Reached(accuracy=within, squared_error=float(error.square().mean()))
