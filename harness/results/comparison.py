"""Two results folders side by side: settings that both have, what changed in them, what only one has."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from harness.results.differences import Difference, paired_difference, welch_difference
from harness.results.repeats import labelled
from harness.results.schema import ENVIRONMENT_COLUMNS
from harness.results.settings import show

EQUAL, WITHIN, CHANGED, TOO_FEW = (
    "equal to the digit", "within the spread of seeds", "changed", "too few seeds to say",
)  # fmt: skip
VERDICTS = (CHANGED, WITHIN, EQUAL, TOO_FEW)
"""What can be said of a setting, in the order of a table."""

MEASURES = ("test_accuracy", "test_loss")
"""What is compared beyond the spread of seeds."""

ENOUGH_SEEDS = 3

RULE = (
    f"{EQUAL}: every seed that A and B share has the same status, steps, losses, accuracies and norms. "
    f"{CHANGED} (*): the t interval of B − A in test accuracy or test loss leaves out 0; all intervals of "
    "one comparison hold together in 95 of 100 comparisons (Bonferroni). Differences are paired by seed "
    f"where A and B share at least {ENOUGH_SEEDS} seeds that ended ok; else they are those of the means "
    f"(Welch) of the seeds that only one has, at least {ENOUGH_SEEDS} on each side; else: {TOO_FEW}."
)

ABOUT = ("task", "variant", "data_source", "seq_len", "label", "size", "condition")
"""What tells a setting apart, as `labelled` names it."""

OUTCOMES = (
    "status", "steps", "best_step", "val_loss", "val_accuracy", "test_loss", "test_accuracy",
    "test_sequence_accuracy", "solved_step", "grad_norm_mean", "grad_norm_max",
)  # fmt: skip
"""What is the same to the digit when nothing changed; times are not."""

ORIGIN_COLUMNS = ("code", "data_hash", "revisions")
"""What may differ between runs of one `setting`: third-party code, data, revisions of this package."""


@dataclass(frozen=True, eq=False)
class SettingPair:
    """One setting in A and in B."""

    about: dict[str, Any]
    """The columns `ABOUT`."""
    origin: str
    """In which of `ORIGIN_COLUMNS` A and B differ: `code 1a → 2b`; empty: in none."""
    a: pd.DataFrame
    b: pd.DataFrame
    shared: int
    """Seeds that both have, however they ended."""
    status_changed: int
    """How many of these ended in another status."""
    differences: dict[str, tuple[float, float]]
    """By measure: B − A, and the half width of its interval (NaN: too few seeds)."""
    verdict: str
    changed: tuple[str, ...]
    """The measures that changed beyond the spread of seeds."""


@dataclass(frozen=True, eq=False)
class Comparison:
    """Two sets of runs, compared setting by setting."""

    pairs: list[SettingPair]
    only_a: pd.DataFrame
    """Runs of the settings that B does not have, with `label`, `condition` and `size`."""
    only_b: pd.DataFrame
    environment: dict[str, tuple[str, str]]
    """Columns such as `torch` whose values differ: those of A and those of B, as text."""


@np.errstate(invalid="ignore", over="ignore")  # a loss may be infinite in both
def compare_runs(a: pd.DataFrame, b: pd.DataFrame) -> Comparison:
    """Compares the runs of the stage `final` in two folders; those that were interrupted have no outcome.

    A setting is matched by `setting`, the hash of all of the config but seed, code and data, and by
    `ORIGIN_COLUMNS`. Where A and B have a setting once each, with other code, data or revisions, it is
    matched too, and `SettingPair.origin` says in what they differ.

    Args:
        a: the rows of `load_runs`.
        b: likewise.
    """
    both = pd.concat([a.assign(side="a"), b.assign(side="b")], ignore_index=True)
    both = both[(both["stage"] != "tune") & (both["status"] != "interrupted")].reset_index(drop=True)
    if both.empty:
        return Comparison([], both, both, {})
    # named by their config alone: what else differs is in `origin`
    named = labelled(both.assign(**dict.fromkeys(ORIGIN_COLUMNS, "")))
    both = both.assign(**{name: named[name] for name in ("label", "condition", "size")})
    matched, rest_a, rest_b = _match(*(_groups(both[both["side"] == side]) for side in ("a", "b")))
    intervals = len(MEASURES) * sum(_way(_ok_seeds(left), _ok_seeds(right)) != "" for left, right in matched)
    level = 1 - 0.05 / max(1, intervals)
    pairs = [_pair(left, right, level) for left, right in matched]
    pairs.sort(key=lambda pair: VERDICTS.index(pair.verdict))
    only_a, only_b = (pd.concat([both.iloc[:0], *rest]) for rest in (rest_a, rest_b))
    return Comparison(pairs, only_a, only_b, _environment(both))


Groups = dict[Any, pd.DataFrame]


def _groups(rows: pd.DataFrame) -> Groups:
    return dict(list(rows.groupby(["setting", *ORIGIN_COLUMNS], sort=False)))


def _match(
    a: Groups, b: Groups
) -> tuple[list[tuple[pd.DataFrame, pd.DataFrame]], list[pd.DataFrame], list[pd.DataFrame]]:
    """Pairs of groups with the same key, then of those whose setting is left over once on each side."""
    pairs = [(a[key], b[key]) for key in a if key in b]
    rest_a, rest_b = (
        {key: rows for key, rows in one.items() if key not in other} for one, other in ((a, b), (b, a))
    )
    for setting in dict.fromkeys(key[0] for key in rest_a):
        left, right = ([key for key in rest if key[0] == setting] for rest in (rest_a, rest_b))
        if len(left) == len(right) == 1:
            pairs.append((rest_a.pop(left[0]), rest_b.pop(right[0])))
    return pairs, list(rest_a.values()), list(rest_b.values())


def _pair(a: pd.DataFrame, b: pd.DataFrame, level: float) -> SettingPair:
    first, other = a.iloc[0], b.iloc[0]
    origin = "; ".join(
        f"{name} {first[name] or 'none'} → {other[name] or 'none'}"
        for name in ORIGIN_COLUMNS
        if first[name] != other[name]
    )
    left, right = (rows[["seed", *OUTCOMES]].set_index("seed") for rows in (a, b))
    shared = left.index.intersection(right.index)
    moved = int((left.loc[shared, "status"] != right.loc[shared, "status"]).sum())
    differences = _differences(left[left["status"] == "ok"], right[right["status"] == "ok"], level)
    changed = tuple(name for name, (mean, half) in differences.items() if abs(mean) > half)
    if len(shared) and left.loc[shared].equals(right.loc[shared]):
        verdict, changed = EQUAL, ()
    elif changed:
        verdict = CHANGED
    else:
        verdict = TOO_FEW if all(math.isnan(half) for _, half in differences.values()) else WITHIN
    about = {name: first[name] for name in ABOUT}
    return SettingPair(about, origin, a, b, len(shared), moved, differences, verdict, changed)


def _ok_seeds(rows: pd.DataFrame) -> pd.Index:
    return pd.Index(rows["seed"][rows["status"] == "ok"])


def _way(a: pd.Index, b: pd.Index) -> str:
    """How the seeds of A and B are compared: `paired`, `unpaired`, or empty with too few."""
    if len(a.intersection(b)) >= ENOUGH_SEEDS:
        return "paired"
    return "unpaired" if min(len(a.difference(b)), len(b.difference(a))) >= ENOUGH_SEEDS else ""


def _differences(a: pd.DataFrame, b: pd.DataFrame, level: float) -> dict[str, tuple[float, float]]:
    """By measure: B − A of runs that are `ok`, by seed, and the half width of its interval.

    With too few seeds the difference is that of the means, and the half width NaN.
    """
    way, found = _way(a.index, b.index), {}
    for name in MEASURES:
        of_a, of_b = a[name], b[name]
        if way == "paired":
            found[name] = _mean_and_half(paired_difference(of_b, of_a, level))
        elif way == "unpaired":
            only_a, only_b = a.index.difference(b.index), b.index.difference(a.index)
            found[name] = _mean_and_half(
                welch_difference(of_b[only_b].tolist(), of_a[only_a].tolist(), level)
            )
        else:
            found[name] = float(of_b.mean() - of_a.mean()) if len(a) and len(b) else math.nan, math.nan
    return found


def _mean_and_half(found: Difference) -> tuple[float, float]:
    """A difference and the half width of its interval, which is 0 where enough seeds do not vary at all."""
    no_spread = math.isnan(found.half) and found.n >= ENOUGH_SEEDS
    return found.mean, 0.0 if no_spread else found.half


def _environment(both: pd.DataFrame) -> dict[str, tuple[str, str]]:
    found = {}
    for name in ("git_commit", *ENVIRONMENT_COLUMNS, "python", "device"):
        of_a, of_b = (
            ", ".join(sorted(set(both.loc[both["side"] == side, name].map(show)))) for side in ("a", "b")
        )
        if of_a != of_b and of_a and of_b:
            found[name] = (of_a, of_b)
    return found
