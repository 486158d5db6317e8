"""Jobs that are composed here and made on other machines, by any engine that can call a function there."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from hydra.core.utils import JobReturn, JobStatus
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from harness.experiment.workers import PRELOAD, call_of, callbacks_of, compose_jobs, make_calls, run_composed
from harness.results import locks
from harness.workers import Pool


class DetachedError(Exception):
    """Jobs were submitted, and nobody waits for them; the message is for the user."""


@dataclass(frozen=True)
class RemoteJob:
    """A job that can be pickled and called on another machine; called again it resumes from its checkpoint.

    The run has a worker process of its own there, as with `hydra/launcher=local`: a run that crashes is made
    once more, `train.max_minutes` holds, and the row says how the process ended.
    """

    context: HydraContext
    config: DictConfig
    task_function: TaskFunction
    name: str
    """The overrides, for messages."""
    path: tuple[str, ...]
    """Where the command looks for modules."""

    def __call__(self) -> JobReturn:
        """Makes the run; see `workers.launch`.

        Raises:
            KeyboardInterrupt: a signal asked to stop; checkpoint and row are written.
            WorkersBrokenError: no worker can be started on that machine.
        """
        logging.basicConfig(format="%(message)s", level=logging.WARNING)
        sys.path += [folder for folder in self.path if folder not in sys.path]
        pool = Pool(1, preload=PRELOAD)
        call = call_of(self.context, self.config, self.task_function, _run_patiently)
        try:
            [returned] = make_calls(pool, [call], [self.config], [self.name])
        finally:
            pool.close()
        if returned.status is JobStatus.FAILED:
            _record(self.config, returned)
        return returned


def remote_jobs(
    context: HydraContext,
    task_function: TaskFunction,
    config: DictConfig,
    job_overrides: Sequence[Sequence[str]],
    first_index: int,
) -> list[RemoteJob]:
    """The jobs of a launcher, composed."""
    configs = compose_jobs(context, config, job_overrides, first_index)
    path = tuple(os.path.abspath(folder) for folder in sys.path)
    return [
        RemoteJob(callbacks_of(context), one, task_function, " ".join(overrides), path)
        for one, overrides in zip(configs, job_overrides, strict=True)
    ]


def failed_return(error: BaseException) -> JobReturn:
    """What a launcher returns for a job that its engine lost."""
    returned = JobReturn()
    returned.status, returned.return_value = JobStatus.FAILED, error
    return returned


def _record(config: DictConfig, returned: JobReturn) -> None:
    """The row of a run whose worker died: where nobody waits for the job, nobody else writes it."""
    from harness.experiment.launching import record_failed
    from harness.experiment.plan import plan
    from harness.results import store

    run = plan(config)
    status = store.status_of(run.folder)
    if status in ("absent", "begun"):
        record_failed(run, returned._return_value, begun=status == "begun")


def _run_patiently(context: HydraContext, config: DictConfig, task_function: TaskFunction) -> JobReturn:
    locks.be_patient()
    return run_composed(context, config, task_function)
