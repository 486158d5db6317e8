"""Whether training had a processor core to itself: processor seconds of training steps against seconds."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from statistics import median
from typing import Any

import pandas as pd

from harness.results.repeats import REPEAT_COLUMNS

ENOUGH = 0.95
"""A median share of a core below this is named: other work had the core meanwhile."""

COMPARABLE = 0.1
"""Medians of settings that differ by more than this are named: their times do not compare."""


def core_share(train_cpu_s: float | None, train_s: float | None) -> float:
    """The share of training time in which a process with one thread had a core, at most 1.

    Args:
        train_cpu_s: processor seconds of training steps; None or NaN: not measured.
        train_s: seconds of the same steps.

    Returns:
        NaN where one of them is missing or no time passed.

    >>> core_share(3.0, 4.0), core_share(4.001, 4.0), core_share(None, 4.0)
    (0.75, 1.0, nan)
    """
    cpu_s, wall_s = (math.nan if value is None else float(value) for value in (train_cpu_s, train_s))
    return min(1.0, cpu_s / wall_s) if cpu_s >= 0 and wall_s > 0 else math.nan


def contention_text(shares: Mapping[Any, Sequence[float]]) -> str:
    """What the shares of a core say about the times, in one sentence without a full stop.

    Args:
        shares: `core_share` of each run, by setting; NaN: not measured.

    >>> contention_text({"a": [0.99, 1.0], "b": [0.98]})
    'the process had a core for 99 % of training time (median of 3 runs)'
    >>> contention_text({"a": [0.6, 0.62]})
    'other work slowed training down: the process had a core for 61 % of training time (median of 2 runs)'
    >>> print(contention_text({"a": [1.0, 1.0], "b": [0.8], "c": [math.nan]}))
    times of settings do not compare: the process had a core for 100 % of training time (median of 3 runs;
    80–100 % by setting; not measured for 1 run)
    >>> contention_text({"a": [math.nan]})
    'share of a core during training: not measured'
    """
    measured = {key: [x for x in values if not math.isnan(x)] for key, values in shares.items()}
    known = [x for values in measured.values() for x in values]
    missing = sum(len(values) for values in shares.values()) - len(known)
    if not known:
        return "share of a core during training: not measured"
    medians = [median(values) for values in measured.values() if values]
    notes = [f"median of {len(known)} run{'s' if len(known) > 1 else ''}"]
    warning = ""
    if max(medians) - min(medians) > COMPARABLE:
        notes.append(f"{100 * min(medians):.0f}–{100 * max(medians):.0f} % by setting")
        warning = "times of settings do not compare: "
    elif median(known) < ENOUGH:
        warning = "other work slowed training down: "
    if missing:
        notes.append(f"not measured for {missing} run{'s' if missing > 1 else ''}")
    share = f"the process had a core for {100 * median(known):.0f} % of training time"
    return f"{warning}{share} ({'; '.join(notes)})"


def contention_of(runs: pd.DataFrame) -> str:
    """`contention_text` of the runs on the CPU with one thread; for others the share of a core says nothing.

    Args:
        runs: the rows of `load_runs`.
    """
    single = runs[(runs["threads"] == 1) & runs["device"].isin(["cpu", ""])]
    if single.empty and len(runs):
        return "share of a core during training: does not apply (several threads, or not on the CPU)"
    shares: dict[Hashable, list[float]] = {}
    for *setting, cpu_s, wall_s in single[[*REPEAT_COLUMNS, "train_cpu_s", "train_s"]].itertuples(
        index=False
    ):
        shares.setdefault(tuple(setting), []).append(core_share(cpu_s, wall_s))
    return contention_text(shares)
