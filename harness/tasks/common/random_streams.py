"""Random numbers whose bytes are the same on every machine and in every release of NumPy.

NumPy's compatibility policy (NEP 19) freezes `numpy.random.RandomState`, `SeedSequence` and the MT19937 bit
stream. Only integers and exact float32 values are drawn from them.
"""

from __future__ import annotations

import numpy as np

SPLITS = ("train", "val", "test")

_UNIT = np.float32(2.0**-24)


def random_stream(seed: int, split: str, epoch: int = 0) -> np.random.RandomState:
    """A reproducible stream per split: a longer training set does not change the test set.

    Args:
        seed: at least 0.
        split: `train`, `val` or `test`.
        epoch: counted from 0; each epoch has its own stream, for fresh training samples.
    """
    sequence = np.random.SeedSequence([seed, SPLITS.index(split), *([epoch] if epoch else [])])
    return np.random.RandomState(np.random.MT19937(sequence))


def uniform_float32(rng: np.random.RandomState, *shape: int) -> np.ndarray:
    """float32 from {0, 1, …, 2²⁴ − 1} / 2²⁴: uniform on [0, 1), each value exact."""
    return rng.randint(0, 2**24, size=shape, dtype=np.uint32).astype(np.float32) * _UNIT


def uniform_integers(rng: np.random.RandomState, low: int, high: int, *shape: int) -> np.ndarray:
    """int64, uniform on low, …, high − 1."""
    return rng.randint(low, high, size=shape, dtype=np.int64)
