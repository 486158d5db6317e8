"""A grid of runs: expanded and checked first, finished runs skipped, the others launched and watched."""

from __future__ import annotations

import contextlib
import logging
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

from hydra._internal.callbacks import Callbacks
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.core.utils import JobStatus
from hydra.errors import HydraException, OverrideParseException
from hydra.types import HydraContext
from joblib import effective_n_jobs
from joblib.externals.loky import reusable_executor
from omegaconf import DictConfig
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from harness.experiment.config import ConfigError, GridComposer, compose, config_loader, one_line
from harness.experiment.cost import expected_cost
from harness.experiment.plan import NOT_PART_OF_A_RUN, Plan, plan
from harness.experiment.run import job, record_interrupted
from harness.results import store
from harness.results.schema import STATUSES

log = logging.getLogger("harness.sweep")

POLL_S = 0.5
PLAIN_LINE_S = 10.0


@dataclass(frozen=True)
class Job:
    """One combination of a grid."""

    overrides: tuple[str, ...]
    plan: Plan

    @property
    def folder(self) -> Path:
        """Where its record lies or will lie."""
        return store.runs_dir(self.plan.results_dir) / self.plan.run_id


def expand(overrides: Sequence[str]) -> tuple[DictConfig, list[Job]]:
    """Every combination of a grid, checked; a combination that names the same run as another is left out.

    Args:
        overrides: as on the command line, sweeps included; `experiment=NAME` adds that file's sweeps.

    Returns:
        The config of the grid (its launcher), and its jobs.

    Raises:
        ConfigError: one of the combinations cannot be run; the message names it.
    """
    parser = OverridesParser.create(config_loader=config_loader())
    try:
        given = parser.parse_overrides(list(overrides))
    except OverrideParseException as error:
        raise ConfigError(one_line(error, overrides)) from None
    experiments = [item for item in given if item.key_or_group == "experiment"]
    if any(item.is_sweep_override() for item in experiments):
        raise ConfigError("experiment cannot be swept over, since each one is a grid: name one at a time")
    # What belongs to one task or cell only is left to the combinations: here there is no choice of them yet.
    of_grid = [item.input_line for item in given if item.is_hydra_override() or item in experiments]
    master = compose([line for line in of_grid if line is not None], multirun=True)
    params = [f"{key}={value}" for key, value in (master.hydra.sweeper.params or {}).items()]
    parsed = [*parser.parse_overrides(params), *(item for item in given if not item.is_hydra_override())]
    try:
        combinations = BasicSweeper.split_arguments(parsed, max_batch_size=None)[0]
    except HydraException as error:
        raise ConfigError(str(error)) from None
    composer = GridComposer(master.hydra.overrides.hydra)
    jobs: dict[Path, Job] = {}
    for combination in combinations:
        try:
            checked = plan(composer.compose(combination))
        except ConfigError as error:
            raise ConfigError(f"{error} [in {' '.join(combination)}]") from None
        item = Job(tuple(combination), checked)
        jobs.setdefault(item.folder, item)
    if len(jobs) < len(combinations):
        log.warning(
            "%d combinations name %d runs: what differs between the others does not make another run (%s)",
            len(combinations),
            len(jobs),
            ", ".join(NOT_PART_OF_A_RUN),
        )
    return master, list(jobs.values())


def run_grid(overrides: Sequence[str]) -> tuple[list[Job], int]:
    """Makes every run of a grid that has not ended yet, long ones first, so that no core idles at the end.

    A worker that is killed takes its neighbours' runs with it: these become `interrupted` rows, and the
    rest goes on in new workers.

    Returns:
        The jobs of the whole grid, in its own order, and how many were to do.

    Raises:
        ConfigError: before the first run, as `expand` does.
    """
    master, jobs = expand(overrides)
    at_once = _workers(master)
    for results_dir in {item.plan.results_dir for item in jobs}:
        prepare(results_dir)
    to_do = [item for item in jobs if not store.is_final(item.folder)]
    print(f"{len(jobs)} runs: {len(jobs) - len(to_do)} finished before, {len(to_do)} to do", file=sys.stderr)
    pending = sorted(to_do, key=lambda item: -expected_cost(item.plan))  # stable: ties in the grid's order
    with show_progress({item.folder / "row.json": expected_cost(item.plan) for item in to_do}):
        while pending:
            pending = _launch_and_clear(master, pending, at_once)
    return jobs, len(to_do)


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


def _launch_and_clear(master: DictConfig, pending: Sequence[Job], at_once: int) -> list[Job]:
    """Launches the jobs; returns those that a breakdown of the workers kept from being begun."""
    before = {item.plan.run_id: store.mark(item.folder / "config.yaml") for item in pending}
    reason = _launch(master, pending, min(at_once, len(pending)))
    left, cut_off = [], []
    for item in pending:
        if store.mark(item.folder / "config.yaml") == before[item.plan.run_id]:
            left.append(item)
        elif store.status_of(item.folder) not in STATUSES:
            cut_off.append(item)
            record_interrupted(item.plan, reason or "its process ended without a row")
    if reason is not None:
        log.error("%s: %d runs were cut off, %d are left", reason, len(cut_off), len(left))
        if len(left) < len(pending):
            return left
    for item in left:
        if not store.is_final(item.folder):
            log.error(
                "%s was not begun: another process has it, or the launcher left it out", item.plan.run_id
            )
    return []


def _launch(master: DictConfig, jobs: Sequence[Job], at_once: int) -> str | None:
    """Hands the jobs to Hydra's launcher; returns why its workers broke down, or None."""
    context = HydraContext(config_loader=config_loader(), callbacks=Callbacks(master))
    launcher = Plugins.instance().instantiate_launcher(
        hydra_context=context, task_function=job, config=master
    )
    arguments = [[*item.overrides, f"concurrent={at_once}"] for item in jobs]
    try:
        returns = launcher.launch(arguments, initial_job_idx=0)
    except BrokenProcessPool as error:
        return f"a worker was killed, by hand or for want of memory ({type(error).__name__})"
    for item, result in zip(jobs, returns, strict=True):
        if result.status is JobStatus.FAILED:  # `execute` raises only where the row cannot be written
            log.error("%s: %s", item.plan.run_id, result._return_value)
    return None


def release_workers() -> None:
    """Lets idle workers end now, beside what follows; else the process waits for them when it ends itself."""
    workers = reusable_executor._executor  # None where the launcher has no such workers
    if workers is not None:
        workers.shutdown(wait=False)


def _workers(master: DictConfig) -> int:
    """How many runs the launcher makes at a time on one machine."""
    n_jobs = master.hydra.launcher.get("n_jobs")
    try:
        return 1 if n_jobs is None else int(effective_n_jobs(n_jobs))
    except ValueError as error:
        raise ConfigError(f"hydra.launcher.n_jobs={n_jobs}: {error}; -1 means one a core") from None


@contextlib.contextmanager
def show_progress(rows: Mapping[Path, float]) -> Iterator[None]:
    """Watches for rows to be written: one bar on a terminal, else a plain line now and then.

    The time left goes by what the rows are expected to cost: long runs come first, and there are few of them.
    Lives in the parent alone: the workers share no state with it and log to their runs' folders.
    """
    if not rows:
        yield
        return
    before = {row: store.mark(row) for row in rows}
    whole, stop = sum(rows.values()), threading.Event()

    def count() -> tuple[int, float]:
        done = [cost for row, cost in rows.items() if store.mark(row) != before[row]]
        return len(done), sum(done) / whole

    watch = _watch_bar if sys.stderr.isatty() else _watch_lines
    thread = threading.Thread(target=watch, args=(count, len(rows), stop), daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _watch_bar(count: Callable[[], tuple[int, float]], total: int, stop: threading.Event) -> None:
    columns = (
        TextColumn("runs"),
        BarColumn(),
        TextColumn("{task.fields[done]}/{task.fields[runs]}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(elapsed_when_finished=True),
    )
    with Progress(*columns, console=Console(stderr=True), speed_estimate_period=600) as progress:
        bar = progress.add_task("", total=1.0, done=0, runs=total)
        ended = False
        while not ended:
            ended = stop.wait(POLL_S)
            done, share = count()
            progress.update(bar, completed=share, done=done)


def _watch_lines(count: Callable[[], tuple[int, float]], total: int, stop: threading.Event) -> None:
    start, ended = time.monotonic(), False
    while not ended:
        ended = stop.wait(PLAIN_LINE_S)
        _plain_line(*count(), total, time.monotonic() - start)


def _plain_line(done: int, share: float, total: int, elapsed: float) -> None:
    left = f", about {elapsed / share * (1 - share):.0f} s left" if done else ""
    print(f"{done} of {total} runs in {elapsed:.0f} s{left}", file=sys.stderr, flush=True)
