"""Runs as tasks of a Ray cluster."""

from __future__ import annotations

import importlib.util
import logging
import math
from collections.abc import Sequence
from typing import Any

from hydra.core.utils import JobReturn

from harness.experiment.clusters.remote_jobs import INTERRUPT_S, RemoteJob, failed_return
from harness.experiment.errors import flat
from harness.experiment.places import number_of_workers
from harness.experiment.workers import LostJobError
from harness.workers import WorkersBrokenError

log = logging.getLogger("harness.grid")


def check_options(address: str | None, n_jobs: int | None, cpus: float, gpus: float, retries: int) -> None:
    """Raises `ValueError` where Ray is not installed, or an option cannot be right; one line says which."""
    if importlib.util.find_spec("ray") is None:
        raise ValueError('hydra/launcher=ray needs Ray: pip install "seqharness[ray]"')
    if address is None:
        number_of_workers(n_jobs)
    if not _is_number(cpus) or cpus <= 0:
        raise ValueError(f"hydra.launcher.cpus={cpus} must be a number above 0")
    if not _is_number(gpus) or gpus < 0:
        raise ValueError(f"hydra.launcher.gpus={gpus} must be a number, at least 0")
    if not isinstance(retries, int) or isinstance(retries, bool) or retries < -1:
        raise ValueError(f"hydra.launcher.retries={retries} must be a whole number, at least 0; -1: no end")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def launch(
    jobs: Sequence[RemoteJob],
    address: str | None,
    n_jobs: int | None,
    cpus: float,
    gpus: float,
    retries: int,
) -> list[JobReturn]:
    """Makes the jobs, as many at a time as the nodes have processors; one whose node was lost is made again.

    Returns:
        What the jobs returned; `FAILED` with a `LostJobError` where Ray gave a job up.

    Raises:
        WorkersBrokenError: there is no Ray at the address.
    """
    import ray

    own = {} if address else {"num_cpus": cpus * number_of_workers(n_jobs), "include_dashboard": False}
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, **own)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise WorkersBrokenError(f"no Ray at {address}: {flat(str(error))}") from None
    try:
        task = ray.remote(num_cpus=cpus, num_gpus=gpus, max_retries=retries)(_make)
        tasks = [task.remote(job) for job in jobs]
        try:
            ray.wait(tasks, num_returns=len(tasks), fetch_local=False)
        except KeyboardInterrupt:
            for one in tasks:
                ray.cancel(one, force=False, recursive=False)
            ray.wait(tasks, num_returns=len(tasks), timeout=INTERRUPT_S, fetch_local=False)
            raise
        return [_result_of(one) for one in tasks]
    finally:
        ray.shutdown()


def _make(job: RemoteJob) -> JobReturn:
    """On a node: one job."""
    return job()


def _result_of(task: Any) -> JobReturn:
    import ray

    try:
        returned = ray.get(task)
    except ray.exceptions.RayError as error:
        return failed_return(
            LostJobError(f"lost by the Ray cluster: {flat(f'{type(error).__name__}: {error}')}")
        )
    assert isinstance(returned, JobReturn)
    return returned
