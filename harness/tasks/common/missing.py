"""Missing values of series: filled with zero, with the mean of the channel, or between their neighbours."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

MISSING = ("error", "zero", "mean", "interpolate")
"""What can become of missing values."""


def present_means(name: str, series: Sequence[np.ndarray]) -> np.ndarray:
    """(channels,) the mean of each channel over the values that are there, from exact sums (`math.fsum`).

    Args:
        name: of the problem, for the error message.
        series: arrays (T, channels) float64 with NaN where a value is missing.

    Raises:
        ValueError: a channel has no value at all.
    """
    channels = np.concatenate(series).T
    present = [channel[~np.isnan(channel)] for channel in channels]
    for number, values in enumerate(present, start=1):
        if not len(values):
            raise ValueError(
                f"name={name} cannot be used: channel {number} has no value in any training sample; leave it "
                "out of the files"
            )
    return np.array([math.fsum(values) / len(values) for values in present])


def fill(series: np.ndarray, how: str, means: np.ndarray) -> np.ndarray:
    """A copy of a series (T, channels) with its missing values filled in.

    Args:
        series: float64, NaN where a value is missing.
        how: `zero`, `mean` or `interpolate`, see `MISSING`.
        means: (channels,) of the training samples; `interpolate` takes them for a channel without values.

    >>> gaps = np.array([[np.nan, 1.0], [2.0, 1.0], [np.nan, 1.0], [4.0, 1.0]])
    >>> fill(gaps, "interpolate", np.array([9.0, 9.0]))[:, 0].tolist()
    [2.0, 2.0, 3.0, 4.0]
    """
    filled = series.copy()
    for channel, mean in zip(filled.T, means, strict=True):
        gaps = np.isnan(channel)
        if how == "interpolate" and gaps.any() and not gaps.all():
            steps = np.arange(len(channel))
            channel[gaps] = np.interp(steps[gaps], steps[~gaps], channel[~gaps])
        else:
            channel[gaps] = 0.0 if how == "zero" else mean
    return filled
