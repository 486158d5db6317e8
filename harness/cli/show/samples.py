"""The samples that are shown, and a task and a label in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.tasks import Task, TaskSpec
from harness.tasks.common.arguments import whole_number
from harness.tasks.task import NO_LABEL


@dataclass(frozen=True, eq=False)
class Sample:
    """One validation sample without its padding."""

    number: int
    x: np.ndarray
    """(T, D) values or (T,) token ids."""
    y: np.ndarray
    """A class, a number, or (T,) classes."""
    labelled_steps: np.ndarray
    """The steps that have a label, where the target is `steps`; else empty."""


def spread_samples(task: Task, count: int) -> list[Sample]:
    """Validation samples at equal distances in the split, since data sets are often sorted by class.

    Raises:
        ValueError: `count` is below 1.
    """
    count = min(whole_number("count", count), len(task.val))
    samples = []
    for number in (place * len(task.val) // count for place in range(count)):
        x, y, length = task.val[number]
        labels = y.numpy()
        labelled = (
            np.flatnonzero(labels != NO_LABEL) if task.spec.target == "steps" else np.empty(0, np.int64)
        )
        samples.append(Sample(number, x[: int(length)].numpy(), labels, labelled))
    return samples


def describe_task(spec: TaskSpec) -> str:
    """The task in one line.

    >>> from harness.tasks import make_delayed_recall
    >>> describe_task(make_delayed_recall(seq_len=20).spec)
    'delayed_recall, separate-8: 20 steps of tokens 0 to 15 -> class 0 to 7 (chance 0.125); data: generated'
    """
    inputs = f"{spec.input_size} feature" + ("" if spec.input_size == 1 else "s")
    if spec.vocab_size is not None:
        inputs = f"tokens 0 to {spec.vocab_size - 1}"
    target = {
        "class": f"class 0 to {spec.num_classes - 1}",
        "steps": f"class 0 to {spec.num_classes - 1} at labelled steps",
        "value": "a number" + (f", correct within {spec.tolerance:g}" if spec.tolerance else ""),
    }[spec.target]
    return (
        f"{spec.name}, {spec.variant}: {spec.seq_len} steps of {inputs} -> {target} "
        f"(chance {spec.chance_accuracy:.3f}); data: {spec.data_source}"
    )


def label_text(spec: TaskSpec, sample: Sample, most: int = 12) -> str:
    """The label in words; labels at steps in groups of consecutive steps, at most `most` of each printed."""
    names = spec.class_names
    if spec.target == "class":
        return f"class {int(sample.y)}" + (f" ({visible(names[int(sample.y)])})" if names else "")
    if spec.target == "value":
        return f"target {float(sample.y):.4g}"
    answers = []
    for run in np.split(sample.labelled_steps, np.flatnonzero(np.diff(sample.labelled_steps) > 1) + 1):
        steps = f"t={run[0]}" if len(run) == 1 else f"t={run[0]} to {run[-1]}"
        labels = [visible(names[sample.y[t]]) if names else str(sample.y[t]) for t in run]
        answers.append(f"{steps}: {' '.join(_both_ends(labels, most))}")
    count = len(sample.labelled_steps)
    return f"{count} labelled step{'' if count == 1 else 's'}, {', '.join(_both_ends(answers, most))}"


MOST_LISTED = 20
"""Names of symbols or classes that are printed; of more, the first."""


def listed(names: Sequence[str]) -> str:
    """The numbers that names stand for, with the names.

    >>> listed(["even", "odd"])
    '0 even, 1 odd'
    """
    shown = ", ".join(f"{number} {visible(name)}" for number, name in enumerate(names[:MOST_LISTED]))
    return shown + (f" and {len(names) - MOST_LISTED} more" if len(names) > MOST_LISTED else "")


def visible(symbol: str) -> str:
    """A symbol as it is printed where a blank or a control character could not be seen.

    >>> visible("a"), visible(" "), visible("\\n"), visible("\\x07")
    ('a', '␣', '⏎', '\\\\x07')
    """
    known = {" ": "␣", "\n": "⏎", "\t": "⇥"}
    if symbol in known:
        return known[symbol]
    return symbol if symbol and symbol.isprintable() else repr(symbol)[1:-1]


def _both_ends(texts: list[str], most: int) -> list[str]:
    """All texts, or of more than `most` those at both ends.

    >>> _both_ends(["5", "3", "8", "1", "2"], 4)
    ['5', '3', '…', '1', '2']
    """
    return texts if len(texts) <= most else [*texts[: most // 2], "…", *texts[-(most // 2) :]]
