"""The combinations of a grid: from overrides to jobs, each one checked before the first run."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException, OverrideParseException
from omegaconf import DictConfig

from harness.experiment.cell_check import checked_plan
from harness.experiment.compose_grid import GridComposer
from harness.experiment.conf_files import config_loader
from harness.experiment.config import compose
from harness.experiment.device import look_for_devices_here
from harness.experiment.errors import ConfigError, MeaninglessPairError
from harness.experiment.plan import Plan
from harness.experiment.suggestions import one_line

log = logging.getLogger("harness.grid")

Combination = tuple[str, ...]
"""The overrides of one run."""


@dataclass(frozen=True)
class Job:
    """One combination of a grid."""

    overrides: tuple[str, ...]
    plan: Plan

    @property
    def folder(self) -> Path:
        """Where its record lies or will lie."""
        return self.plan.folder


def expand(overrides: Sequence[str]) -> tuple[DictConfig, list[Job]]:
    """Every combination of a grid, checked; a combination that names the same run as another is left out.

    Tuned keys have the values of the config: `tuning.plan_stages` plans both stages of a grid.

    Args:
        overrides: as on the command line, sweeps included; `experiment=NAME` adds that file's sweeps.

    Returns:
        The config of the grid (its sweeper and launcher), and its jobs.

    Raises:
        ConfigError: one of the combinations cannot be run; the message names it.
    """
    master, arguments = compose_master(overrides)
    return master, plan_jobs(master, combinations_of(master.hydra.sweeper.get("params"), arguments))


def compose_master(overrides: Sequence[str]) -> tuple[DictConfig, list[str]]:
    """The config of a grid as a whole, and the overrides that are its sweeper's arguments.

    What belongs to one task or cell is left to the combinations: the grid as a whole has chosen none of them.

    Raises:
        ConfigError: a key or value is wrong.
    """
    given = parse_overrides(overrides)
    experiments = [item for item in given if item.key_or_group == "experiment"]
    if any(item.is_sweep_override() for item in experiments):
        raise ConfigError("experiment cannot be swept over, since each one is a grid: name one at a time")
    of_grid = [item.input_line for item in given if _concerns_all(item)]
    master = compose([line for line in of_grid if line is not None], multirun=True)
    look_for_devices_here(str(master.hydra.launcher._target_))
    arguments = [item.input_line for item in given if not item.is_hydra_override()]
    return master, [line for line in arguments if line is not None]


def combinations_of(params: Any, arguments: Sequence[str]) -> list[Combination]:
    """The combinations of `params` (an experiment's sweeps) and `arguments`, which win.

    Raises:
        ConfigError: there is none, or an override cannot be read.
    """
    lines = [f"{key}={value}" for key, value in (params or {}).items()]
    try:
        parsed = parse_overrides([*lines, *arguments])
        combinations = BasicSweeper.split_arguments(parsed, max_batch_size=None)[0]
    except HydraException as error:
        raise ConfigError(one_line(error, arguments, config_loader())) from None
    if not combinations:
        raise ConfigError(f"there is no combination: one of {' '.join([*lines, *arguments])} has no value")
    return [tuple(combination) for combination in combinations]


def parse_overrides(lines: Sequence[str]) -> list[Override]:
    """Overrides as Hydra reads them.

    Raises:
        ConfigError: one cannot be read.
    """
    try:
        return OverridesParser.create(config_loader=config_loader()).parse_overrides(list(lines))
    except OverrideParseException as error:
        raise ConfigError(one_line(error, lines, config_loader())) from None


class JobPlanner:
    """Plans the combinations of a grid, and remembers those that mean nothing, to mention them once."""

    def __init__(self, master: DictConfig) -> None:
        self._composer = GridComposer(master.hydra.overrides.hydra)
        self._jobs: dict[Combination, Job] = {}
        self._meaningless: dict[Combination, str] = {}

    def job(self, combination: Combination) -> Job | None:
        """A combination, checked; None where two of its choices mean nothing together.

        Raises:
            ConfigError: it cannot be run; the message names it.
        """
        if combination not in self._jobs and combination not in self._meaningless:
            try:
                self._jobs[combination] = Job(combination, checked_plan(self._composer.compose(combination)))
            except MeaninglessPairError as error:
                self._meaningless[combination] = str(error)
            except ConfigError as error:
                raise ConfigError(f"{error} [in {' '.join(combination)}]") from error
        return self._jobs.get(combination)

    def mention_meaningless(self) -> None:
        """Says in one line how many combinations are left out, and why.

        Raises:
            ConfigError: there is no other.
        """
        reasons = list(dict.fromkeys(self._meaningless.values()))
        if reasons and not self._jobs:
            raise ConfigError(reasons[0])
        if reasons:
            log.warning("%d combinations are left out: %s", len(self._meaningless), "; ".join(reasons))


def plan_jobs(master: DictConfig, combinations: Sequence[Combination]) -> list[Job]:
    """The jobs of combinations, each run once.

    Raises:
        ConfigError: one of the combinations cannot be run; the message names it.
    """
    planner = JobPlanner(master)
    planned = [job for combination in combinations if (job := planner.job(combination)) is not None]
    planner.mention_meaningless()
    jobs = {job.folder: job for job in reversed(planned)}  # the first of those that name the same run
    if len(jobs) < len(planned):
        log.warning(
            "%d combinations name %d runs: the keys in which the others differ do not make another run",
            len(planned),
            len(jobs),
        )
    return list(reversed(jobs.values()))


def _concerns_all(item: Override) -> bool:
    """Whether an override holds for the grid as a whole: no sweep, and no key of one task or cell."""
    return not item.is_sweep_override() and not item.key_or_group.startswith(("task.", "cell."))
