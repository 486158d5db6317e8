"""The options of `hydra/launcher=slurm`, checked before anything is submitted."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SMALLEST = {"n_jobs": 1, "minutes": 1, "signal_s": 1, "requeues": 0}

RESOURCES = {
    "partition": "partition", "account": "account", "qos": "qos", "cpus": "cpus-per-task", "gpus": "gpus",
    "mem": "mem",
}  # fmt: skip
"""Keys of the launcher, and what sbatch calls them."""

OWN = ("array", "time", "signal", "output", "error", "job-name", "open-mode")
"""Options of sbatch that the launcher gives itself."""


@dataclass(frozen=True)
class SlurmOptions:
    """What `conf/hydra/launcher/slurm.yaml` explains.

    Attributes:
        sbatch: options of `sbatch` without their dashes; True where an option has no value.
    """

    n_jobs: int
    minutes: int
    signal_s: int
    requeues: int
    detach: bool
    sbatch: Mapping[str, Any]
    setup: tuple[str, ...]
    python: str | None


def options_of(config: Mapping[str, Any]) -> SlurmOptions:
    """The options of a launcher's config.

    Raises:
        ValueError: submitit or Slurm is not installed, or an option cannot be right; one line says which.
    """
    if importlib.util.find_spec("submitit") is None:
        raise ValueError('hydra/launcher=slurm needs submitit: pip install "seqharness[slurm]"')
    missing = [name for name in ("sbatch", "squeue", "srun", "scancel") if shutil.which(name) is None]
    if missing:
        raise ValueError(f"hydra/launcher=slurm needs Slurm's commands here; not found: {', '.join(missing)}")
    for key, least in SMALLEST.items():
        if not isinstance(config[key], int) or isinstance(config[key], bool) or config[key] < least:
            raise ValueError(f"hydra.launcher.{key}={config[key]} must be a whole number, at least {least}")
    if config["signal_s"] >= 60 * config["minutes"]:
        raise ValueError(
            f"hydra.launcher.signal_s={config['signal_s']} must be less than the seconds of "
            f"hydra.launcher.minutes={config['minutes']}"
        )
    given = {flag: config[key] for key, flag in RESOURCES.items() if config[key] is not None}
    return SlurmOptions(
        **{key: config[key] for key in (*SMALLEST, "detach", "python")},
        sbatch={"requeue": True} | given | dict(map(_flag, config["sbatch"])),
        setup=tuple(config["setup"]),
    )


def _flag(text: str) -> tuple[str, Any]:
    """`--mem=4G` as name and value."""
    name, equals, value = str(text).removeprefix("--").partition("=")
    if not str(text).startswith("--") or name in OWN:
        why = "is set by the launcher" if name in OWN else "must look like --name=value or --name"
        raise ValueError(f"hydra.launcher.sbatch: {text!r} {why}")
    return name, value if equals else True
