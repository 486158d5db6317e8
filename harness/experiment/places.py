"""How many runs are made at a time, and on which GPU each of them."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from joblib import effective_n_jobs

VISIBLE = "CUDA_VISIBLE_DEVICES"


@dataclass(frozen=True)
class Places:
    """The workers of a grid.

    Attributes:
        environments: one a worker: the variables of its environment that differ from the others'.
        said: a line for the user; None: nothing is special.
    """

    environments: tuple[dict[str, str], ...]
    said: str | None = None

    def __len__(self) -> int:
        return len(self.environments)


def number_of_workers(n_jobs: Any) -> int:
    """Worker processes for `n_jobs`; null is one a core, negative numbers count from the number of cores.

    Raises:
        ValueError: not a whole number, or 0.
    """
    number = -1 if n_jobs is None else n_jobs
    if not isinstance(number, int) or isinstance(number, bool) or number == 0:
        raise ValueError(
            f"hydra.launcher.n_jobs={n_jobs} must be a whole number other than 0; -1 means one a core, null "
            "the same and with device=cuda one a GPU"
        )
    return int(effective_n_jobs(number))


def choose_places(n_jobs: int | None, devices: Collection[str]) -> Places:
    """The workers for runs on `devices`, on this machine.

    Raises:
        ValueError: as `number_of_workers` does.
    """
    gpus = visible_gpus() if any(device.startswith("cuda") for device in devices) else []
    return places_on(n_jobs, number_of_workers(n_jobs), devices, gpus)


def places_on(n_jobs: int | None, workers: int, devices: Collection[str], gpus: Sequence[str]) -> Places:
    """The workers of a grid.

    Args:
        n_jobs: as configured; None leaves the number to this function.
        workers: processes that `n_jobs` means without a GPU.
        devices: of the runs.
        gpus: those that this process may use, as `CUDA_VISIBLE_DEVICES` names them.

    >>> places_on(None, 8, {"cuda"}, ["0", "3"]).environments
    ({'CUDA_VISIBLE_DEVICES': '0'}, {'CUDA_VISIBLE_DEVICES': '3'})
    """
    if not gpus or not any(device.startswith("cuda") for device in devices):
        return Places(({},) * workers)
    named = sorted(device for device in devices if device.startswith("cuda:"))
    if named:
        count = 1 if n_jobs is None else workers
        return Places(({},) * count, f"{_counted(count)}, since {named[0]} names one GPU of all")
    count = len(gpus) if n_jobs is None else workers
    environments = tuple({VISIBLE: gpus[index % len(gpus)]} for index in range(count))
    if count > len(gpus):
        said = (
            f"{_counted(count)} on {len(gpus)} GPU{'s' if len(gpus) > 1 else ''}: runs that share a GPU slow "
            "each other; hydra.launcher.n_jobs=null is one a GPU"
        )
    else:
        said = f"{_counted(count)}, on a GPU of its own each: {', '.join(gpus[:count])}"
    return Places(environments, said)


def visible_gpus() -> list[str]:
    """The GPUs that this process may use, as `CUDA_VISIBLE_DEVICES` names them."""
    named = os.environ.get(VISIBLE)
    if named is not None:
        return [name.strip() for name in named.split(",") if name.strip()]
    import torch

    return [str(index) for index in range(torch.cuda.device_count())]


def _counted(count: int) -> str:
    return f"{count} run{'' if count == 1 else 's'} at a time"
