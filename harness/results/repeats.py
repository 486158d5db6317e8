"""Which runs are repeats of one another, and what tells settings apart."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence

import pandas as pd

from harness.results.settings import flat_configs, settings_of, show

IDENTITY = ("task", "variant", "data_source")
"""Runs that differ in one of these are about different things and are never compared."""

ORIGINS = ("results", "code", "data", "revisions")
"""What separates runs of one `setting`: version 0.1, third-party code, content of data files, revisions."""

REPEAT_COLUMNS = ("setting", "schema_version", "code", "data_hash", "revisions")
"""Runs that agree in these are repeats: they differ in their seed only."""

_OTHER_COLUMNS = ("label", "condition", "size", "n", *IDENTITY)
"""Columns beside the settings in tables of runs: keys of configs with such names keep their full names."""

_OWN_TARGETS = ("harness.", "torch.")


def origins_of(runs: pd.DataFrame) -> pd.DataFrame:
    """What separates runs of one setting, as text, empty where it separates nothing.

    Returns:
        The index of `runs` and the columns `ORIGINS`: `results` is "of 0.1" in tasks in which other rows are
        newer; `code` where runs with the same third-party task and cell differ in their code; `data`
        where the same config of a task has read files of different content; `revisions` where runs of one
        config differ in them. A frame without these columns, as that of a timing pass, has only empty ones.
    """
    table = pd.DataFrame("", index=runs.index, columns=list(ORIGINS))
    if runs.empty or "schema_version" not in runs:
        return table
    place = [*(runs[name] for name in IDENTITY), _is_of_0_1(runs)]
    table["results"] = place[-1].map({True: "of 0.1", False: ""}).where(_varies(place[-1], place[:-1]), "")
    flat = flat_configs(tuple(runs["config"])).set_axis(runs.index)
    for name, values, same in (
        ("code", runs["code"], lambda: [_third_party(flat, "task"), _third_party(flat, "cell")]),
        (
            "data",
            runs["data_hash"],
            lambda: [flat[key].fillna("") for key in flat if str(key).startswith("task.")],
        ),
        (
            "revisions",
            runs["revisions"].replace("", "none"),
            lambda: [flat[key].fillna("") for key in flat if key != "seed"],
        ),
    ):
        if values.nunique() > 1:
            differs = _varies(values, [*place, *same()])
            # named in the whole task, so that its lengths and settings stay in one panel
            table[name] = values.where(differs.groupby(place).transform("any"), "")
    return table


def varying_settings(runs: pd.DataFrame, ignore: Sequence[str] = ()) -> pd.DataFrame:
    """The settings and origins that tell runs of the same task, variant and data source apart.

    Returns:
        The index of `runs`; one text column for each that varies somewhere, empty in the tasks in which it
        does not. A cell's own options and code are left out: they are in `cell_labels`.
    """
    return _varying(settings_of(runs), origins_of(runs), runs, ignore)


def _varying(
    settings: pd.DataFrame, origins: pd.DataFrame, runs: pd.DataFrame, ignore: Sequence[str]
) -> pd.DataFrame:
    table = settings.drop(columns=list(ignore), errors="ignore")
    table = table[[key for key in map(str, table) if not key.startswith("cell.")]]
    group = [*(runs[name] for name in IDENTITY), _is_of_0_1(runs)]  # whose configs have other keys
    names = _short_names(table.columns)
    table = table.loc[:, table.nunique() > 1]  # what is the same everywhere varies nowhere
    varies = table.groupby(group).transform("nunique") > 1 if len(table.columns) else table.astype(bool)
    table = table.where(varies, "").loc[:, varies.any()].rename(columns=names)
    shown = origins.assign(code=origins["code"].where(~_is_of_cell(runs), ""))
    return shown.loc[:, (shown != "").any()].join(table)


def conditions(runs: pd.DataFrame, ignore: Sequence[str] = ()) -> pd.Series:
    """What tells a run apart from others of its task, in words: `"lr 0.01, batch_size 32"`, or empty.

    Runs of one task, variant, source, length, size, cell label and condition are repeats that differ in their
    seed only. Where the configs do not show the difference between two settings, their hash does.

    Args:
        runs: the rows of `load_runs`.
        ignore: settings that are shown in another way, as on an axis.
    """
    return _conditions(settings_of(runs), origins_of(runs), runs, ignore)


def _conditions(
    settings: pd.DataFrame, origins: pd.DataFrame, runs: pd.DataFrame, ignore: Sequence[str]
) -> pd.Series:
    varying = _varying(settings, origins, runs, [*ignore, "match_params"])  # it is the size
    words = [
        ", ".join(f"{key} {value}" for key, value in zip(varying.columns, row, strict=True) if value)
        for row in varying.to_numpy().tolist()  # itertuples gives no rows where there are no columns
    ]
    text = pd.Series(words, index=runs.index, dtype="str")
    if text.empty:
        return text
    place = [*(runs[name] for name in (*IDENTITY, "seq_len")), sizes_of(runs)]
    shown = [settings[key] for key in ignore if key in settings]
    labels = _labels(settings, origins, runs)
    several = runs["setting"].groupby([*place, *shown, labels, text], observed=True).transform("nunique") > 1
    named = (text + ", setting " + runs["setting"].str[:8]).str.removeprefix(", ")
    return text.where(~several, named)


def labelled(runs: pd.DataFrame, ignore: Sequence[str] = ()) -> pd.DataFrame:
    """Adds `label`, as `cell_labels` gives it, `condition`, as `conditions` does, and `size`, as `sizes_of`.

    Args:
        runs: the rows of `load_runs`.
        ignore: settings that an axis shows.
    """
    settings, origins = settings_of(runs), origins_of(runs)
    return runs.assign(
        label=_labels(settings, origins, runs),
        condition=_conditions(settings, origins, runs, ignore),
        size=sizes_of(runs),
    )


def sizes_of(runs: pd.DataFrame) -> pd.Series:
    """The size at which cells are compared: `H = 32`, or `≈ 20,000 parameters` for runs with `match_params`.

    Returns:
        Ordered categories: hidden sizes first, each kind by its number; group by them with `observed=True`.
    """
    text = [
        f"H = {hidden}" if pd.isna(budget) else f"≈ {int(budget):,} parameters"
        for hidden, budget in zip(runs["hidden_size"], runs["match_params"], strict=True)
    ]
    order = {
        words: (0, hidden) if pd.isna(budget) else (1, budget)
        for words, hidden, budget in zip(text, runs["hidden_size"], runs["match_params"], strict=True)
    }
    categories = pd.Index(sorted(order, key=lambda words: order[words]), dtype="str")
    return pd.Series(pd.Categorical(text, categories, ordered=True), index=runs.index)


def cell_labels(runs: pd.DataFrame) -> pd.Series:
    """The name of each run's cell, with those of its options that vary between runs of that cell.

    Where the code of a third-party cell has changed between runs, its version or hash is added.
    """
    return _labels(settings_of(runs), origins_of(runs), runs)


def _labels(settings: pd.DataFrame, origins: pd.DataFrame, runs: pd.DataFrame) -> pd.Series:
    table = settings[[key for key in map(str, settings) if key.startswith("cell.")]]
    table = table.loc[:, table.nunique() > 1]  # what is the same everywhere varies nowhere
    if len(table.columns):
        varies = table.groupby([runs["cell"], _is_of_0_1(runs)]).transform("nunique") > 1
        options = table.where(varies, "").to_dict("records")
    else:
        options = [{}] * len(runs)
    codes = origins["code"].where(_is_of_cell(runs), "")
    labels = [
        " ".join(
            [
                name,
                *(f"{str(key).removeprefix('cell.')}={value}" for key, value in row.items() if value),
                *([f"code {code}"] if code else []),
            ]
        )
        for name, row, code in zip(runs["cell"], options, codes, strict=True)
    ]
    return pd.Series(labels, index=runs.index, dtype="str")


def mixtures_within_settings(runs: pd.DataFrame, columns: Sequence[str]) -> dict[str, tuple[list[str], int]]:
    """Columns that differ between repeats of a setting.

    Args:
        runs: the rows of `load_runs`.
        columns: which to compare, such as `ENVIRONMENT_COLUMNS`.

    Returns:
        By column: the values that are mixed, as text, and the number of settings in which they are.
    """
    keys = [
        "setting",
        *(name for name in ("schema_version", "code", "data_hash", "revisions") if name in runs),
    ]
    found = {}
    for name in columns:
        text = runs[name].map(show)
        mixed = text.groupby([runs[key] for key in keys]).transform("nunique") > 1
        if mixed.any():
            settings = runs.loc[mixed, keys].drop_duplicates()
            found[name] = (sorted(text[mixed].unique()), len(settings))
    return found


def _is_of_0_1(runs: pd.DataFrame) -> pd.Series:
    if "schema_version" not in runs:
        return pd.Series(False, index=runs.index)
    return runs["schema_version"].astype(int) == 1


def _is_of_cell(runs: pd.DataFrame) -> pd.Series:
    """Whether the only third-party code of a run is that of its cell."""
    flat = flat_configs(tuple(runs["config"])).set_axis(runs.index)
    return (_third_party(flat, "cell") != "") & (_third_party(flat, "task") == "")


def _third_party(flat: pd.DataFrame, part: str) -> pd.Series:
    """The `_target_` of a run's task or cell where it is neither this package's nor torch's, else empty."""
    if f"{part}._target_" not in flat:
        return pd.Series("", index=flat.index)
    target = flat[f"{part}._target_"].fillna("")
    return target.where(~target.str.startswith(_OWN_TARGETS), "")


def _varies(values: pd.Series, within: Sequence[pd.Series]) -> pd.Series:
    """Whether the values of each row's group differ."""
    return values.groupby(list(within)).transform("nunique") > 1


def _short_names(keys: Iterable[Hashable]) -> dict[str, str]:
    names = [str(key) for key in keys]
    leaves = [name.rpartition(".")[2] for name in names]
    taken = [*leaves, *ORIGINS, *_OTHER_COLUMNS]
    return {name: leaf if taken.count(leaf) == 1 else name for name, leaf in zip(names, leaves, strict=True)}
