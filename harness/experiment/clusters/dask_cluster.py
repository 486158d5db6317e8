"""Runs as tasks of a Dask cluster."""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import signal
import time
from collections.abc import Iterator, Sequence
from multiprocessing import resource_tracker
from typing import Any

from hydra.core.utils import JobReturn

from harness.experiment.clusters.remote_jobs import (
    INTERRUPT_S,
    POLL_S,
    RemoteJob,
    failed_return,
    stop_runs,
)
from harness.experiment.errors import flat
from harness.experiment.places import number_of_workers
from harness.experiment.workers import LostJobError
from harness.workers import WorkersBrokenError
from harness.workers.stop import SIGNALS

log = logging.getLogger("harness.grid")


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
    from distributed import Client, wait

    logging.getLogger("distributed").setLevel(logging.ERROR)
    with contextlib.ExitStack() as stack:
        try:
            cluster = address or _own_cluster(stack, min(number_of_workers(n_jobs), len(jobs)))
            client = stack.enter_context(Client(cluster))
        except (OSError, TimeoutError) as error:
            raise WorkersBrokenError(f"no Dask scheduler at {address}: {flat(str(error))}") from None
        futures = [client.submit(job, pure=False) for job in jobs]
        try:
            wait(futures)
        except KeyboardInterrupt:
            _stop_runs(client, futures, jobs[0].command)
            raise
        return [
            one.result() if one.status == "finished" else failed_return(LostJobError(_why(one.exception())))
            for one in futures
        ]


def _own_cluster(stack: contextlib.ExitStack, n_workers: int) -> Any:
    """A scheduler and workers on this machine, until `stack` closes; Ctrl-C reaches this process alone."""
    from distributed import LocalCluster

    with _kept_from_children():
        return stack.enter_context(
            LocalCluster(
                n_workers=n_workers,
                threads_per_worker=1,
                dashboard_address=None,
                scheduler_kwargs={"dashboard_address": "localhost:0"},  # its pages have a port all the same
                silence_logs=logging.ERROR,
            )
        )


@contextlib.contextmanager
def _kept_from_children() -> Iterator[None]:
    """Blocks signals in the threads that start meanwhile, and in all processes that these ever start.

    A terminal sends Ctrl-C to every process of the command, and the workers would die of it before their
    runs are stopped. SIGTERM stays, since Dask ends workers by it. A signal that comes meanwhile reaches this
    process afterwards.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    resource_tracker.ensure_running()  # one that starts later unblocks signals in the thread that needs it
    before = signal.pthread_sigmask(signal.SIG_BLOCK, set(SIGNALS) - {signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _stop_runs(client: Any, futures: Sequence[Any], command: str) -> None:
    """Lets the runs in progress write checkpoints and rows; where the cluster is gone there is none."""
    give_up = time.monotonic() + INTERRUPT_S
    try:
        client.cancel(futures)  # none that waits begins
        while sum(client.run(stop_runs, command).values()) and time.monotonic() < give_up:
            time.sleep(POLL_S)
    except OSError as error:  # `distributed.CommClosedError` among them
        log.warning("not all runs were asked to stop: %s", flat(f"{type(error).__name__}: {error}"))


def _why(error: BaseException) -> str:
    return f"lost by the Dask cluster: {flat(f'{type(error).__name__}: {error}')}"
