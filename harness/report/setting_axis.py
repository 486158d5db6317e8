"""The horizontal axis over a setting: its words, its scale, its ticks, and marks side by side on it."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

SETTING_WORDS = {
    "seq_len": "sequence length",
    "tested_len": "tested length",
    "hidden_size": "hidden size",
    "lr": "learning rate",
    "init": "initialisation",
    "clip": "clipping threshold",
    "n_train": "number of training samples",
}
"""Words for settings that have better ones than their key."""

SETTING_UNITS = {
    "seq_len": "T (steps)", "tested_len": "(steps)", "hidden_size": "H (units)", "batch_size": "(sequences)",
}  # fmt: skip

_TICK_GAP = 0.11  # of the axis' width, between two numbers that do not touch
_SLOT = 0.02  # of the axis' width, between marks that stand side by side


def setting_words(x: str) -> str:
    """A setting as it stands in a title.

    >>> setting_words("lr"), setting_words("train.weight_decay")
    ('learning rate', 'weight decay')
    """
    leaf = x.rpartition(".")[2]
    return SETTING_WORDS.get(leaf, leaf.replace("_", " "))


def setting_label(x: str) -> str:
    """The label of a horizontal axis over a setting.

    >>> setting_label("seq_len"), setting_label("lr")
    ('sequence length T (steps)', 'learning rate')
    """
    return f"{setting_words(x)} {SETTING_UNITS.get(x, '')}".strip()


def is_log(ticks: Sequence[float], linear_up_to: float = 2.0) -> bool:
    """Whether an axis with these ticks is logarithmic: they stand more evenly there than on a linear one.

    Args:
        ticks: in order.
        linear_up_to: up to this ratio of the last to the first tick the axis is linear.

    >>> is_log([14, 28, 56]), is_log([1, 2, 3]), is_log([0.0, 0.1, 0.5]), is_log([14, 28, 56], 10)
    (True, False, False, False)
    """
    if len(ticks) < 2 or ticks[0] <= 0 or ticks[-1] <= linear_up_to * ticks[0]:
        return False
    return len(ticks) == 2 or _unevenness(np.log(ticks)) < _unevenness(np.asarray(ticks))


def setting_axis(ax: Axes, x: str, ticks: Sequence[float], log: bool) -> None:
    """Prepares the horizontal axis, with the values that occur as its ticks."""
    ax.set_xscale("log" if log else "linear")
    if len(ticks) > 1:
        low, high = _on(log, [ticks[0], ticks[-1]])
        ax.set_xlim(*_off(log, [low - 0.1 * (high - low), high + 0.1 * (high - low)]))
    elif ticks:
        ax.set_xlim(ticks[0] - 0.35 * (abs(ticks[0]) or 1), ticks[0] + 0.35 * (abs(ticks[0]) or 1))
    ax.xaxis.set_major_locator(FixedLocator(list(ticks)))
    ax.xaxis.set_minor_locator(NullLocator())
    numbered = _spaced(ticks, log)
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}" if value in numbered else ""))
    ax.set_xlabel(setting_label(x))


def side_by_side(
    xs: pd.Series, slot: pd.Series | float, n: int, ticks: Sequence[float], log: bool
) -> pd.Series:
    """Moves marks to their places beside one another, which fill at most half a gap between ticks.

    Args:
        xs: the values of the setting.
        slot: which of the `n` places, from 0; between two of them where it is no whole number.
        n: places at each tick.
        ticks: of the axis, in order.
        log: whether the axis is logarithmic.
    """
    at = _on(log, ticks)
    width = at[-1] - at[0] if len(ticks) > 1 else (0.5 if log else 0.7 * (abs(ticks[0]) or 1))
    gap = min((b - a for a, b in itertools.pairwise(at)), default=width)
    step = min(_SLOT * width, 0.5 * gap / max(1, n - 1))
    moved = pd.Series(_on(log, xs), index=xs.index) + step * (slot - (n - 1) / 2)
    return pd.Series(_off(log, moved), index=xs.index)


def seed_places(seeds: pd.Series) -> pd.Series:
    """From −0.8 to 0.8, a place for each seed, so that equal results stand side by side.

    >>> seed_places(pd.Series([1, 2, 3])).tolist()
    [-0.8, 0.0, 0.8]
    """
    ranks = (seeds.rank(method="dense") - 1).astype(float)
    return 0.8 * (2 * ranks / max(1.0, float(ranks.max())) - 1) if ranks.max() > 0 else 0.0 * ranks


def _on(log: bool, values: Sequence[float] | pd.Series) -> np.ndarray:
    """Values as distances along the axis."""
    numbers = np.asarray(values, dtype=float)
    return np.log(numbers) if log else numbers


def _off(log: bool, places: Sequence[float] | pd.Series) -> np.ndarray:
    numbers = np.asarray(places, dtype=float)
    return np.asarray(np.exp(numbers)) if log else numbers


def _unevenness(places: np.ndarray) -> float:
    gaps = np.diff(places)
    return float(gaps.std() / gaps.mean())


def _spaced(ticks: Sequence[float], log: bool) -> set[float]:
    """The ticks whose number does not touch that of an earlier one."""
    if not ticks:
        return set()
    at = _on(log, ticks)
    span = float(at[-1] - at[0]) or 1.0
    shown = [0]
    for i in range(1, len(ticks)):
        if (at[i] - at[shown[-1]]) / span >= _TICK_GAP:
            shown.append(i)
    return {ticks[i] for i in shown}
