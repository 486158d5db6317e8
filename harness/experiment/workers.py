"""Worker processes on this machine: jobs are composed here and run there."""

from __future__ import annotations

import functools
import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import JobReturn, JobStatus, run_job, setup_globals
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, open_dict

from harness.experiment.places import Places, choose_places
from harness.workers import Call, Outcome, Pool

log = logging.getLogger("harness.grid")

PARENT_S = 1.0
"""Seconds between two looks of a worker of another launcher at whether its parent is there."""

INTERRUPT_S = 4.0
"""Seconds that runs in progress have, after Ctrl-C, to write checkpoint and row."""

PRELOAD = ("torch", "numba", "scipy.linalg", "harness.experiment.job")
"""What workers have imported before their first run."""

OWN = ("harness.", "torch.")
"""Beginnings of the `_target_` of code that leaves its process as it was."""

_pool: Pool | None = None


class WorkerDiedError(RuntimeError):
    """The process that made a run ended; the text says how."""


class LostJobError(RuntimeError):
    """A cluster ended the job of a run, or lost it; the text says what is known."""


class TooLongError(RuntimeError):
    """A run took longer than `train.max_minutes`, and its process was ended."""


def launch(
    context: HydraContext,
    task_function: TaskFunction,
    config: DictConfig,
    job_overrides: Sequence[Sequence[str]],
    first_index: int,
    n_jobs: int | None,
) -> list[JobReturn]:
    """Runs Hydra jobs in worker processes, in the order given.

    Each config is composed here, by the context's config loader, and sent to the worker, which composes
    nothing. Workers stay for the next call in this process; jobs with third-party code have each a worker of
    their own. A job whose worker died is run once more, alone.

    Returns:
        What the jobs returned. Of one whose worker died twice, or took too long, the status is `FAILED` and
        the value a `WorkerDiedError` or `TooLongError`.

    Raises:
        WorkersBrokenError: no worker can be started; jobs that were not begun are left out.
    """
    configs = compose_jobs(context, config, job_overrides, first_index)
    places = choose_places(n_jobs, {str(one.device) for one in configs})
    if places.said:
        log.warning("%s", places.said)
    calls = [call_of(context, one, task_function) for one in configs]
    return make_calls(_pool_on(places, len(calls)), calls, configs, list(map(" ".join, job_overrides)))


def compose_jobs(
    context: HydraContext, config: DictConfig, job_overrides: Sequence[Sequence[str]], first_index: int
) -> list[DictConfig]:
    """The config of each job, with Hydra's own node."""
    return [
        _job_config(context, config, overrides, index)
        for index, overrides in enumerate(job_overrides, start=first_index)
    ]


def call_of(
    context: HydraContext,
    config: DictConfig,
    task_function: TaskFunction,
    run: Callable[[HydraContext, DictConfig, TaskFunction], JobReturn] | None = None,
) -> Call:
    """What a worker does for a job, as `run` or `run_composed` does it; third-party code gets a fresh one."""
    return Call(
        run or run_composed,
        (callbacks_of(context), config, task_function),
        fresh=runs_third_party_code(config),
        limit_s=limit_of(config),
    )


def callbacks_of(context: HydraContext) -> HydraContext:
    """The context of jobs that compose nothing; it can be pickled."""
    return type(context)(config_loader=None, callbacks=context.callbacks)  # type: ignore[arg-type]


def make_calls(
    pool: Pool,
    calls: Sequence[Call],
    configs: Sequence[DictConfig],
    names: Sequence[str],
    interrupt_s: float = INTERRUPT_S,
) -> list[JobReturn]:
    """Makes the calls of jobs; one whose worker died is made once more, alone. See `launch`.

    Stopped by a signal, runs in progress have `interrupt_s` seconds to write checkpoint and row.
    """
    returned: dict[int, JobReturn] = {}
    try:
        died = []
        for outcome in pool.results(calls):
            if outcome.death is not None and not outcome.too_long:
                died.append(outcome.index)
                log.warning("%s: %s; made again, alone", names[outcome.index], _in_words(outcome.death))
            else:
                returned[outcome.index] = _job_return(outcome, configs[outcome.index])
        for index in died:  # one after the other, so that no run dies with another
            [outcome] = pool.results([calls[index]])
            returned[index] = _job_return(outcome, configs[index])
    except KeyboardInterrupt:
        pool.interrupt(interrupt_s)
        raise
    return [returned[index] for index in range(len(calls))]


def run_alone(function: Callable[..., Any], config: DictConfig, *others: Any) -> Any:
    """One call, of a function of a config, in a worker that is ended when `train.max_minutes` are over.

    Raises:
        TooLongError: it took longer.
        WorkerDiedError: its process ended in another way.
    """
    pool = Pool(1, preload=PRELOAD)
    try:
        [outcome] = pool.results([Call(function, (config, *others), fresh=True, limit_s=limit_of(config))])
    except KeyboardInterrupt:
        pool.interrupt(INTERRUPT_S)
        raise
    finally:
        pool.close()
    error = outcome.error or _death_of(outcome, config)
    if error is not None:
        raise error
    return outcome.value


def release_workers() -> None:
    """Ends the idle workers; the next grid in this process starts others."""
    global _pool
    if _pool is not None:
        _pool.close()
    _pool = None


def runs_third_party_code(config: DictConfig) -> bool:
    """Whether a job runs code that is neither this package's nor torch's: cell, task or a callback."""
    targets = [config.cell.get("_target_"), config.task.get("_target_")]
    callbacks = config.hydra.get("callbacks") if "hydra" in config else None
    return bool(callbacks) or not all(str(target).startswith(OWN) for target in targets)


def limit_of(config: DictConfig) -> float | None:
    """Seconds that one attempt of a job may take, if its config says so."""
    minutes = config.train.get("max_minutes")
    return 60 * minutes if isinstance(minutes, int | float) and minutes > 0 else None


@functools.cache
def end_with_parent(parent: int) -> None:
    """Makes a worker end soon after the process `parent` that started it, which may be killed without a word.

    Once a process. On Windows, where an orphan keeps its parent's number, it changes nothing.
    """

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(PARENT_S)
        os._exit(1)  # rows are written whole or not at all, and locks go with the process

    threading.Thread(target=watch, daemon=True).start()


def _pool_on(places: Places, calls: int) -> Pool:
    """The pool of this process, made again where it has other places; never larger than is of use."""
    global _pool
    environments = list(places.environments[: max(1, calls)])
    if _pool is None or _pool.environments[: len(environments)] != environments:
        release_workers()
        _pool = Pool(len(places), preload=PRELOAD, environments=places.environments)
    return _pool


def _job_config(
    context: HydraContext, config: DictConfig, overrides: Sequence[str], index: int
) -> DictConfig:
    job_config = context.config_loader.load_sweep_config(config, list(overrides))
    with open_dict(job_config):
        job_config.hydra.job.id = f"{job_config.hydra.job.name}_{index}"
        job_config.hydra.job.num = index
    return job_config


def _job_return(outcome: Outcome, config: DictConfig) -> JobReturn:
    if isinstance(outcome.value, JobReturn):
        return outcome.value
    failed = JobReturn()
    failed.status = JobStatus.FAILED
    failed.return_value = outcome.error or _death_of(outcome, config)
    return failed


def _death_of(outcome: Outcome, config: DictConfig) -> Exception | None:
    if outcome.too_long:
        return TooLongError(
            f"it took longer than train.max_minutes={config.train.max_minutes}; raise that to run it again"
        )
    if outcome.death is None:
        return None
    return WorkerDiedError(_in_words(outcome.death))


def _in_words(death: str) -> str:
    if death.startswith("ended"):
        return f"its process {death} without a row"
    return f"its process was {death}"


def run_composed(context: HydraContext, config: DictConfig, task_function: TaskFunction) -> JobReturn:
    """In the worker: one job, with Hydra's callbacks around it."""
    setup_globals()
    HydraConfig.instance().set_config(config)
    return run_job(
        hydra_context=context,
        config=config,
        task_function=task_function,
        job_dir_key="hydra.sweep.dir",
        job_subdir_key="hydra.sweep.subdir",
    )
