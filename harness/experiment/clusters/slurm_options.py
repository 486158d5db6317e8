"""The options of `hydra/launcher=slurm`, checked before anything is submitted."""

from __future__ import annotations

import importlib.util
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

SMALLEST = {"n_jobs": 1, "minutes": 1, "signal_s": 1, "requeues": 0}

RESOURCES = {
    "partition": "partition", "account": "account", "qos": "qos", "cpus": "cpus-per-task", "gpus": "gpus",
    "mem": "mem",
}  # fmt: skip
"""Keys of the launcher, and what sbatch calls them."""

OWN = ("array", "time", "signal", "output", "error", "job-name", "open-mode", "requeue", "no-requeue")
"""Options of sbatch that the launcher gives itself."""

ONE = ("nodes", "ntasks", "ntasks-per-node")
"""Options of sbatch that can only be 1: a run is one process, and more of them would be the same run."""

UNFIT = {
    "wrap": "the launcher submits scripts of its own",
    "test-only": "it submits nothing",
    "wait": "the launcher waits itself",
    "parsable": "the launcher reads the usual answer of sbatch",
    "quiet": "the launcher reads the usual answer of sbatch",
    "clusters": "the launcher asks the queue of the usual cluster only",
}
"""Options of sbatch that the launcher cannot work with, and why."""

GPUS = re.compile(r"([\w.-]+:)?\d+")


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
        _check_whole(key, config[key], least)
    if config["signal_s"] >= 60 * config["minutes"]:
        raise ValueError(
            f"hydra.launcher.signal_s={config['signal_s']} must be less than the seconds of "
            f"hydra.launcher.minutes={config['minutes']}"
        )
    if config["cpus"] is not None:
        _check_whole("cpus", config["cpus"], 1)
    if config["gpus"] is not None and GPUS.fullmatch(str(config["gpus"])) is None:
        raise ValueError(
            f"hydra.launcher.gpus={config['gpus']} must be a number, or TYPE:NUMBER as in a100:1"
        )
    if not isinstance(config["detach"], bool):
        raise ValueError(f"hydra.launcher.detach={config['detach']} must be true or false")
    given = {flag: config[key] for key, flag in RESOURCES.items() if config[key] is not None}
    further = _texts("sbatch", config["sbatch"], "--constraint=a100")
    return SlurmOptions(
        **{key: config[key] for key in (*SMALLEST, "detach", "python")},
        sbatch={"requeue": True} | given | dict(map(_flag, further)),
        setup=_texts("setup", config["setup"], "module load python"),
    )


def _check_whole(key: str, value: Any, least: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ValueError(f"hydra.launcher.{key}={value} must be a whole number, at least {least}")


def _texts(key: str, value: Any, example: str) -> tuple[str, ...]:
    """A list of texts; a text alone would be a list of its letters."""
    is_list = isinstance(value, Sequence) and not isinstance(value, str)
    if not is_list or not all(isinstance(one, str) for one in value):
        shown = value if isinstance(value, str) else example
        raise ValueError(
            f"hydra.launcher.{key}={value} must be a list of texts: \"hydra.launcher.{key}=['{shown}']\""
        )
    return tuple(value)


def _flag(text: str) -> tuple[str, Any]:
    """`--mem=4G` as name and value."""
    name, equals, value = text.removeprefix("--").partition("=")
    why = None
    if not text.startswith("--") or not name:
        why = "must look like --name=value or --name"
    elif name in OWN:
        why = "is set by the launcher"
    elif name in UNFIT:
        why = f"cannot be used: {UNFIT[name]}"
    elif name in ONE and value != "1":
        why = "cannot be used: a run is one process on one node; hydra.launcher.n_jobs is the runs at a time"
    if why is not None:
        raise ValueError(f"hydra.launcher.sbatch: {text!r} {why}")
    return name, value if equals else True
