"""A published result and the runs beside it in words: both values, both settings, and where they differ."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from harness.report.markdown import number
from harness.results.published import PublishedResult
from harness.results.published_match import PublishedMatch

_PARTS = {
    "hidden_size": "units", "num_layers": "layers", "n_params": "parameters", "init": "initialisation",
    "readout": "readout", "epochs": "budget", "steps": "budget", "batch_size": "batch size",
    "optimizer": "optimizer", "lr": "learning rate", "clip": "clipping", "seeds": "seeds",
}  # fmt: skip
"""The parts of a setting, by the column that holds them, and their words."""

_ROUNDED = {"n_params": 0.05, "epochs": 0.02}
"""How far values may lie apart that count as equal: sources round them, and an epoch ends in a part batch."""


@dataclass(frozen=True)
class Differences:
    """How the setting of a published result compares with that of the runs; each entry names a part."""

    differs: tuple[str, ...]
    not_stated: tuple[str, ...]


def differences(match: PublishedMatch) -> Differences:
    """Which parts of the setting differ, and which the source does not state.

    The number of parameters counts only where the source does not state the units.
    """
    here = _setting_of(match.runs)
    differs, missing = [], []
    for name, word in _PARTS.items():
        there = getattr(match.result, name)
        if there is not None and not _equal(name, there, here[name]):
            differs.append(word)
        elif there is None:
            missing.append(word)
    if match.result.hidden_size is not None:
        differs = [word for word in differs if word != "parameters"]
    stated = {word for name, word in _PARTS.items() if getattr(match.result, name) is not None}
    missing = [word for word in dict.fromkeys(missing) if word not in stated and word != "parameters"]
    return Differences(tuple(dict.fromkeys(differs)), tuple(missing))


def published_setting(result: PublishedResult, remarks: bool = True) -> str:
    """Size, budget, optimizer and seeds as far as the source states them."""
    about = _words({name: getattr(result, name) for name in _PARTS})
    return ", ".join([*about, *([result.remarks] if remarks and result.remarks else [])]) or "nothing stated"


def measured_setting(match: PublishedMatch) -> str:
    """The same of the runs; the budget is the median of the steps that were made."""
    return ", ".join(_words(_setting_of(match.runs)))


def published_value(result: PublishedResult) -> str:
    """The number with its unit and, where the source gives a limit only, `<` or `≥`."""
    return {"=": "", "<": "< ", ">=": "≥ "}[result.relation] + _shown(result.metric, result.value)


def measured_value(match: PublishedMatch) -> str:
    """Mean (accuracy) or median and range over the seeds that are `ok`; of `solved_step` over all seeds."""
    metric, ok = match.result.metric, match.runs[match.runs["status"] == "ok"]
    values, n, lost = ok[metric].dropna().astype(float), len(ok), len(match.runs) - len(ok)
    counted = f"n = {n}" + (f", +{lost} not ok" if lost else "")
    if metric == "solved_step":
        middle = _middle(match)
        text = f"more than {ok['steps'].max():,.0f}" if math.isinf(middle) else _shown(metric, middle)
        return f"{text} ({len(values)} of {n} seeds solved it{f', +{lost} not ok' if lost else ''})"
    spread = f"{_shown(metric, values.min())} to {_shown(metric, values.max())}, " if n > 1 else ""
    return f"{_shown(metric, _middle(match))} ({spread}{counted})"


def difference_text(match: PublishedMatch) -> str:
    """Measured − published; of a published limit, on which side of it the runs lie."""
    result, middle = match.result, _middle(match)
    if result.relation != "=":
        return f"{'below' if middle < result.value else 'not below'} {_shown(result.metric, result.value)}"
    if math.isinf(middle):
        return "not known"
    if result.metric == "test_accuracy":
        return f"{100 * (middle - result.value):+.1f} points"
    return format(middle - result.value, "+,.0f" if result.metric == "solved_step" else "+.2g")


def _middle(match: PublishedMatch) -> float:
    """The mean accuracy, else the median; a seed that did not solve the task needs more than any number."""
    ok = match.runs[match.runs["status"] == "ok"]
    values = ok[match.result.metric].astype("float64")
    if match.result.metric == "solved_step":
        return float(values.fillna(math.inf).median())
    return float(values.mean() if match.result.metric == "test_accuracy" else values.median())


def _shown(metric: str, value: float) -> str:
    """`97.28 %`, `0.0202`, `14,000`."""
    if metric == "test_accuracy":
        return f"{number(100 * value, '.4g')} %"
    return f"{value:,.0f}" if metric == "solved_step" else number(value, ".3g")


def _setting_of(runs: pd.DataFrame) -> dict[str, Any]:
    """The parts of the setting of runs that are repeats; a clip that is never reached is infinite."""
    first, ok = runs.iloc[0], runs[runs["status"] == "ok"]
    here = {name: first[name] for name in _PARTS if name != "seeds"}
    clip = math.inf if pd.isna(first["clip"]) else float(first["clip"])
    made = {name: ok[name].astype("float64").median() for name in ("steps", "epochs", "n_params")}
    return here | made | {"clip": clip, "seeds": len(ok)}


def _equal(name: str, there: Any, here: Any) -> bool:
    if isinstance(there, str):
        return there == here
    return not pd.isna(here) and math.isclose(there, float(here), rel_tol=_ROUNDED.get(name, 1e-9))


def _words(values: dict[str, Any]) -> list[str]:
    known = {name: value for name, value in values.items() if value is not None and not pd.isna(value)}
    formats: dict[str, Callable[[Any], str]] = {
        "num_layers": lambda v: f"{v:.0f} layer{'s' if v != 1 else ''}",
        "hidden_size": lambda v: f"H = {v:.0f}",
        "n_params": lambda v: f"{v:,.0f} parameters",
        "init": lambda v: f"init {v}",
        "readout": lambda v: f"readout {v}",
        "epochs": lambda v: f"{v:,.4g} epochs",
        "steps": lambda v: f"{v:,.0f} steps",
        "batch_size": lambda v: f"batches of {v:.0f}",
        "optimizer": str,
        "lr": lambda v: f"lr {v:g}",
        "clip": lambda v: "no clipping" if math.isinf(v) else f"clip {v:g}",
        "seeds": lambda v: f"{v:.0f} seed{'s' if v != 1 else ''}",
    }
    return [form(known[name]) for name, form in formats.items() if name in known]
