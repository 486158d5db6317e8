"""From a composed config to a checked plan of one run, before any training."""

from __future__ import annotations

import functools
import hashlib
import importlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from torch import nn

from harness.cells import make_cell, output_size
from harness.experiment.config import ConfigError, flat
from harness.experiment.schema import Schema
from harness.kernels import KERNELS, choose_kernel
from harness.tasks import Task
from harness.tasks.common.arguments import one_of, whole_number
from harness.training import TrainOptions, encoded_size

NOT_PART_OF_A_RUN = ("results_dir", "data_dir", "threads", "keep_memory", "concurrent", "timing")
"""Keys that say where and beside what a run takes place: they do not change which run it is."""


@dataclass(frozen=True, eq=False)
class Plan:
    """One run, checked: everything that is known before training."""

    run_id: str
    setting: str
    """Hash of the config without its seed."""
    task: Task
    longer: dict[str, Task]
    """The same task at other lengths, to be tested on: by the tail of their columns, such as `2x`."""
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
    concurrent: int
    config: dict[str, Any]
    """The resolved config, as it is hashed and recorded."""

    def make_cell(self) -> nn.Module:
        """The cell, with weights from torch's global generator."""
        size = encoded_size(self.task.spec, self.embedding_size)
        return make_cell(self.cell_target, size, **self.cell_options)


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
    except (ValueError, TypeError, OSError, OmegaConfBaseException) as error:
        raise ConfigError(flat(str(error))) from error
    except KeyError as error:
        raise ConfigError(f"the config lacks {error}; do not remove it") from error
    except Exception as error:  # tasks and cells from outside may fail in any way
        raise ConfigError(f"{type(error).__name__}: {flat(str(error))}") from error


def _plan(config: DictConfig) -> Plan:
    train = OmegaConf.to_object(config.train)
    assert isinstance(train, TrainOptions)
    values: dict[str, Any] = OmegaConf.to_container(config, resolve=True)  # type: ignore[assignment]
    unknown = sorted(set(values) - {item.name for item in fields(Schema)})
    if unknown:
        raise ConfigError(f"unknown key {unknown[0]!r}; see `harness --cfg job` for all keys")
    seed = whole_number("seed", values["seed"], high=2**32 - 1)
    threads = whole_number("threads", values["threads"], high=1024)
    concurrent = whole_number("concurrent", values["concurrent"], high=2**20)
    device = _device(values["device"])
    kernel = one_of("kernel", values["kernel"], KERNELS)
    target, cell_options = _split_target("cell", values["cell"])
    name = cell_options.pop("name", None)
    cell_options = _checked_cell_options(cell_options)
    cell_name = _path_part("cell.name", name or _cell_name(values["cell"]["_target_"], cell_options))
    task, longer = _make_tasks(values["task"])
    _path_part("the task's name", task.spec.name)
    embedding_size = values["model"]["embedding_size"]
    if embedding_size is not None:
        whole_number("model.embedding_size", embedding_size, high=2**20)
    _check_cell(target, json.dumps(cell_options), encoded_size(task.spec, embedding_size), kernel, device)
    hashed = {key: value for key, value in values.items() if key not in NOT_PART_OF_A_RUN}
    hashed["train"] |= {"steps": train.steps, "epochs": train.epochs}
    hashed["cell"] = {
        "_target_": values["cell"]["_target_"],
        **({"name": name} if name else {}),
        **cell_options,
    }
    hashed["task"] = {key: value for key, value in values["task"].items() if key != "data_dir"}
    if OmegaConf.is_interpolation(config.task, "seed"):
        hashed["task"]["seed"] = "${seed}"  # it follows the run's seed, in which repeats differ
    hashed["data_source"] = task.spec.data_source
    hidden_size, seq_len = cell_options["hidden_size"], task.spec.seq_len
    run_id = f"{task.spec.name}-{cell_name}-h{hidden_size}-T{seq_len}-s{seed}-{_hash(hashed)}"
    return Plan(
        run_id=run_id,
        setting=_hash({key: value for key, value in hashed.items() if key != "seed"}),
        task=task,
        longer=longer,
        embedding_size=embedding_size,
        cell_name=cell_name,
        cell_target=target,
        cell_options=cell_options,
        train=train,
        seed=seed,
        results_dir=Path(values["results_dir"]),
        threads=threads,
        kernel=kernel,
        keep_memory=values["keep_memory"],
        device=device,
        concurrent=concurrent,
        config=hashed,
    )


def _make_tasks(values: dict[str, Any]) -> tuple[Task, dict[str, Task]]:
    """The task, and the same at each of its `eval_lengths`: `2x` is twice its length, 50 is 50 steps."""
    arguments = {key: value for key, value in values.items() if key != "eval_lengths"}
    task = _make_task(arguments)
    longer = {}
    asked_lengths = values.get("eval_lengths") or []
    if not isinstance(asked_lengths, list):
        raise ConfigError(f"task.eval_lengths must be a list such as [2x,200], not {asked_lengths!r}")
    for asked in asked_lengths:
        times = re.fullmatch(r"([1-9][0-9]*)x", str(asked))
        if not times and (isinstance(asked, bool) or not isinstance(asked, int)):
            raise ConfigError(
                f"task.eval_lengths takes multiples such as 2x and numbers of steps, not {asked!r}"
            )
        length = int(times[1]) * task.spec.seq_len if times else asked
        other = _make_task({**arguments, "seq_len": length})
        if _frame(other) != _frame(task):
            raise ConfigError(
                f"task.eval_lengths={asked}: {task.spec.name} has other inputs at {length} steps"
            )
        longer[str(asked) if times else f"T{length}"] = other
    return task, longer


def _frame(task: Task) -> tuple[object, ...]:
    """What a model is built for."""
    spec = task.spec
    return spec.input_size, spec.vocab_size, spec.num_classes, spec.target


def _make_task(values: dict[str, Any]) -> Task:
    target, arguments = _split_target("task", values)
    try:
        task = target(**arguments)
    except (ValueError, TypeError, OSError) as error:
        known = str(error).startswith(tuple(f"{name} must " for name in arguments))
        prefix = "task." if known else ""  # the argument, as a config key
        raise ConfigError(prefix + flat(str(error))) from error
    if not isinstance(task, Task):
        raise ConfigError(f"task._target_ must make a harness.tasks.Task, {values['_target_']} made {task!r}")
    return task


def _cell_name(target_path: str, arguments: dict[str, Any]) -> str:
    """The name of the class in lower case, and its nonlinearity where that is not the usual tanh."""
    nonlinearity = arguments.get("nonlinearity", "tanh")
    return target_path.rpartition(".")[2].lower() + ("" if nonlinearity == "tanh" else f"_{nonlinearity}")


def _path_part(key: str, name: Any) -> str:
    """A name that can stand in a run_id, which is the name of a folder."""
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,59}", str(name)):
        raise ConfigError(f"{key} must be 1 to 60 letters, digits, '_', '-' or '.', not {name!r}")
    return str(name)


def _checked_cell_options(arguments: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a cell with their numbers checked, in the one form in which they are hashed."""
    if "hidden_size" not in arguments:
        raise ConfigError("cell.hidden_size is missing; set it to a whole number of at least 1")
    whole_number("cell.hidden_size", arguments["hidden_size"], high=2**20)
    whole_number("cell.num_layers", arguments.get("num_layers", 1), high=1000)
    dropout = arguments.get("dropout", 0.0)
    if isinstance(dropout, bool) or not isinstance(dropout, int | float) or not 0 <= dropout < 1:
        raise ConfigError(
            f"cell.dropout must be a number from 0 to below 1, not {dropout!r}; the nearest is 0.0"
        )
    _hash(arguments)  # what cannot be recorded cannot be run
    return arguments | ({"dropout": float(dropout)} if "dropout" in arguments else {})


@functools.lru_cache(maxsize=256)
def _check_cell(
    target: Callable[..., Any], arguments_json: str, input_size: int, kernel: str, device: torch.device
) -> None:
    """Makes the cell once, so that a wrong constructor, call or kernel is seen before the first run.

    Stock cells are made without weights; others in full, and run on one step.
    """
    arguments = json.loads(arguments_json)
    if isinstance(target, type) and issubclass(target, nn.RNNBase):
        with torch.device("meta"):
            cell = make_cell(target, input_size, **arguments)
    else:
        with torch.random.fork_rng():
            cell = make_cell(target, input_size, **arguments)
            output_size(cell, input_size)
    if kernel == "fused":
        choose_kernel(cell, kernel, device)


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


def _split_target(key: str, values: Any) -> tuple[Callable[..., Any], dict[str, Any]]:
    """The imported `_target_` and the other entries of a config node."""
    path = values.get("_target_") if isinstance(values, dict) else None
    if not isinstance(path, str) or not re.fullmatch(r"\w+(\.\w+)+", path):
        raise ConfigError(f"{key}._target_ must be the dotted path of a class or function, not {path!r}")
    module_name, _, name = path.rpartition(".")
    try:
        target = getattr(importlib.import_module(module_name), name)
    except Exception as error:  # an outside module may fail in any way while it is imported
        reason = f"{type(error).__name__}: {flat(str(error))}"
        raise ConfigError(f"{key}._target_={path} cannot be imported: {reason}") from None
    if not callable(target):
        raise ConfigError(f"{key}._target_={path} is not a class or function")
    return target, {name: value for name, value in values.items() if name != "_target_"}


def _hash(values: dict[str, Any]) -> str:
    """8 hex digits of a config, whatever the order of its keys.

    Raises:
        ConfigError: a value has no JSON form, such as infinity.
    """
    try:
        text = json.dumps(values, sort_keys=True, allow_nan=False)
    except (ValueError, TypeError) as error:
        shown = flat(repr(values))[:200]
        raise ConfigError(f"a value cannot be recorded as JSON ({flat(str(error))}): {shown}") from None
    return hashlib.sha256(text.encode()).hexdigest()[:8]
