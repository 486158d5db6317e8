"""What third-party code may change in its process, restored after it."""

from __future__ import annotations

import contextlib
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

from harness.cells.random_state import random_state, restore_random_state

Setting = tuple[Callable[[], Any], Callable[[Any], Any]]
"""How a setting is read, and how it is set to what was read."""


@contextlib.contextmanager
def restored_process() -> Iterator[None]:
    """At the end, however it comes, the process is as it was at the start.

    Restores torch's default dtype and device, grad mode, anomaly mode, number of threads, deterministic and
    cuDNN flags and precision of float32 products; NumPy's floating-point errors; warning filters, module
    search path, working directory, environment; and every random generator.
    """
    settings = _settings()
    before = [read() for read, _ in settings]
    random = random_state()
    try:
        with warnings.catch_warnings():
            yield
    finally:
        for (read, restore), value in zip(settings, before, strict=True):
            if read() != value:
                restore(value)
        restore_random_state(random)


def _settings() -> list[Setting]:
    return [
        (torch.get_default_dtype, torch.set_default_dtype),
        (_default_device, torch.set_default_device),
        (torch.is_grad_enabled, torch.set_grad_enabled),
        (torch.is_anomaly_enabled, torch.autograd.set_detect_anomaly),
        (torch.get_num_threads, torch.set_num_threads),
        (_deterministic, lambda values: torch.use_deterministic_algorithms(values[0], warn_only=values[1])),
        *(_attribute(torch.backends.cudnn, name) for name in ("benchmark", "deterministic", "enabled")),
        (_matmul_precision, _set_matmul_precision),
        (np.geterr, lambda values: np.seterr(**values)),
        (lambda: list(sys.path), _set_path),
        (_folder, _set_folder),
        (lambda: dict(os.environ), _set_environment),
    ]


def _default_device() -> torch.device | None:
    """The default device; None where none was set, which is faster than setting the CPU."""
    device = torch.get_default_device()
    return None if device == torch.device("cpu") else device


def _deterministic() -> tuple[bool, bool]:
    return (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
    )


def _attribute(owner: Any, name: str) -> Setting:
    return lambda: getattr(owner, name), lambda value: setattr(owner, name, value)


def _matmul_precision() -> str | None:
    """None where torch refuses to answer, since its newer interface was used to set parts differently."""
    try:
        return str(torch.get_float32_matmul_precision())
    except RuntimeError:
        return None


def _set_matmul_precision(value: str | None) -> None:
    if value is not None:
        torch.set_float32_matmul_precision(value)


def _set_path(folders: list[str]) -> None:
    sys.path[:] = folders


def _folder() -> str | None:
    """The working directory; None where it was deleted."""
    try:
        return os.getcwd()
    except FileNotFoundError:
        return None


def _set_folder(folder: str | None) -> None:
    if folder is not None:
        with contextlib.suppress(FileNotFoundError):
            os.chdir(folder)


def _set_environment(variables: dict[str, str]) -> None:
    for name in os.environ.keys() - variables.keys():
        del os.environ[name]
    os.environ.update(variables)
