"""How a value looks that is no number, so that four things that are not the same never look the same.

Not measured, does not apply, zero, and more than the budget; where an empty column means something else, as
`clip` does, its own words say so.
"""

from __future__ import annotations

import math

import pandas as pd

NOT_MEASURED = "–"
DOES_NOT_APPLY = "n/a"

LEGEND = (
    f"{NOT_MEASURED} not measured · {DOES_NOT_APPLY} does not apply · 0 the number zero · "
    "> 1000 more than the budget of 1000 steps · ≤ an upper bound"
)
"""For the head of each table."""

EMPTY_MEANS = {
    "error": "none",
    "code": "none of third parties",
    "data_hash": "generated",
    "revisions": "all 0",
    "match_params": "hidden_size was given",
    "tuned": "none",
    "clip": "never",
    "gradflow_underflow": "none",
    "gradflow_note": "none",
    "numba": "not installed",
    "git_commit": "not in a checkout",
    "solved_rule": "the task has none",
    "memoryless_loss": "not known",
}
"""Columns in which an empty value is an answer, and which."""


def percent(share: float) -> str:
    """A share of 1 as per cent with one decimal.

    >>> percent(0.89251), percent(0.0), percent(math.nan)
    ('89.3', '0.0', '–')
    """
    return decimal(100 * share)


def decimal(value: float) -> str:
    """A number with one decimal, never -0.0."""
    if pd.isna(value) or math.isinf(value):
        return _not_finite(value)
    return f"{round(value, 1) + 0.0:.1f}"


def short(value: float) -> str:
    """A number with at least three significant digits, without an exponent from a thousandth to a million.

    >>> short(0.00149628), short(12345.6), short(0.0), short(math.inf)
    ('0.0015', '12346', '0', '∞')
    """
    if pd.isna(value) or math.isinf(value):
        return _not_finite(value)
    return f"{value:.0f}" if 1000 <= abs(value) < 1e6 else f"{value + 0.0:.3g}"


def whole(value: float) -> str:
    """A whole number."""
    return _not_finite(value) if pd.isna(value) or math.isinf(value) else f"{value:.0f}"


def beyond(budget: float) -> str:
    """What a step count looks like that is larger than the budget.

    >>> beyond(1000)
    '> 1000'
    """
    return f"> {whole(budget)}"


def _not_finite(value: float) -> str:
    if pd.isna(value):
        return NOT_MEASURED
    return "∞" if value > 0 else "−∞"


def does_not_apply(runs: pd.DataFrame) -> dict[str, pd.Series]:
    """By column: the runs to which an empty value of it does not apply, rather than not being measured.

    Args:
        runs: the rows of `load_runs`.

    Returns:
        Truth values with the index of `runs`, for the columns in which any is true.
    """
    empty = runs.isna()
    spec_known = runs["chance_accuracy"].notna()  # a run that failed early may lack what its task says
    tuning = runs["stage"] == "tune"
    rules = {
        "tolerance": spec_known,
        "solved_step": spec_known & empty["solved_rule"],
        "test_sequence_accuracy": tuning | runs["test_accuracy"].notna(),
        "test_bits": tuning | runs["test_loss"].notna(),
        "gradflow_half_life": runs["gradflow_slope_init"].notna(),
    }
    tests = [str(name) for name in runs if str(name).startswith(("test_loss", "test_accuracy"))]
    rules |= dict.fromkeys(tests, tuning)
    masks = {name: empty[name] & mask for name, mask in rules.items()}
    return {name: mask for name, mask in masks.items() if mask.any()}


def beyond_budget(runs: pd.DataFrame) -> pd.Series:
    """Which runs ended `ok`, have a threshold and did not meet it: `solved_step` is above their budget."""
    return (runs["status"] == "ok") & runs["solved_rule"].notna() & runs["solved_step"].isna()
