"""Worker processes on this machine: jobs are composed here and run there."""

from __future__ import annotations

import functools
import os
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, run_job, setup_globals
from hydra.types import HydraContext, TaskFunction
from joblib import effective_n_jobs
from joblib.externals.loky import get_reusable_executor, reusable_executor
from omegaconf import DictConfig, open_dict

PARENT_S = 1.0
"""Seconds between two looks of a worker at whether its parent is there."""


def number_of_workers(n_jobs: Any) -> int:
    """Worker processes for `n_jobs`; negative numbers count from the number of cores, −1 is one a core.

    Raises:
        ValueError: not a whole number, or 0.
    """
    try:
        return int(effective_n_jobs(n_jobs))
    except (ValueError, TypeError) as error:
        raise ValueError(f"hydra.launcher.n_jobs={n_jobs}: {error}; -1 means one a core") from None


def launch(
    context: HydraContext,
    task_function: TaskFunction,
    config: DictConfig,
    job_overrides: Sequence[Sequence[str]],
    first_index: int,
    n_jobs: int,
) -> list[JobReturn]:
    """Runs Hydra jobs in worker processes, in the order given.

    Each config is composed here, by the context's config loader, and sent to the worker, which composes
    nothing. Workers stay for the next call in this process.

    Raises:
        BrokenProcessPool: a worker was killed; jobs that were not begun are left out.
    """
    workers = get_reusable_executor(
        max_workers=min(number_of_workers(n_jobs), max(1, len(job_overrides))), timeout=300
    )
    callbacks_only = type(context)(config_loader=None, callbacks=context.callbacks)  # type: ignore[arg-type]
    singletons = Singleton.get_state()
    futures: list[Future[JobReturn]] = []
    for index, overrides in enumerate(job_overrides, start=first_index):
        job_config = context.config_loader.load_sweep_config(config, list(overrides))
        with open_dict(job_config):
            job_config.hydra.job.id = f"{job_config.hydra.job.name}_{index}"
            job_config.hydra.job.num = index
        arguments = (callbacks_only, job_config, task_function, singletons, os.getpid())
        futures.append(workers.submit(_run, *arguments))
    try:
        return [future.result() for future in futures]
    except KeyboardInterrupt:
        workers.shutdown(wait=False, kill_workers=True)
        raise


def release_workers() -> None:
    """Lets idle workers end now; otherwise the process waits for them when it ends itself."""
    workers = reusable_executor._executor  # None when there are none
    if workers is not None:
        workers.shutdown(wait=False)


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


def _run(
    context: HydraContext,
    config: DictConfig,
    task_function: TaskFunction,
    singletons: dict[Any, Any],
    parent: int,
) -> JobReturn:
    """In the worker: one job, with Hydra's callbacks around it."""
    end_with_parent(parent)
    setup_globals()
    Singleton.set_state(singletons)
    HydraConfig.instance().set_config(config)
    return run_job(
        hydra_context=context,
        config=config,
        task_function=task_function,
        job_dir_key="hydra.sweep.dir",
        job_subdir_key="hydra.sweep.subdir",
    )
