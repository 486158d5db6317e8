"""What the interactive figure can show: measures, horizontal axes, and what separates its panels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from harness.report.page.encode import encoded
from harness.report.setting_axis import setting_words
from harness.report.style import CellStyle
from harness.results.tables import OTHER_LENGTH_COLUMN

_MEASURES = (
    ("test_accuracy", "test accuracy (%)", 100, "chance_accuracy"),
    ("test_loss", "test loss", 1, "memoryless_loss"),
    ("solved_step", "step at which it was solved", 1, ""),
    ("gradflow_decades_init", "decades of the gradient flow, at initialisation", 1, ""),
    ("gradflow_decades_end", "decades of the gradient flow, at the end", 1, ""),
    ("gradflow_reach_init", "reach of the gradient flow, at initialisation (steps)", 1, ""),
    ("gradflow_reach_end", "reach of the gradient flow, at the end (steps)", 1, ""),
    ("grad_norm_mean", "gradient norm, mean before clipping", 1, ""),
    ("grad_norm_max", "gradient norm, largest before clipping", 1, ""),
    ("train_s", "training time (s)", 1, ""),
    ("samples_per_s", "training sequences a second", 1, ""),
    ("peak_rss_mb", "peak memory (MiB)", 1, ""),
    ("n_params", "trained parameters", 1, ""),
)
"""Columns that can be drawn: title, factor, and the column of a line to compare with."""


def explore_payload(
    runs: pd.DataFrame, varying: pd.DataFrame, styles: Mapping[str, CellStyle]
) -> dict[str, Any]:
    """What the page's script needs to draw any measure by any setting.

    Args:
        runs: as `labelled` returns them; those of the stage `tune` are not drawn.
        varying: the `varying_settings` of the others.
        styles: of the cells, by label.
    """
    final = runs["stage"] != "tune"
    settings = _settings(runs, varying)
    place = [f"{task} ({variant}), {source}" for task, variant, source in
             zip(runs["task"], runs["variant"], runs["data_source"], strict=True)]  # fmt: skip
    axes = [name for name in settings if len({value for value in settings[name][final] if value}) > 1]
    return {
        "measures": _measures(runs[final]),
        "axes": [{"key": name, "title": setting_words(name)} for name in axes]
        or [{"key": "seq_len", "title": setting_words("seq_len")}],
        "settings": {name: encoded(list(settings[name])) for name in settings},
        "label": encoded(list(runs["label"])),
        "place": encoded(place),
        "drawn": encoded([bool(flag) for flag in final]),
        "styles": {name: {"color": style.color} for name, style in styles.items()},
    }


def _settings(runs: pd.DataFrame, varying: pd.DataFrame) -> dict[str, pd.Series]:
    """As text: length, size, and every further setting that varies within a task."""
    varying = varying.reindex(runs.index, fill_value="")
    first = {"seq_len": runs["seq_len"].astype("str"), "size": runs["size"].astype("str")}
    return first | {
        str(name): varying[name] for name in varying if name not in ("seq_len", "size", "match_params")
    }


def _measures(runs: pd.DataFrame) -> list[dict[str, Any]]:
    others = tuple(
        (
            name,
            f"{name.replace('_', ' ')}{' (%)' if 'accuracy' in name else ''}",
            100 if "accuracy" in name else 1,
            "",
        )
        for name in map(str, runs)
        if OTHER_LENGTH_COLUMN.fullmatch(name)
    )
    return [
        {"key": key, "title": title, "scale": scale, "reference": reference}
        for key, title, scale, reference in _MEASURES + others
        if runs["solved_rule" if key == "solved_step" else key].notna().any()  # unsolved is a result
    ]
