"""The task of a finished run, made again from its config."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from harness.experiment.building import make_tasks
from harness.experiment.command import read_own_file
from harness.experiment.errors import ConfigError
from harness.results import store
from harness.tasks import Task


def task_of_run(folder: Path, changes: Mapping[str, Any] | None = None) -> Task:
    """The task of a run, with the very test samples that it was tested on.

    Args:
        folder: of a run that has ended.
        changes: arguments of the task that are not part of the run's identity, such as `data_dir`.

    Raises:
        ConfigError: the run has not ended, its task cannot be made, or makes other test samples.
    """
    try:
        row = store.read_row(folder)
    except store.CorruptRowError as error:
        raise ConfigError(str(error)) from None
    if row is None:
        raise ConfigError(f"{folder} has no row.json: the run has not ended")
    config = OmegaConf.create({"task": row["config"]["task"], "seed": row["seed"]})
    values: Any = OmegaConf.to_container(config, resolve=True)
    if "path" not in (changes or {}) and "_target_" in values["task"] and read_own_file(row["config"]):
        raise ConfigError(
            f"{row['run_id']} read data of yours, and no run keeps a path: add task.path=FILE, where they lie"
        )
    task, _ = make_tasks({**values["task"], "eval_lengths": [], **(changes or {})})
    for name, now in (("test_fingerprint", lambda: task.test.fingerprint),
                      ("data_fingerprint", lambda: task.fingerprint)):  # fmt: skip
        if row.get(name):
            if row[name] != now():
                raise ConfigError(_other_samples(task, row, changes or {}))
            break
    return task


def _other_samples(task: Task, row: Mapping[str, Any], changes: Mapping[str, Any]) -> str:
    given = "".join(f" without task.{name}={value}," for name, value in changes.items() if name != "data_dir")
    data = f"its data comes from {task.spec.data_source}, that of the run from {row['data_source']}"
    why = data if task.spec.data_source != row["data_source"] else "its arguments or its data have changed"
    where = "the task.path" if "path" in changes else "the data_dir"
    return (
        f"{task.spec.name} makes other test samples than those of {row['run_id']}: {why}; try{given} with "
        f"{where} of the run"
    )
