"""The task and the cell of a config: made, or checked before they are made."""

from __future__ import annotations

import functools
import json
import logging
import math
import re
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import nn

from harness.cells import (
    INITIALISATIONS,
    InitOptions,
    gets_seq_len,
    is_bidirectional,
    is_tested_cell,
    make_cell,
    output_size,
    reads_tokens,
    revision_of,
    why_needs_one_length,
    why_not_initialised,
    why_not_other_lengths,
    why_padding_enters,
    with_seq_len,
)
from harness.cells.bidirectional import REVISION as BIDIRECTIONAL_REVISION
from harness.cells.examine import STEPS
from harness.cells.seq_len import REVISION as SEQ_LEN_REVISION
from harness.cells.zoo.base import SequenceCell, StackedCell
from harness.experiment.errors import ConfigError, MeaninglessPairError, flat, user_location
from harness.experiment.identity import short_hash
from harness.experiment.one_length import READS_ALL, planned_lengths, refusal
from harness.experiment.targets import split_target
from harness.kernels import choose_kernel
from harness.tasks import Task
from harness.tasks.common.arguments import one_of, whole_number
from harness.training import seeded
from harness.training.model import why_no_tokens
from harness.training.readout import checked_readout, why_not_read

log = logging.getLogger("harness.config")


@dataclass(frozen=True)
class CheckedCell:
    """What was seen of a cell that was made to be checked.

    Attributes:
        bidirectional: whether it says that it reads in both directions.
        one_length: why it needs sequences of one length; None: they may differ.
        reads_tokens: whether it reads token ids itself.
        task_length: why it cannot be tested at other lengths than the task's; None: it can.
        revision: of the cell and of how it is made and read.
    """

    bidirectional: bool
    one_length: str | None
    reads_tokens: bool
    task_length: str | None
    revision: int


def make_tasks(values: dict[str, Any]) -> tuple[Task, dict[str, Task]]:
    """The task, and the same at each of its `eval_lengths`: `2x` is twice its length, 50 is 50 steps."""
    arguments = {key: value for key, value in values.items() if key != "eval_lengths"}
    task = _make_task(arguments)
    others = {}
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
        if _shape(other) != _shape(task):
            raise ConfigError(
                f"task.eval_lengths={asked}: {task.spec.name} has other inputs at {length} steps"
            )
        others[str(asked) if times else f"T{length}"] = other
    return task, others


def _shape(task: Task) -> tuple[object, ...]:
    """What a model is built for."""
    spec = task.spec
    return spec.input_size, spec.vocab_size, spec.num_classes, spec.target


def _make_task(values: dict[str, Any]) -> Task:
    target, arguments = split_target("task", values)
    try:
        task = target(**arguments)
    except (ValueError, TypeError, OSError) as error:
        if user_location(error) is not None:
            raise
        known = str(error).startswith(tuple(f"{name} must " for name in arguments))
        prefix = "task." if known else ""  # the argument, as a config key
        raise ConfigError(prefix + flat(str(error))) from error
    if not isinstance(task, Task):
        raise ConfigError(f"task._target_ must make a harness.tasks.Task, {values['_target_']} made {task!r}")
    return task


def cell_name(target_path: str, arguments: dict[str, Any]) -> str:
    """The class in lower case, `bi` before it for both directions, and a nonlinearity that is not tanh."""
    nonlinearity = arguments.get("nonlinearity", "tanh")
    both = "bi" if arguments.get("bidirectional") is True else ""
    name = both + target_path.rpartition(".")[2].lower()
    return name + ("" if nonlinearity == "tanh" else f"_{nonlinearity}")


def path_part(key: str, name: Any) -> str:
    """A name that can be part of a run_id, which is the name of a folder."""
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,59}", str(name)):
        raise ConfigError(f"{key} must be 1 to 60 letters, digits, '_', '-' or '.', not {name!r}")
    return str(name)


def checked_cell_options(arguments: dict[str, Any]) -> dict[str, Any]:
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
    short_hash(arguments)  # what cannot be recorded cannot be run
    return arguments | ({"dropout": float(dropout)} if "dropout" in arguments else {})


def without_idle_dropout(target: Callable[..., Any], arguments: dict[str, Any]) -> dict[str, Any]:
    """The arguments with dropout 0 where it is between layers and there is one layer: the same run.

    A line of the log says so once.
    """
    stacked = target in (nn.RNN, nn.LSTM, nn.GRU) or (
        isinstance(target, type) and issubclass(target, StackedCell)
    )
    if not stacked or arguments.get("num_layers", 1) != 1 or arguments.get("dropout", 0.0) == 0.0:
        return arguments
    _say_idle_dropout()
    return arguments | {"dropout": 0.0}


@functools.cache
def _say_idle_dropout() -> None:
    log.warning("cell.dropout is between stacked layers: with one layer it does nothing, and counts as 0")


def init_options(values: Any) -> InitOptions:
    """The checked node `init` of a config; None stands for torch's own initialisation.

    Raises:
        ConfigError: an unknown name or key, or a bias that is no finite number.
    """
    if values is None:
        return InitOptions()
    known = {item.name for item in fields(InitOptions)}
    if not isinstance(values, dict) or values.keys() - known or "name" not in values:
        raise ConfigError(f"init takes the name of a file in conf/init/, and init.bias; not {values!r}")
    one_of("init.name", values["name"], INITIALISATIONS)
    bias = values.get("bias", InitOptions.bias)
    if isinstance(bias, bool) or not isinstance(bias, int | float) or not math.isfinite(bias):
        raise ConfigError(f"init.bias must be a finite number, not {bias!r}; a common choice is 1.0")
    return InitOptions(values["name"], float(bias))


@functools.lru_cache(maxsize=256)
def check_cell(
    target: Callable[..., Any],
    arguments_json: str,
    input_size: int,
    seq_len: int,
    kernel: str,
    device: torch.device,
    init: str,
) -> CheckedCell:
    """Makes the cell once, so that a wrong constructor, call, kernel or init is seen before the first run.

    Stock cells are made without weights; others in full, and run on a few steps.
    """
    given = json.loads(arguments_json)
    arguments = with_seq_len(target, given, seq_len)
    if target in (nn.RNN, nn.LSTM, nn.GRU):
        with torch.device("meta"):
            cell = make_cell(target, input_size, **arguments)
    else:
        with seeded(0):
            cell = make_cell(target, input_size, **arguments)
            size, wanted = output_size(cell, input_size), 2 * arguments["hidden_size"]
            if is_bidirectional(cell) and size != wanted:
                raise ConfigError(
                    f"{type(cell).__name__} says that it reads in both directions, so its output must have "
                    f"2 × hidden_size = {wanted} features, half of them from each, not {size}"
                )
    if kernel == "fused":
        choose_kernel(cell, kernel, device)
    reason = why_not_initialised(cell, init)
    if reason is not None:
        raise MeaninglessPairError(reason)
    both = is_bidirectional(cell)
    revision = revision_of(target, arguments.get("nonlinearity")) + (BIDIRECTIONAL_REVISION if both else 0)
    if gets_seq_len(target, given) and not isinstance(cell, SequenceCell):
        revision += SEQ_LEN_REVISION
    task_length = why_not_other_lengths(cell, target, given)
    one_length = why_needs_one_length(cell)
    if one_length is None and not is_tested_cell(target):
        steps = min(STEPS, seq_len) if gets_seq_len(target, given) else STEPS
        one_length = why_padding_enters(cell, input_size, steps=steps)
    return CheckedCell(both, one_length, reads_tokens(cell), task_length, revision)


def check_readout(readout: Any, task: Task, other_lengths: dict[str, Task]) -> str:
    """Returns a readout that the task can be read by.

    Raises:
        MeaninglessPairError: it cannot: labels at steps, or `all` with tests at other lengths.
    """
    reason = why_not_read(checked_readout(readout), task.spec)
    if (
        reason is None
        and readout == "all"
        and any(other.spec.seq_len != task.spec.seq_len for other in other_lengths.values())
    ):
        reason = f"{READS_ALL}, so it cannot be tested at others; set task.eval_lengths=[]"
    if reason is not None:
        raise MeaninglessPairError(reason)
    return str(readout)


def check_inputs(
    cell: CheckedCell, task: Task, embedding_size: int | None, other_lengths: dict[str, Task]
) -> None:
    """Refuses pairs that mean nothing.

    They are real inputs of a cell that reads tokens, labels that the cell can see among its inputs, and tests
    at other lengths of a cell that is made for the task's.

    Raises:
        MeaninglessPairError: there are some.
    """
    reason = why_no_tokens("the cell", task.spec, embedding_size) if cell.reads_tokens else None
    if reason is not None:
        raise MeaninglessPairError(reason)
    if task.spec.predicts_next and task.spec.target == "steps" and (cell.bidirectional or cell.one_length):
        raise MeaninglessPairError(
            f"the cell reads later steps, and at each step of {task.spec.name} the label is the next input; "
            "use a cell that reads forwards only, or labels after the last step alone"
        )
    others = sorted({other.spec.seq_len for other in other_lengths.values()} - {task.spec.seq_len})
    if cell.task_length is not None and others:
        raise MeaninglessPairError(
            f"{cell.task_length}, {task.spec.seq_len}, so it cannot be tested at {others[0]} steps; "
            "set task.eval_lengths=[]"
        )


def check_lengths(readout: str, cell: CheckedCell, task: Task, values: dict[str, Any]) -> str | None:
    """Why the model needs sequences of one length, which are then looked for; None where it does not.

    Args:
        readout: of the model.
        cell: what `check_cell` saw.
        task: of the run.
        values: the node `task` of the config.

    Raises:
        MeaninglessPairError: the validation samples differ in length.
    """
    reason = READS_ALL if readout == "all" else cell.one_length
    if reason is None:
        return None
    target, arguments = split_target("task", values)
    arguments.pop("eval_lengths", None)
    lengths = planned_lengths(target, json.dumps(arguments))
    if lengths is not None:
        raise MeaninglessPairError(refusal(reason, task, lengths))
    return reason
