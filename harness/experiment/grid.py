"""A grid of runs: every combination checked first, finished runs skipped, the others launched and watched."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra._internal.callbacks import Callbacks
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn, JobStatus
from hydra.errors import HydraException, OverrideParseException
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext
from joblib.externals.loky.process_executor import TerminatedWorkerError
from omegaconf import DictConfig

from harness.experiment.compose_grid import GridComposer
from harness.experiment.conf_files import CONFIG_NAME, config_loader
from harness.experiment.config import compose
from harness.experiment.cost import expected_cost
from harness.experiment.errors import ConfigError, MeaninglessPairError, flat
from harness.experiment.finished import why_not_finished
from harness.experiment.plan import Plan, plan
from harness.experiment.progress import show_progress
from harness.experiment.run import job, record_interrupted
from harness.experiment.suggestions import one_line
from harness.results import store
from harness.results.schema import STATUSES

log = logging.getLogger("harness.grid")


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

    Args:
        overrides: as on the command line, sweeps included; `experiment=NAME` adds that file's sweeps.

    Returns:
        The config of the grid (its sweeper and launcher), and its jobs.

    Raises:
        ConfigError: one of the combinations cannot be run; the message names it.
    """
    master, arguments = compose_master(overrides)
    return master, plan_jobs(master, master.hydra.sweeper.get("params"), arguments)


def run_grid(overrides: Sequence[str]) -> list[Path]:
    """Runs a grid through its sweeper and launcher, with Hydra's callbacks around it.

    Returns:
        The folders of its runs, finished before or made now. With a third-party sweeper only the runs
        made now are known.

    Raises:
        ConfigError: before the first run, as `expand` does; or sweeper or launcher cannot be made.
    """
    master, arguments = compose_master(overrides)
    results_dir = Path(master.results_dir)
    before = _row_stamps(results_dir)
    context = HydraContext(config_loader=config_loader(), callbacks=Callbacks(master))
    context.callbacks.on_multirun_start(config=master, config_name=CONFIG_NAME)
    try:
        sweeper = Plugins.instance().instantiate_sweeper(
            hydra_context=context, task_function=job, config=master
        )
    except ConfigError:
        raise
    except Exception as error:
        cause = error.__cause__ or error
        raise ConfigError(f"the sweeper or launcher cannot be made: {flat(str(cause))}") from error
    returned = sweeper.sweep(arguments=arguments)
    context.callbacks.on_multirun_end(config=master, config_name=CONFIG_NAME)
    if isinstance(returned, list) and all(isinstance(item, Job) for item in returned):
        return [item.folder for item in returned]
    return [row.parent for row, stamp in _row_stamps(results_dir).items() if before.get(row) != stamp]


def compose_master(overrides: Sequence[str]) -> tuple[DictConfig, list[str]]:
    """The config of a grid as a whole, and the overrides that are its sweeper's arguments.

    What belongs to one task or cell is left to the combinations: the grid as a whole has chosen none of them.

    Raises:
        ConfigError: a key or value is wrong.
    """
    parser = OverridesParser.create(config_loader=config_loader())
    try:
        given = parser.parse_overrides(list(overrides))
    except OverrideParseException as error:
        raise ConfigError(one_line(error, overrides, config_loader())) from None
    experiments = [item for item in given if item.key_or_group == "experiment"]
    if any(item.is_sweep_override() for item in experiments):
        raise ConfigError("experiment cannot be swept over, since each one is a grid: name one at a time")
    of_grid = [item.input_line for item in given if _concerns_all(item)]
    master = compose([line for line in of_grid if line is not None], multirun=True)
    arguments = [item.input_line for item in given if not item.is_hydra_override()]
    return master, [line for line in arguments if line is not None]


def plan_jobs(master: DictConfig, params: Any, arguments: Sequence[str]) -> list[Job]:
    """The combinations of `params` (an experiment's sweeps) and `arguments`, which win, each one checked.

    Raises:
        ConfigError: one of the combinations cannot be run; the message names it.
    """
    parser = OverridesParser.create(config_loader=config_loader())
    lines = [f"{key}={value}" for key, value in (params or {}).items()]
    try:
        parsed = parser.parse_overrides([*lines, *arguments])
        combinations = BasicSweeper.split_arguments(parsed, max_batch_size=None)[0]
    except (HydraException, OverrideParseException) as error:
        raise ConfigError(one_line(error, arguments, config_loader())) from None
    if not combinations:
        raise ConfigError(f"there is no combination: one of {' '.join([*lines, *arguments])} has no value")
    composer = GridComposer(master.hydra.overrides.hydra)
    jobs: dict[Path, Job] = {}
    left_out: list[str] = []
    for combination in combinations:
        try:
            checked = plan(composer.compose(combination))
        except MeaninglessPairError as error:
            left_out.append(str(error))
            continue
        except ConfigError as error:
            raise ConfigError(f"{error} [in {' '.join(combination)}]") from error
        jobs.setdefault(checked.folder, Job(tuple(combination), checked))
    if left_out and not jobs:
        raise ConfigError(left_out[0])
    if left_out:
        log.warning("%d combinations are left out: %s", len(left_out), "; ".join(dict.fromkeys(left_out)))
    if len(jobs) < len(combinations) - len(left_out):
        log.warning(
            "%d combinations name %d runs: the keys in which the others differ do not make another run",
            len(combinations) - len(left_out),
            len(jobs),
        )
    return list(jobs.values())


def sweep(
    master: DictConfig, arguments: Sequence[str], launcher: Launcher, max_batch_size: int | None
) -> list[Job]:
    """Makes every run of a grid that has not finished, the long ones first, so that no core idles at the end.

    A worker that is killed takes the runs of the others with it: these become `interrupted` rows, and the
    rest is run in new workers.

    Returns:
        The jobs of the whole grid, in its own order.

    Raises:
        ConfigError: before the first run: a combination cannot be run, or a folder not be written.
    """
    if max_batch_size is not None and (not isinstance(max_batch_size, int) or max_batch_size < 1):
        raise ConfigError(f"hydra.sweeper.max_batch_size must be at least 1 or null, not {max_batch_size}")
    jobs = plan_jobs(master, master.hydra.sweeper.get("params"), arguments)
    for results_dir in {item.plan.results_dir for item in jobs}:
        prepare(results_dir)
        _mention_old_results(results_dir)
    to_do = [item for item in jobs if item.plan.rerun or why_not_finished(item.plan) is not None]
    count = f"{len(jobs)} run{'' if len(jobs) == 1 else 's'}"
    print(f"{count}: {len(jobs) - len(to_do)} finished before, {len(to_do)} to do", file=sys.stderr)
    by_cost = sorted(to_do, key=lambda item: -expected_cost(item.plan))  # stable: ties in the grid's order
    size = max_batch_size or max(1, len(by_cost))
    made = 0
    with show_progress({item.folder / "row.json": expected_cost(item.plan) for item in to_do}):
        for start in range(0, len(by_cost), size):
            pending = by_cost[start : start + size]
            while pending:
                pending, begun = _launch(launcher, pending, made)
                made += begun
    return jobs


def prepare(results_dir: Path) -> None:
    """Makes a results folder.

    Raises:
        ConfigError: it cannot be written.
    """
    try:
        store.make_writable(results_dir)
    except OSError as error:
        raise ConfigError(
            f"results_dir={results_dir} cannot be written ({error.strerror}); name another"
        ) from None


def _concerns_all(item: Override) -> bool:
    """Whether an override holds for the grid as a whole: no sweep, and no key of one task or cell."""
    return not item.is_sweep_override() and not item.key_or_group.startswith(("task.", "cell."))


def _launch(launcher: Launcher, pending: Sequence[Job], first_index: int) -> tuple[list[Job], int]:
    """Launches jobs; returns those that did not begin because workers broke down, and how many began."""
    before = {item.folder: store.file_stamp(item.folder / "config.yaml") for item in pending}
    reason: str | None = None
    returned: Iterable[JobReturn] = ()
    try:
        returned = launcher.launch([list(item.overrides) for item in pending], initial_job_idx=first_index)
    except BrokenProcessPool as error:
        reason = _why_broken(error)
    for item, result in zip(pending, returned, strict=False):
        if result.status is JobStatus.FAILED:  # `execute` raises only when the row cannot be written
            log.error("%s: %s", item.plan.run_id, flat(str(result._return_value)))
    now = {item.folder: store.file_stamp(item.folder / "config.yaml") for item in pending}
    left = [item for item in pending if now[item.folder] == before[item.folder]]
    cut_off = [item for item in pending if item not in left and store.status_of(item.folder) not in STATUSES]
    for item in cut_off:
        record_interrupted(item.plan, reason or "its process ended without a row")
    if reason is not None:
        log.error("%s: %d runs were cut off, %d are left", reason, len(cut_off), len(left))
        if len(left) < len(pending):
            return left, len(pending) - len(left)
    for item in left:
        if why_not_finished(item.plan) is not None:
            log.error(
                "%s was not begun: another process has it, or the launcher left it out", item.plan.run_id
            )
    return [], len(pending) - len(left)


def _why_broken(error: BrokenProcessPool) -> str:
    if isinstance(error, TerminatedWorkerError):
        return "a worker was killed, by hand or because memory ran out"
    return f"the workers broke down: {flat(f'{error} {error.__cause__ or str()}')[-500:]}"


def _mention_old_results(results_dir: Path) -> None:
    """Says, before the first rows of this version are written, that those of 0.1 do not count as finished."""
    paths = [path for path in _row_stamps(results_dir) if path.is_file()]
    rows = [path.read_text(encoding="utf-8", errors="replace") for path in paths]
    old = sum('"schema_version"' not in row for row in rows)
    if old and old == len(rows):
        print(
            f"{results_dir}: {old} runs of seqharness 0.1 are shown as settings of their own and do not "
            "count as finished",
            file=sys.stderr,
        )


def _row_stamps(results_dir: Path) -> dict[Path, Any]:
    """The rows in a results folder, with what changes when one is written again."""
    return {row: store.file_stamp(row) for row in store.runs_dir(results_dir).glob("*/row.json")}
