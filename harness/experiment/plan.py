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

from harness.cells import InitOptions, initialise, make_cell, with_seq_len
from harness.experiment import identity
from harness.experiment.building import (
    cell_name,
    check_cell,
    check_inputs,
    check_lengths,
    check_readout,
    checked_cell_options,
    init_options,
    make_tasks,
    path_part,
    without_idle_dropout,
)
from harness.experiment.device import check_tf32, usable_device
from harness.experiment.errors import ConfigError, as_config_error
from harness.experiment.identity import Identity
from harness.experiment.match_params import LARGEST_TARGET, matched_hidden_size
from harness.experiment.schema import Schema
from harness.experiment.targets import split_target, third_party_code
from harness.kernels import KERNELS
from harness.results import store
from harness.results.schema import STAGES
from harness.tasks import Task, TaskSpec
from harness.tasks.common.arguments import one_of, whole_number
from harness.training import Probe, TrainOptions, asked_probes, encoded_size, loop, restored_process

Targets = tuple[tuple[str, Callable[..., Any]], tuple[str, Callable[..., Any]]]
"""Of the cell and of the task: the `_target_` as configured, and what it names."""


@dataclass(frozen=True, eq=False)
class Plan:
    """One run, checked: everything that is known before training."""

    run_id: str
    identity: Identity
    targets: Targets
    files: dict[str, Path]
    """Data files that arguments of a third-party task or cell name, by their key."""
    task: Task
    other_lengths: dict[str, Task]
    """The same task at other lengths, to be tested on: by the end of their columns' names, such as `2x`."""
    embedding_size: int | None
    readout: str
    one_length: str | None
    """Why the model needs sequences of one length; None: they may differ."""
    match_params: int | None
    cell_name: str
    cell_target: Callable[..., Any]
    cell_options: dict[str, Any]
    """The arguments of the cell: `hidden_size`, `num_layers` and whatever else its yaml holds."""
    init: InitOptions
    train: TrainOptions
    seed: int
    stage: str
    """`tune`: measured on validation data only; `final`."""
    results_dir: Path
    threads: int
    kernel: str
    tf32: bool
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
        """The cell, drawn from torch's global generator, then initialised from a generator of its own."""
        size = encoded_size(self.task.spec, self.embedding_size)
        seq_len = self.task.spec.seq_len
        options = with_seq_len(self.cell_target, self.cell_options, seq_len)
        cell = make_cell(self.cell_target, size, **options)
        generator = torch.Generator().manual_seed(self.seed)
        return initialise(cell, self.init, generator=generator, seq_len=seq_len)

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
            "match_params": self.match_params,
            "num_layers": options.get("num_layers", 1),
            "dropout": options.get("dropout", 0.0),
            "init": self.init.label,
            "readout": self.readout,
            "seq_len": spec.seq_len,
            "seed": self.seed,
            "batch_size": self.train.batch_size,
            "lr": self.train.lr,
            "schedule": self.train.schedule,
            "optimizer": self.train.optimizer,
            "clip": self.train.clip,
            "tf32": self.tf32,
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
        with restored_process():  # a third-party module may change it when it is imported
            return _plan(config)
    except (ConfigError, KeyboardInterrupt):
        raise
    except BaseException as error:  # third-party tasks and cells may fail in any way
        plain = (ValueError, TypeError, OSError, OmegaConfBaseException)
        raise as_config_error(error, plain) from error


def _plan(config: DictConfig) -> Plan:
    train = OmegaConf.to_object(config.train)
    assert isinstance(train, TrainOptions)
    values = _resolved(config)
    seed = whole_number("seed", values["seed"], low=0, high=2**32 - 1)
    device = usable_device(values["device"])
    check_tf32(values["tf32"], device)
    kernel = one_of("kernel", values["kernel"], KERNELS)
    cell_target, cell_options = split_target("cell", values["cell"])
    given_name = cell_options.pop("name", None)
    task, other_lengths = make_tasks(values["task"])
    path_part("the task's name", task.spec.name)
    embedding_size = _embedding_size(values["model"])
    size = encoded_size(task.spec, embedding_size)
    readout = check_readout(values["model"]["readout"], task, other_lengths)
    match_params = values["match_params"]
    if match_params is not None:
        model = (task.spec, embedding_size, readout)
        cell_options["hidden_size"] = _matched_size(cell_target, cell_options, model, match_params)
    cell_options = without_idle_dropout(cell_target, checked_cell_options(cell_options))
    name = path_part("cell.name", given_name or cell_name(values["cell"]["_target_"], cell_options))
    init = init_options(values["init"])
    made_for = (size, task.spec.seq_len, kernel, device, init.name)
    cell = check_cell(cell_target, json.dumps(cell_options), *made_for)
    check_inputs(cell, task, embedding_size, other_lengths)
    one_length = check_lengths(readout, cell, task, values["task"])
    values["train"] |= {"steps": train.steps, "epochs": train.epochs, "eval_every": train.eval_every}
    values["cell"] |= ({"name": given_name} if given_name else {}) | cell_options
    values["init"] = {"name": init.name} | ({"bias": init.bias} if init.name == "forget_bias" else {})
    task_target, _ = split_target("task", values["task"])
    targets = ((values["cell"]["_target_"], cell_target), (values["task"]["_target_"], task_target))
    files = _named_files(values)
    who = _identity(config, values, task, targets, files, cell.revision)
    sizes = f"h{cell_options['hidden_size']}-T{task.spec.seq_len}"
    return Plan(
        run_id=f"{task.spec.name}-{name}-{sizes}-s{seed}-{who.digest}",
        identity=who,
        targets=targets,
        files=files,
        task=task,
        other_lengths=other_lengths,
        embedding_size=embedding_size,
        readout=readout,
        one_length=one_length,
        match_params=match_params,
        cell_name=name,
        cell_target=cell_target,
        cell_options=cell_options,
        init=init,
        train=train,
        seed=seed,
        stage=one_of("stage", values["stage"], STAGES),
        results_dir=Path(values["results_dir"]).absolute(),
        threads=whole_number("threads", values["threads"], high=1024),
        kernel=kernel,
        tf32=values["tf32"],
        keep_memory=values["keep_memory"],
        device=device,
        keep_weights=values["keep_weights"],
        rerun=values["rerun"],
    )


def _resolved(config: DictConfig) -> dict[str, Any]:
    values: dict[str, Any] = OmegaConf.to_container(config, resolve=True)  # type: ignore[assignment]
    unknown = sorted(set(values) - {item.name for item in fields(Schema)})
    if unknown:
        raise ConfigError(f"unknown key {unknown[0]!r}; see `harness --cfg job` for all keys")
    return values


def why_changed(run: Plan) -> str | None:
    """What of the run's code or data has changed since it was planned, or None.

    Asked after training: what was imported or read late may be newer than the identity says.
    """
    try:
        code = third_party_code(*run.targets)
    except ConfigError as error:
        return str(error)
    if code != run.identity.code:
        return "third-party code was edited while the run was in progress"
    content = run.task.content or identity.content_of(run.files)
    changed = identity.hash_of_content(content) != run.identity.data_hash
    return "a data file was changed while the run was in progress" if changed else None


def _embedding_size(model: dict[str, Any]) -> int | None:
    size = model["embedding_size"]
    return None if size is None else whole_number("model.embedding_size", size, high=2**20)


def _matched_size(
    target: Callable[..., Any],
    options: dict[str, Any],
    model: tuple[TaskSpec, int | None, str],
    match_params: int,
) -> int:
    """The hidden size that `match_params` chooses, in place of the one in a yaml.

    `model` holds what a model is built from beside its cell: spec, embedding size and readout.
    """
    whole_number("match_params", match_params, high=LARGEST_TARGET)
    others = checked_cell_options(options | {"hidden_size": 1})
    del others["hidden_size"]
    return matched_hidden_size(target, json.dumps(others), *model, match_params)


def _identity(
    config: DictConfig,
    values: dict[str, Any],
    task: Task,
    targets: Targets,
    files: dict[str, Path],
    cell_revision: int,
) -> Identity:
    """The identity of a run, from its config with checked values, its task, and the files it names."""
    hashed = identity.hashed_config(values)
    for node in ("task", "cell"):
        hashed[node] = identity.hashed_node(values[node])
        names = [key.removeprefix(f"{node}.") for key in files if key.startswith(f"{node}.")]
        hashed[node] = identity.without(hashed[node], names)
        for key in hashed[node].keys() & config[node].keys():
            if config[node]._get_node(key)._value() == "${seed}":
                hashed[node][key] = "${seed}"  # it follows the run's seed, in which repeats differ
    if hashed["cell"].get("name", "") is None:
        del hashed["cell"]["name"]
    hashed["data_source"] = task.spec.data_source
    return identity.identify(
        hashed,
        seed=values["seed"],
        code=third_party_code(*targets),
        content=task.content or identity.content_of(files),
        revisions={
            "task": task.spec.revision,
            "cell": cell_revision,
            "training": loop.REVISION,
        },
    )


def _named_files(values: dict[str, Any]) -> dict[str, Path]:
    """The files that a third-party task or cell names; the tasks of this package tell their content."""
    files: dict[str, Path] = {}
    for node in ("task", "cell"):
        if not values[node]["_target_"].startswith(("harness.", "torch.")):
            named = identity.named_files(identity.hashed_node(values[node]))
            files |= {f"{node}.{key}": path for key, path in named.items()}
    return files
