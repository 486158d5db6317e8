"""Which runs are repeats of one another, and what tells settings apart."""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

IDENTITY = ("task", "variant", "data_source")
"""Runs that differ in one of these are about different things and are never compared."""

SETTING_COLUMNS = ("num_layers", "dropout", "batch_size", "lr", "optimizer", "clip")
"""Settings that have a column of their own beside task, length, cell and hidden size."""

_SHOWN_ELSEWHERE = {"seq_len", "hidden_size", "seed", *SETTING_COLUMNS}  # wherever in the config they stand
_NOT_SETTINGS = {
    "task.name",
    "task.variant",
    "cell.name",
    "run_id",
    "setting",
    "name",
    "threads",
    "concurrent",
    "data_dir",
    "task.data_dir",
}
_NOT_SETTINGS_UNDER = ("paths.", "hydra.", "launcher.", "results")  # do not change what a run computes


def settings_of(runs: pd.DataFrame) -> pd.DataFrame:
    """Every setting of every run as text, beside task, variant, source, length, cell, hidden size and seed.

    Returns:
        The index of `runs`; `SETTING_COLUMNS`, `budget` (the configured end of training), then whatever
        else the nested configs hold, by dotted name; empty where a config lacks the key.
    """
    table = pd.DataFrame({name: runs[name].map(_show) for name in SETTING_COLUMNS}, index=runs.index)
    flat = _flat_configs(tuple(runs["config"])).set_axis(runs.index)
    none = pd.Series("none", index=runs.index)
    steps, epochs = (
        flat.pop(key).fillna("none") if key in flat else none for key in ("train.steps", "train.epochs")
    )
    by_steps = (steps + " steps").where(steps != "none", "")
    table["budget"] = (epochs + " epochs").where(epochs != "none", by_steps)  # epochs go before steps
    named = [runs[name].map(_show) for name in ("seq_len", "hidden_size", "seed")]
    settings = runs["setting"].replace("", pd.NA)
    for key in flat.columns:
        known = key in _NOT_SETTINGS or key.startswith(_NOT_SETTINGS_UNDER)
        if not known and key.rpartition(".")[2] not in _SHOWN_ELSEWHERE:
            values = flat[key]
            if not _repeats(values, named) and not _differs_within(values, settings):
                table[key] = values.fillna("")
    return table


def varying_settings(runs: pd.DataFrame, ignore: Sequence[str] = ()) -> pd.DataFrame:
    """The part of `settings_of` that tells runs of the same task, variant and data source apart.

    Returns:
        The index of `runs`; one text column a setting that varies somewhere, empty in the tasks in which it
        does not. A cell's own knobs are left out: they are in `cell_labels`.
    """
    return _varying(settings_of(runs), runs, ignore)


def _varying(settings: pd.DataFrame, runs: pd.DataFrame, ignore: Sequence[str]) -> pd.DataFrame:
    table = settings.drop(columns=list(ignore), errors="ignore")
    table = table[[key for key in map(str, table) if not key.startswith("cell.")]]
    group = [runs[name] for name in IDENTITY]
    varies = table.groupby(group).transform("nunique") > 1 if len(runs) else table.astype(bool)
    return table.where(varies, "").loc[:, varies.any()].rename(columns=_short_names(table.columns))


def conditions(runs: pd.DataFrame, ignore: Sequence[str] = ()) -> pd.Series:
    """What tells a run apart from others of its task, in words: `"lr 0.01, batch_size 32"`, or empty.

    Runs of one task, variant, source, length, hidden size, cell label and condition are repeats that differ
    in their seed only. Where the configs don't show the difference between two settings, their hash does.

    Args:
        runs: the rows of `load_runs`.
        ignore: settings that are shown in another way, as on an axis.
    """
    return _conditions(settings_of(runs), runs, ignore)


def _conditions(settings: pd.DataFrame, runs: pd.DataFrame, ignore: Sequence[str]) -> pd.Series:
    varying = _varying(settings, runs, ignore)
    words = [
        ", ".join(f"{key} {value}" for key, value in zip(varying.columns, row, strict=True) if value)
        for row in varying.to_numpy().tolist()  # itertuples gives no rows where there are no columns
    ]
    text = pd.Series(words, index=runs.index, dtype="str")
    if text.empty:
        return text
    place = [runs[name] for name in (*IDENTITY, "seq_len", "hidden_size")]
    shown = [settings[key] for key in ignore if key in SETTING_COLUMNS]
    several = (
        runs["setting"].groupby([*place, *shown, _labels(settings, runs), text]).transform("nunique") > 1
    )
    named = (text + ", setting " + runs["setting"].str[:8]).str.removeprefix(", ")
    return text.where(~several, named)


def labelled(runs: pd.DataFrame, ignore: Sequence[str] = ()) -> pd.DataFrame:
    """Adds `label`, as `cell_labels` gives it, and `condition`, as `conditions` does.

    Args:
        runs: the rows of `load_runs`.
        ignore: settings that an axis shows.
    """
    settings = settings_of(runs)
    return runs.assign(label=_labels(settings, runs), condition=_conditions(settings, runs, ignore))


def cell_labels(runs: pd.DataFrame) -> pd.Series:
    """The name of each run's cell, with those of its own knobs that vary between runs of that cell."""
    return _labels(settings_of(runs), runs)


def _labels(settings: pd.DataFrame, runs: pd.DataFrame) -> pd.Series:
    table = settings[[key for key in map(str, settings) if key.startswith("cell.")]]
    if table.empty:
        return runs["cell"].astype("str")
    varies = table.groupby(runs["cell"]).transform("nunique") > 1
    labels = [
        " ".join(
            [name, *(f"{str(key).removeprefix('cell.')}={value}" for key, value in row.items() if value)]
        )
        for name, row in zip(runs["cell"], table.where(varies, "").to_dict("records"), strict=True)
    ]
    return pd.Series(labels, index=runs.index, dtype="str")


@functools.lru_cache(maxsize=8)
def _flat_configs(texts: tuple[str, ...]) -> pd.DataFrame:
    """A row a config, a column a dotted name. Every figure asks for it, and parsing is what costs."""
    return pd.DataFrame([dict(_flat(json.loads(text or "{}"))) for text in texts])


def _flat(config: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in config.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", _show(value)


def _show(value: Any) -> str:
    if isinstance(value, list | tuple):
        return "[" + " ".join(map(_show, value)) + "]"
    if value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)):
        return "none"
    if isinstance(value, float | np.floating):
        return f"{value:.12g}"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _repeats(values: pd.Series, columns: Iterable[pd.Series]) -> bool:
    """Whether a key says what a column says, as one that is interpolated from the length or seed does."""
    return any((values.isna() | (values == column)).all() for column in columns)


def _differs_within(values: pd.Series, settings: pd.Series) -> bool:
    """Whether a key differs between mere repeats of a setting."""
    return values.nunique() > 1 and bool((values.groupby(settings).nunique() > 1).any())


def _short_names(keys: Iterable[str]) -> dict[str, str]:
    keys = list(keys)
    leaves = [key.rpartition(".")[2] for key in keys]
    return {k: leaf if leaves.count(leaf) == 1 else k for k, leaf in zip(keys, leaves, strict=True)}
