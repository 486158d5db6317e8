"""Which settings of a results folder took several values, and the values as numbers or words."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pandas as pd

from harness.results.repeats import IDENTITY
from harness.results.settings import settings_of

_NUMBER = re.compile(r"([-+]?[0-9.]+(?:e[-+]?[0-9]+)?)(?: (steps|epochs))?")
_NOT_AXES = ("match_params",)  # it is the size of a cell


@dataclass(frozen=True)
class SweptSetting:
    """A setting that has several values within a task, variant and source."""

    key: str
    """Its column in `settings_of`, such as `lr` or `task.n_train`."""
    name: str
    """As it stands in the name of a file."""
    numeric: bool
    """Whether all its values are numbers, so that an axis can show them to scale."""


def swept_settings(runs: pd.DataFrame) -> list[SweptSetting]:
    """The settings beside task, length, size and options of a cell that have several values somewhere.

    Args:
        runs: the rows of `load_runs`.
    """
    if runs.empty:
        return []
    table = _values(runs)
    place = [runs[name] for name in IDENTITY]
    several = table.columns[(table.groupby(place).nunique() > 1).any()]
    keys = [key for key in map(str, several) if not key.startswith("cell.") and key not in _NOT_AXES]
    leaves = [key.rpartition(".")[2] for key in keys]
    names = [leaf if leaves.count(leaf) == 1 else key for key, leaf in zip(keys, leaves, strict=True)]
    return [
        SweptSetting(key, re.sub(r"[^A-Za-z0-9_]+", "_", name), bool(table[key].map(_is_number).all()))
        for key, name in zip(keys, names, strict=True)
    ]


def with_setting(runs: pd.DataFrame, setting: SweptSetting) -> pd.DataFrame:
    """Adds a column of the setting's key: its values as numbers, or as text where not all are numbers."""
    text = _values(runs)[setting.key]
    if not setting.numeric:
        return runs.assign(**{setting.key: text})
    return runs.assign(**{setting.key: text.map(lambda value: float(value.partition(" ")[0]))})


def _values(runs: pd.DataFrame) -> pd.DataFrame:
    """The settings as they were, also those that were chosen for each cell."""
    return settings_of(runs.assign(tuned=""))


def _is_number(text: str) -> bool:
    return _NUMBER.fullmatch(text) is not None
