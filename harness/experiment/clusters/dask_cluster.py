"""Runs as tasks of a Dask cluster."""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import time
from collections.abc import Sequence
from typing import Any

from hydra.core.utils import JobReturn

from harness.experiment.clusters.remote_jobs import (
    INTERRUPT_S,
    RemoteJob,
    failed_return,
    interrupt_runs,
    runs_in_progress,
)
from harness.experiment.errors import flat
from harness.experiment.places import number_of_workers
from harness.experiment.workers import LostJobError
from harness.workers import WorkersBrokenError

log = logging.getLogger("harness.grid")

POLL_S = 0.2


def check_options(address: str | None, n_jobs: int | None) -> None:
    """Raises `ValueError` where Dask is not installed, or `n_jobs` is 0 or no whole number."""
    if importlib.util.find_spec("distributed") is None:
        raise ValueError('hydra/launcher=dask needs Dask: pip install "seqharness[dask]"')
    if address is None:
        number_of_workers(n_jobs)


def launch(jobs: Sequence[RemoteJob], address: str | None, n_jobs: int | None) -> list[JobReturn]:
    """Makes the jobs, one a thread of each worker; a job whose worker was lost is made again on another.

    Returns:
        What the jobs returned; `FAILED` with a `LostJobError` where three workers in a row were lost.

    Raises:
        WorkersBrokenError: the scheduler does not answer.
    """
    from distributed import Client, LocalCluster, wait

    logging.getLogger("distributed").setLevel(logging.ERROR)
    with contextlib.ExitStack() as stack:
        try:
            cluster = address or stack.enter_context(
                LocalCluster(
                    n_workers=min(number_of_workers(n_jobs), len(jobs)),
                    threads_per_worker=1,
                    dashboard_address=None,
                    silence_logs=logging.ERROR,
                )
            )
            client = stack.enter_context(Client(cluster))
        except (OSError, TimeoutError) as error:
            raise WorkersBrokenError(f"no Dask scheduler at {address}: {flat(str(error))}") from None
        futures = [client.submit(job, pure=False) for job in jobs]
        try:
            wait(futures)
        except KeyboardInterrupt:
            client.cancel(futures)  # none that waits begins
            _stop_runs(client, jobs[0].command)
            raise
        return [
            one.result() if one.status == "finished" else failed_return(LostJobError(_why(one.exception())))
            for one in futures
        ]


def _stop_runs(client: Any, command: str) -> None:
    """Lets the runs in progress write checkpoints and rows."""
    client.run(interrupt_runs, command)
    give_up = time.monotonic() + INTERRUPT_S
    while sum(client.run(runs_in_progress, command).values()) and time.monotonic() < give_up:
        time.sleep(POLL_S)


def _why(error: BaseException) -> str:
    return f"lost by the Dask cluster: {flat(f'{type(error).__name__}: {error}')}"
