"""The settings of runs as text: what a config says, beside the columns that every row has."""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Iterable, Iterator, Sequence
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

_BUDGET_KEYS = ("train.steps", "train.epochs")

_HELD_ELSEWHERE = ("seed", "stage", "task", "cell", "setting", "status", "run_id", "seq_len", "hidden_size")
"""Names that a config has for a mapping, or not at all: a value there is none of its settings."""

_SHOWN_AS_COLUMNS = {"seq_len", "hidden_size", *SETTING_COLUMNS}  # wherever in the config they stand


def settings_of(runs: pd.DataFrame) -> pd.DataFrame:
    """Every setting of every run as text, beside task, variant, source, length, cell, hidden size and seed.

    Returns:
        The index of `runs`; `SETTING_COLUMNS`, `budget` (the configured end of training), then whatever
        else the nested configs hold, by dotted name; empty where a config lacks the key. A value that
        was chosen on validation data is `TUNED`: settings that differ in it are compared.
    """
    texts = {name: [show(value) for value in runs[name]] for name in SETTING_COLUMNS}
    texts["match_params"] = ["" if text == "none" else text for text in texts["match_params"]]
    flat = flat_configs(tuple(runs["config"]))
    texts["budget"] = _budgets(flat)
    columns = [[show(value) for value in runs[name]] for name in ("seq_len", "hidden_size", "seed")]
    for key in flat.columns.drop([*_BUDGET_KEYS, *_HELD_ELSEWHERE], errors="ignore"):
        shown = key.rpartition(".")[2] in _SHOWN_AS_COLUMNS or key.startswith("init.")
        values = flat[key].tolist()
        if not shown and not _repeats(values, columns):
            texts[key] = [value if isinstance(value, str) else "" for value in values]
    table = pd.DataFrame(texts, index=runs.index, dtype="str")
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


def stops_when_solved(runs: pd.DataFrame) -> pd.Series:
    """Which runs end as soon as they have solved their task: their results are those of that step."""
    flat = flat_configs(tuple(runs["config"]))
    key = "train.stop_when_solved"
    values = (flat[key] == "true").to_numpy() if key in flat else False
    return pd.Series(values, index=runs.index, dtype=bool)


def show(value: Any) -> str:
    """A value of a config or a row as text."""
    if isinstance(value, list | tuple):
        return "[" + " ".join(map(show, value)) + "]"
    if value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)):
        return "none"
    if isinstance(value, float | np.floating):
        return f"{value:.12g}"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _budgets(flat: pd.DataFrame) -> list[str]:
    """The configured end of training of each run, in epochs where it is given in epochs and in steps."""
    steps, epochs = (flat[key].tolist() if key in flat else [None] * len(flat) for key in _BUDGET_KEYS)
    return [
        f"{many} epochs" if _is_given(many) else f"{few} steps" if _is_given(few) else ""
        for few, many in zip(steps, epochs, strict=True)
    ]


def _is_given(text: Any) -> bool:
    return isinstance(text, str) and text != "none"  # NaN: this config lacks the key


def _repeats(values: Sequence[Any], columns: Iterable[Sequence[str]]) -> bool:
    """Whether a key always has the value of a column, as one that is interpolated from the length or seed."""
    given = [(row, value) for row, value in enumerate(values) if isinstance(value, str)]
    return any(all(value == column[row] for row, value in given) for column in columns)
