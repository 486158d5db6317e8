"""Every random generator of the process: seeded for a run, restored after it, saved with a training."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch


def random_state() -> dict[str, Any]:
    """The states of torch's (CPU, and CUDA once it is in use), NumPy's and Python's global generators."""
    name, keys, *rest = np.random.get_state(legacy=True)
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else [],
        "numpy": [str(name), torch.from_numpy(np.asarray(keys).astype(np.int64)), *rest],
        "python": _as_lists(random.getstate()),
    }


def restore_random_state(state: dict[str, Any]) -> None:
    """Sets the generators to what `random_state` returned."""
    torch.set_rng_state(state["torch"])
    if state["cuda"]:
        torch.cuda.set_rng_state_all(state["cuda"])
    name, keys, position, has_gauss, cached = state["numpy"]
    np.random.set_state((name, keys.numpy().astype(np.uint32), position, has_gauss, cached))
    version, numbers, gauss = state["python"]
    random.setstate((version, tuple(numbers), gauss))


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seeds all generators with `seed` (0 to 2³² − 1) and restores them at the end."""
    before = random_state()
    torch.manual_seed(seed)
    np.random.seed(seed)
    random.seed(seed)
    try:
        yield
    finally:
        restore_random_state(before)


def _as_lists(state: Any) -> list[Any]:
    """Python's state in types that `torch.load(weights_only=True)` reads."""
    version, numbers, gauss = state
    return [version, list(numbers), gauss]
