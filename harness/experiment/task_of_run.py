"""The task of a finished run, made again from its config."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from harness.experiment.building import make_tasks
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
    task, _ = make_tasks({**values["task"], "eval_lengths": [], **(changes or {})})
    for name, now in (("test_fingerprint", lambda: task.test.fingerprint),
                      ("data_fingerprint", lambda: task.fingerprint)):  # fmt: skip
        if row.get(name):
            if row[name] != now():
                raise ConfigError(
                    f"the samples of {task.spec.name} are not those of {folder.name} any more: its data "
                    f"comes from {task.spec.data_source} now, then from {row['data_source']}; see data_dir"
                )
            break
    return task
