"""The contract of a planned run's cell, tried before the first run, once for each cell and size."""

from __future__ import annotations

import functools
import json
import logging
from collections.abc import Callable
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from harness.cells import CellContract, examine, gets_seq_len, is_tested_cell, make_cell, seeded, with_seq_len
from harness.cells.examine import STEPS
from harness.experiment.conf_files import OUR_SWEEPER
from harness.experiment.errors import ConfigError, as_config_error
from harness.experiment.plan import Plan, plan
from harness.training import encoded_size, restored_process

log = logging.getLogger("harness.config")

WIDE = 512
"""Symbols above which a line names the alternative to one-hot inputs: they take most of a training step."""


def checked_plan(config: DictConfig) -> Plan:
    """The plan of a run whose cell was tried; what is good to know of it is logged.

    Raises:
        ConfigError: as `plan` does, or the cell breaks the contract.
    """
    run = plan(config)
    check_contract(run)
    vocabulary = run.task.spec.vocab_size
    if run.embedding_size is None and vocabulary is not None and vocabulary > WIDE:
        _say(
            f"each of the {vocabulary} symbols of {run.task.spec.name} is an input feature of its own "
            "(one-hot); model.embedding_size=32 learns 32 features in their place"
        )
    return run


def check_contract(run: Plan) -> CellContract | None:
    """What was found of a run's cell; None of torch's cells and this package's, which tests have tried.

    Raises:
        ConfigError: the cell cannot be measured right; one line says why and what to do.
    """
    if is_tested_cell(run.cell_target):
        return None
    size = encoded_size(run.task.spec, run.embedding_size)
    try:
        found = _examined(run.cell_target, json.dumps(run.cell_options), size, run.task.spec.seq_len)
    except (ConfigError, KeyboardInterrupt):
        raise
    except BaseException as error:  # a third-party cell may fail in any way
        raise as_config_error(error) from error
    for note in found.notes:
        _say(note)
    return found


def was_checked_by_the_command() -> bool:
    """Whether this process makes a job of our own sweeper, which has tried all cells of the grid."""
    return HydraConfig.initialized() and HydraConfig.get().sweeper._target_ == OUR_SWEEPER


@functools.lru_cache(maxsize=256)
def _examined(target: Callable[..., Any], arguments_json: str, input_size: int, seq_len: int) -> CellContract:
    given = json.loads(arguments_json)
    with restored_process():
        with seeded(0):
            cell = make_cell(target, input_size, **with_seq_len(target, given, seq_len))
        return examine(cell, input_size, steps=min(STEPS, seq_len) if gets_seq_len(target, given) else STEPS)


@functools.cache
def _say(note: str) -> None:
    log.warning("%s", note)
