"""Random draws whose bytes are the same on every machine and in every release of NumPy.

`numpy.random.RandomState` is frozen by NumPy's compatibility policy (NEP 19), `SeedSequence` and the
MT19937 bit stream are part of it. Only integer draws and exact float32 values are made from them.
"""

from __future__ import annotations

import numpy as np

SPLITS = ("train", "val", "test")

_UNIT = np.float32(2.0**-24)


def stream(seed: int, split: str, epoch: int = 0) -> np.random.RandomState:
    """An own, reproducible stream for a split: a longer training set does not change the test set.

    Args:
        seed: at least 0.
        split: `train`, `val` or `test`.
        epoch: fresh training samples have a stream for each pass, counted from 0.
    """
    sequence = np.random.SeedSequence([seed, SPLITS.index(split), *([epoch] if epoch else [])])
    return np.random.RandomState(np.random.MT19937(sequence))


def uniform(rng: np.random.RandomState, *shape: int) -> np.ndarray:
    """float32 draws from {0, 1, …, 2²⁴ − 1} / 2²⁴: uniform on [0, 1), each value exact."""
    return rng.randint(0, 2**24, size=shape, dtype=np.uint32).astype(np.float32) * _UNIT


def whole(rng: np.random.RandomState, low: int, high: int, *shape: int) -> np.ndarray:
    """int64 draws from low, …, high − 1."""
    return rng.randint(low, high, size=shape, dtype=np.int64)
