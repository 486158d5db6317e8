"""Class numbers for labels that are words or numbers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal

NUMBER = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?")
"""A number in a file: at most one point, no thousands separator, no other base. Python's `float` also reads
`inf`, `nan`, `1_000` and digits of other scripts."""

LABEL_NUMBER = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]{1,3})?")

WORDS_FOR_MISSING = ("", "?", "-", "na", "n/a", "nan", "null", "none")
"""What stands for a missing value or label, in lower case."""


def class_of_label(labels: Iterable[str]) -> dict[str, int]:
    """Numbers the labels in sorted order: by value if all of them are numbers, else as text.

    Equal numbers are one class however they are written. Words that differ in case are different classes,
    side by side.

    >>> class_of_label(["2", "10", "-1", "2", "2.0"])
    {'-1': 0, '2': 1, '2.0': 1, '10': 2}
    >>> class_of_label(["walking", "badminton", "Walking"])
    {'badminton': 0, 'Walking': 1, 'walking': 2}
    """
    different = sorted(set(labels), key=lambda label: (label.lower(), label))
    if not all(LABEL_NUMBER.fullmatch(label) for label in different):
        return {label: number for number, label in enumerate(different)}
    values = {label: Decimal(label) for label in different}  # exact, also for long whole numbers
    class_of = {value: number for number, value in enumerate(sorted(set(values.values())))}
    return {
        label: class_of[values[label]] for label in sorted(different, key=lambda one: (values[one], len(one)))
    }


def names_of_classes(classes: Mapping[str, int]) -> tuple[str, ...]:
    """A name for each class of `class_of_label`, the shortest of its labels.

    >>> names_of_classes({"1.0": 0, "1": 0, "2.0": 1})
    ('1', '2.0')
    """
    names: dict[int, str] = {}
    for label in sorted(classes, key=lambda label: (len(label), label)):
        names.setdefault(classes[label], label)
    return tuple(names[number] for number in sorted(names))
