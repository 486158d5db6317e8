"""Class numbers for labels that are words or numbers."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable


def class_of_label(labels: Iterable[str]) -> dict[str, int]:
    """Numbers the labels in sorted order: by value if all of them are numbers, else as text.

    >>> class_of_label(["2", "10", "-1", "2"])
    {'-1': 0, '2': 1, '10': 2}
    >>> class_of_label(["walking", "badminton", "running"])
    {'badminton': 0, 'running': 1, 'walking': 2}
    """
    different = sorted(set(labels))
    with contextlib.suppress(ValueError):  # words stay sorted as text
        different.sort(key=float)
    return {label: number for number, label in enumerate(different)}
