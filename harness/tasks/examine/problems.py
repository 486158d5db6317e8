"""The rules by which a comparison on a task is meaningless, and what is merely good to know of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from harness.tasks.common.split_notes import MOST_NAMED, class_text, named_classes
from harness.tasks.common.vocabulary import UNKNOWN
from harness.tasks.examine.facts import SplitFacts, TokenFacts, ValueFacts
from harness.tasks.task import TaskSpec

MOST_SHARED = 0.01
"""Share of the held-out inputs that may also be training inputs, and of the test inputs validation inputs."""

MOST_UNLEARNT = 0.01
"""Share of the labels of a held-out split whose class the training samples may lack."""

MOST_UNSEEN = 0.5
"""Share of the symbols of a held-out split that training samples may lack."""

FEW_SAMPLES = 100
"""Test samples below which one of them moves the accuracy by more than a point."""

MOST_OF_ONE_CLASS = 0.95
"""Share of the test labels that may be of one class without a note."""

ADJECTIVES = {"train": "training", "val": "validation"}

Shared = Mapping[tuple[str, str], int]
Facts = Mapping[str, SplitFacts]


def problems_of(spec: TaskSpec, splits: Facts, shared: Shared) -> tuple[str, ...]:
    """A line for each rule but the first that is broken, by splits that fit the spec."""
    return (
        *_class_problems(spec, splits),
        *_tolerance_problems(spec, splits),
        *_shared_problems(spec, splits, shared),
        *_input_problems(splits),
    )


def notes_on(spec: TaskSpec, splits: Facts, shared: Shared) -> tuple[str, ...]:
    """Lines on what does not forbid a comparison."""
    unlearnt = (line for share, line in _unlearnt(spec, splits) if share <= MOST_UNLEARNT)
    return (
        *_size_notes(splits),
        *_one_class_notes(spec, splits),
        *unlearnt,
        *_shared_notes(spec, splits, shared),
        *_input_notes(spec, splits),
    )


def share_text(part: int, whole: int) -> str:
    """A number and its share.

    >>> share_text(3, 200), share_text(0, 7)
    ('3 (1.5 %)', '0')
    """
    return f"{part} ({100 * part / whole:.3g} %)" if part else "0"


def _class_problems(spec: TaskSpec, splits: Facts) -> Iterator[str]:
    for name, facts in splits.items():
        if facts.targets is not None and facts.targets[0] == facts.targets[2]:
            yield f"{name}: every target is {facts.targets[0]:g}, so there is nothing to tell apart"
        if facts.class_counts is not None and int((facts.class_counts > 0).sum()) == 1:
            only = class_text(spec, int(facts.class_counts.argmax()))
            yield f"{name}: every label is {only}, so there is nothing to tell apart"
    yield from (line for share, line in _unlearnt(spec, splits) if share > MOST_UNLEARNT)


def _tolerance_problems(spec: TaskSpec, splits: Facts) -> Iterator[str]:
    targets = splits["test"].targets if "test" in splits else None
    if spec.tolerance is None or targets is None:
        return
    low, _, high = targets
    if low < high < low + 2 * spec.tolerance:
        yield (
            f"test: one constant is within the tolerance {spec.tolerance:g} of every target, from {low:g} to "
            f"{high:g}; lower the tolerance"
        )
    spacing = float(np.spacing(np.float32(max(abs(low), abs(high)))))
    if spec.tolerance < spacing:
        yield (
            f"test: the tolerance {spec.tolerance:g} is less than the distance {spacing:.2g} of neighbouring "
            "float32 numbers of the size of its targets, so an answer is right by accident only; raise it"
        )


def _unlearnt(spec: TaskSpec, splits: Facts) -> Iterator[tuple[float, str]]:
    """Of held-out splits: the share of the labels whose class no training sample has, and a line on it."""
    training = splits["train"].class_counts if "train" in splits else None
    for name, facts in splits.items():
        if name == "train" or facts.class_counts is None or training is None:
            continue
        classes = ((facts.class_counts > 0) & (training == 0)).nonzero().flatten()
        count, labels = int(facts.class_counts[classes].sum()), int(facts.class_counts.sum())
        if count:
            named = named_classes(spec, classes.tolist())
            line = f"{name}: {share_text(count, labels)} of its labels have no training sample: {named}"
            yield count / labels, line


def _shared_problems(spec: TaskSpec, splits: Facts, shared: Shared) -> Iterator[str]:
    if _repeats_are_expected(spec):
        return
    for name, other, share in _shared_shares(splits, shared):
        said = f"{name}: {share} of its inputs are also {ADJECTIVES[other]} inputs, so "
        if other == "train":
            yield said + "its accuracy measures what was seen before; leave them out of one of the two"
        else:
            yield said + (
                "learning rate and best step are chosen on test samples; leave them out of one of the two"
            )


def _repeats_are_expected(spec: TaskSpec) -> bool:
    """Whether few different inputs are possible: drawn ones, and windows of a text."""
    return spec.data_source == "generated" or spec.predicts_next


def _shared_shares(splits: Facts, shared: Shared) -> Iterator[tuple[str, str, str]]:
    """A held-out split, one that has more than `MOST_SHARED` of its inputs too, and how many in words."""
    for (name, other), count in shared.items():
        if count > MOST_SHARED * splits[name].samples:
            yield name, other, share_text(count, splits[name].samples)


def _input_problems(splits: Facts) -> Iterator[str]:
    training = splits["train"].inputs if "train" in splits else None
    if isinstance(training, ValueFacts) and training.low == training.high:
        yield f"train: every input is {training.low:g}, so there is nothing to learn from"
    if not isinstance(training, TokenFacts):
        return
    if int((training.counts > 0).sum()) == 1:
        only = int(training.counts.argmax())
        yield f"train: every input is symbol {only}, so there is nothing to learn from"
    for name, facts in splits.items():
        assert isinstance(facts.inputs, TokenFacts)
        unseen = facts.inputs.unseen(training)
        if unseen > MOST_UNSEEN * facts.inputs.tokens:
            yield (
                f"{name}: {share_text(unseen, facts.inputs.tokens)} of its symbols do not occur in the "
                "training samples, so no cell knows them; use characters in place of words, or more samples"
            )


def _size_notes(splits: Facts) -> Iterator[str]:
    if "test" not in splits:
        return
    test = splits["test"]
    n = test.samples if test.class_counts is None else int(test.class_counts.sum())  # several labels a sample
    if n < FEW_SAMPLES:
        what = "samples" if n == test.samples else "labels"
        yield (
            f"test: of {n} {what} one moves the accuracy by {100 / n:.2g} points, so small differences mean "
            "nothing"
        )


def _one_class_notes(spec: TaskSpec, splits: Facts) -> Iterator[str]:
    counts = splits["test"].class_counts if "test" in splits else None
    if counts is None:
        return
    most, labels = int(counts.max()), int(counts.sum())
    if MOST_OF_ONE_CLASS * labels <= most < labels:
        one = class_text(spec, int(counts.argmax()))
        yield (
            f"test: {share_text(most, labels)} of its labels are {one}, so a constant answer has nearly the "
            "best accuracy; compare losses too"
        )


def _shared_notes(spec: TaskSpec, splits: Facts, shared: Shared) -> Iterator[str]:
    if not _repeats_are_expected(spec):
        return
    for name, other, share in _shared_shares(splits, shared):
        if other == "train":
            yield f"{name}: {share} of its inputs are also training inputs: there are few different ones"


def _input_notes(spec: TaskSpec, splits: Facts) -> Iterator[str]:
    training = splits["train"].inputs if "train" in splits else None
    if isinstance(training, ValueFacts) and training.constant and training.low != training.high:
        channels = ", ".join(map(str, training.constant[:MOST_NAMED]))
        more = (
            f" and {len(training.constant) - MOST_NAMED} more" if len(training.constant) > MOST_NAMED else ""
        )
        yield f"train: {len(training.constant)} of {spec.input_size} channels are constant: {channels}{more}"
    if isinstance(training, TokenFacts) and spec.symbols is not None and spec.symbols[0] == UNKNOWN:
        shares = [
            f"{share_text(int(facts.inputs.counts[0]), facts.inputs.tokens)} in {name}"
            for name, facts in splits.items()
            if isinstance(facts.inputs, TokenFacts)
        ]
        yield f"token 0 stands for any symbol that is not in the vocabulary: {', '.join(shares)}"
