"""Series of unequal lengths: statistics of their channels, and padding."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch


def channel_statistics(series: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each channel over all steps of all series; 1 for a constant channel.

    The sums are exact (`math.fsum`), so they do not depend on the order in which a machine adds.

    >>> mean, deviation = channel_statistics([np.array([[1.0, 5.0], [3.0, 5.0]]), np.array([[5.0, 5.0]])])
    >>> mean.tolist(), (deviation**2).round(6).tolist()
    ([3.0, 5.0], [2.666667, 1.0])
    """
    channels = np.concatenate(series).T
    count = channels.shape[1]
    mean = [math.fsum(channel) / count for channel in channels]
    variance = [math.fsum((x - mu) ** 2) / count for x, mu in zip(channels, mean, strict=True)]
    constant = (channels.min(axis=1) == channels.max(axis=1)) | (np.array(variance) == 0)  # or it underflows
    return np.array(mean), np.where(constant, 1.0, np.sqrt(variance))


def padded(series: Sequence[np.ndarray], longest: int) -> tuple[torch.Tensor, torch.Tensor]:
    """(N, longest, channels) float32 with zeros on the right, and (N,) int64, the true lengths."""
    x_NTD = np.zeros((len(series), longest, series[0].shape[1]), dtype=np.float32)
    for row, one in zip(x_NTD, series, strict=True):
        row[: len(one)] = one
    return torch.from_numpy(x_NTD), torch.tensor([len(one) for one in series], dtype=torch.int64)
