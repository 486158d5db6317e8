"""From a composed config to a checked plan of one run, before any training."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from torch import nn

from harness.cells import make_cell, stock_cell_made_by
from harness.experiment import identity
from harness.experiment.building import cell_name, check_cell, checked_cell_options, make_tasks, path_part
from harness.experiment.errors import ConfigError, flat, user_location, where_it_happened
from harness.experiment.identity import Identity
from harness.experiment.schema import Schema
from harness.experiment.targets import split_target, third_party_code
from harness.kernels import KERNELS
from harness.results import store
from harness.tasks import Task
from harness.tasks.common.arguments import one_of, whole_number
from harness.training import Probe, TrainOptions, asked_probes, encoded_size, loop


@dataclass(frozen=True, eq=False)
class Plan:
    """One run, checked: everything that is known before training."""

    run_id: str
    identity: Identity
    task: Task
    other_lengths: dict[str, Task]
    """The same task at other lengths, to be tested on: by the end of their columns' names, such as `2x`."""
    embedding_size: int | None
    cell_name: str
    cell_target: Callable[..., Any]
    cell_options: dict[str, Any]
    """The arguments of the cell: `hidden_size`, `num_layers` and whatever else its yaml holds."""
    train: TrainOptions
    seed: int
    results_dir: Path
    threads: int
    kernel: str
    keep_memory: bool
    device: torch.device
    keep_weights: bool
    rerun: bool

    @property
    def folder(self) -> Path:
        """Where the record of the run lies or will lie."""
        return store.runs_dir(self.results_dir) / self.run_id

    @property
    def probes(self) -> tuple[Probe, ...]:
        """The probes that the run asks for."""
        return asked_probes(self.train)

    def make_cell(self) -> nn.Module:
        """The cell, with weights from torch's global generator."""
        size = encoded_size(self.task.spec, self.embedding_size)
        return make_cell(self.cell_target, size, **self.cell_options)

    def columns(self) -> dict[str, Any]:
        """The columns that the row of the run and the rows of its timing share."""
        spec, options = self.task.spec, self.cell_options
        return {
            "setting": self.identity.setting,
            "task": spec.name,
            "variant": spec.variant,
            "data_source": spec.data_source,
            "cell": self.cell_name,
            "hidden_size": options["hidden_size"],
            "num_layers": options.get("num_layers", 1),
            "dropout": options.get("dropout", 0.0),
            "seq_len": spec.seq_len,
            "seed": self.seed,
            "batch_size": self.train.batch_size,
            "lr": self.train.lr,
            "optimizer": self.train.optimizer,
            "clip": self.train.clip,
            "device": str(self.device),
            "config": self.identity.config,
        }


def plan(config: DictConfig) -> Plan:
    """Checks a composed config, without making data or weights.

    Raises:
        ConfigError: a value is outside its range, a target cannot be imported, a data file is damaged.
    """
    try:
        if "hydra" in config:  # not part of a run; `GridComposer` leaves it out
            config = OmegaConf.masked_copy(config, [str(key) for key in config if key != "hydra"])
        return _plan(config)
    except ConfigError:
        raise
    except Exception as error:  # third-party tasks and cells may fail in any way
        if user_location(error) is None:
            if isinstance(error, ValueError | TypeError | OSError | OmegaConfBaseException):
                raise ConfigError(flat(str(error))) from error
            if isinstance(error, KeyError):
                raise ConfigError(f"the config lacks {error}; do not remove it") from error
        raise ConfigError(where_it_happened(error)) from error


def _plan(config: DictConfig) -> Plan:
    train = OmegaConf.to_object(config.train)
    assert isinstance(train, TrainOptions)
    values: dict[str, Any] = OmegaConf.to_container(config, resolve=True)  # type: ignore[assignment]
    unknown = sorted(set(values) - {item.name for item in fields(Schema)})
    if unknown:
        raise ConfigError(f"unknown key {unknown[0]!r}; see `harness --cfg job` for all keys")
    seed = whole_number("seed", values["seed"], low=0, high=2**32 - 1)
    device = _device(values["device"])
    kernel = one_of("kernel", values["kernel"], KERNELS)
    cell_target, cell_options = split_target("cell", values["cell"])
    given_name = cell_options.pop("name", None)
    cell_options = checked_cell_options(cell_options)
    name = path_part("cell.name", given_name or cell_name(values["cell"]["_target_"], cell_options))
    task, other_lengths = make_tasks(values["task"])
    path_part("the task's name", task.spec.name)
    embedding_size = values["model"]["embedding_size"]
    if embedding_size is not None:
        whole_number("model.embedding_size", embedding_size, high=2**20)
    size = encoded_size(task.spec, embedding_size)
    check_cell(cell_target, json.dumps(cell_options), size, kernel, device)
    named = {"name": given_name} if given_name else {}
    values["train"] |= {"steps": train.steps, "epochs": train.epochs}
    values["cell"] |= named | cell_options
    who = _identity(config, values, task, cell_target, seed)
    hidden_size, seq_len = cell_options["hidden_size"], task.spec.seq_len
    return Plan(
        run_id=f"{task.spec.name}-{name}-h{hidden_size}-T{seq_len}-s{seed}-{who.digest}",
        identity=who,
        task=task,
        other_lengths=other_lengths,
        embedding_size=embedding_size,
        cell_name=name,
        cell_target=cell_target,
        cell_options=cell_options,
        train=train,
        seed=seed,
        results_dir=Path(values["results_dir"]),
        threads=whole_number("threads", values["threads"], high=1024),
        kernel=kernel,
        keep_memory=values["keep_memory"],
        device=device,
        keep_weights=values["keep_weights"],
        rerun=values["rerun"],
    )


def _identity(
    config: DictConfig, values: dict[str, Any], task: Task, cell_target: Callable[..., Any], seed: int
) -> Identity:
    """The identity of a run, from its config with checked values and the task that it makes."""
    hashed = identity.hashed_config(values)
    hashed["cell"] = identity.hashed_node(values["cell"])
    if hashed["cell"].get("name", "") is None:
        del hashed["cell"]["name"]
    hashed["task"] = identity.hashed_node(values["task"])
    files = identity.named_files(values["task"])
    for key in files:  # their content counts, the path does not
        hashed["task"].pop(key, None)
    if "seed" in values["task"] and OmegaConf.is_interpolation(config.task, "seed"):
        hashed["task"]["seed"] = "${seed}"  # it follows the run's seed, in which repeats differ
    hashed["data_source"] = task.spec.data_source
    stock = stock_cell_made_by(cell_target, values["cell"].get("nonlinearity"))
    task_path, cell_path = values["task"]["_target_"], values["cell"]["_target_"]
    return identity.identify(
        hashed,
        seed=seed,
        code=third_party_code((cell_path, cell_target), (task_path, split_target("task", values["task"])[0])),
        content=task.content or identity.content_of(files),
        revisions={
            "task": task.spec.revision,
            "cell": 0 if stock is None else stock.revision,
            "training": loop.REVISION,
        },
    )


def _device(name: str) -> torch.device:
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = flat(str(error)).split(". ")[0]
        raise ConfigError(
            f"device {name!r} cannot be used here ({reason}); the nearest choice is cpu"
        ) from None
    return device
