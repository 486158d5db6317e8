"""The settings of runs as text: what a config says, beside the columns that every row has."""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pandas as pd

SETTING_COLUMNS = (
    "init", "readout", "match_params", "num_layers", "dropout", "batch_size", "lr", "schedule", "optimizer",
    "clip",
)  # fmt: skip
"""Settings that have a column of their own beside task, length, cell and hidden size."""

TUNED = "tuned"
"""Stands for a value that was chosen for each setting on validation data."""

_SHOWN_AS_COLUMNS = {"seq_len", "hidden_size", *SETTING_COLUMNS}  # wherever in the config they stand


def settings_of(runs: pd.DataFrame) -> pd.DataFrame:
    """Every setting of every run as text, beside task, variant, source, length, cell, hidden size and seed.

    Returns:
        The index of `runs`; `SETTING_COLUMNS`, `budget` (the configured end of training), then whatever
        else the nested configs hold, by dotted name; empty where a config lacks the key. A value that
        was chosen on validation data is `TUNED`: settings that differ in it are compared.
    """
    table = pd.DataFrame({name: runs[name].map(show) for name in SETTING_COLUMNS}, index=runs.index)
    table["match_params"] = table["match_params"].where(runs["match_params"].notna(), "")
    flat = flat_configs(tuple(runs["config"])).set_axis(runs.index)
    none = pd.Series("none", index=runs.index)
    steps, epochs = (
        flat.pop(key).fillna("none") if key in flat else none for key in ("train.steps", "train.epochs")
    )
    by_steps = (steps + " steps").where(steps != "none", "")
    table["budget"] = (epochs + " epochs").where(epochs != "none", by_steps)  # epochs take precedence
    columns = [runs[name].map(show) for name in ("seq_len", "hidden_size", "seed")]
    for key in flat.columns.drop(["seed", "stage"], errors="ignore"):
        shown = key.rpartition(".")[2] in _SHOWN_AS_COLUMNS or key.startswith("init.")
        if not shown and not _repeats(flat[key], columns):
            table[key] = flat[key].fillna("")
    for name, keys in _tuned_columns(runs, table).items():
        table[name] = table[name].where(~keys, TUNED)
    return table


def chosen_values(runs: pd.DataFrame) -> pd.Series:
    """The values that were chosen for each run on validation data, such as `lr 0.003`; empty: none were."""
    table = settings_of(runs.assign(tuned=""))
    text = pd.Series("", index=runs.index, dtype="str")
    for name, keys in _tuned_columns(runs, table).items():
        words = str(name).rpartition(".")[2] + " " + table[name].astype("str")
        text = (text + ", " + words).str.removeprefix(", ").where(keys, text)
    return text


def _tuned_columns(runs: pd.DataFrame, table: pd.DataFrame) -> dict[str, pd.Series]:
    """By column of `table`: which runs have a value there that was chosen for their setting."""
    if "tuned" not in runs or not runs["tuned"].any():
        return {}
    by_key: dict[str, pd.Series] = {}
    for keys in runs["tuned"].unique():
        for key in filter(None, keys.split(", ")):
            leaf = key.rpartition(".")[2]
            name = leaf if leaf in SETTING_COLUMNS else key
            if name in table:
                here = runs["tuned"] == keys
                by_key[name] = by_key[name] | here if name in by_key else here
    return by_key


@functools.lru_cache(maxsize=8)
def flat_configs(texts: tuple[str, ...]) -> pd.DataFrame:
    """One row per config, one column per dotted name; cached, since every figure needs it."""
    return pd.DataFrame([dict(_flat(json.loads(text or "{}"))) for text in texts])


def _flat(config: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in config.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", show(value)


def show(value: Any) -> str:
    """A value of a config or a row as text."""
    if isinstance(value, list | tuple):
        return "[" + " ".join(map(show, value)) + "]"
    if value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)):
        return "none"
    if isinstance(value, float | np.floating):
        return f"{value:.12g}"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _repeats(values: pd.Series, columns: Iterable[pd.Series]) -> bool:
    """Whether a key always has the value of a column, as one that is interpolated from the length or seed."""
    return any((values.isna() | (values == column)).all() for column in columns)
