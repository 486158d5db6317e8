"""Jobs that are composed here and made on other machines, by any engine that can call a function there."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sys
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from hydra.core.utils import JobReturn, JobStatus
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from harness.experiment.workers import PRELOAD, call_of, callbacks_of, compose_jobs, make_calls, run_composed
from harness.results import locks
from harness.workers import Pool

PATIENCE_S, INTERRUPT_S = 10.0, 15.0
"""Seconds that a step may still take, and a run in all, once it is asked to stop: Slurm waits 30 s."""

POLL_S = 0.2
"""Seconds between two looks at whether runs that were asked to stop have ended."""

WAKE_S = 1.0
"""Seconds until a cancelled task of Ray is noticed: Ray interrupts Python, not what it waits in."""

_pools: list[tuple[str, Pool]] = []
"""The commands and pools of the runs that this process is making, each in a thread of its own."""

_seen: Counter[int] = Counter()
"""How many calls of `stop_runs` have seen a process."""


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
    command: str
    """A name for the command that launched it."""

    def __call__(self) -> JobReturn:
        """Makes the run; see `workers.launch`.

        Raises:
            KeyboardInterrupt: a signal asked to stop; checkpoint and row are written.
            WorkersBrokenError: no worker can be started on that machine.
        """
        logging.basicConfig(format="%(message)s", level=logging.WARNING)
        sys.path += [folder for folder in self.path if folder not in sys.path]
        pool = Pool(1, preload=PRELOAD, wake_s=WAKE_S)
        _pools.append((self.command, pool))
        call = call_of(self.context, self.config, self.task_function, _run_patiently)
        try:
            [returned] = make_calls(pool, [call], [self.config], [self.name], INTERRUPT_S)
        finally:
            pool.close()
            _pools.remove((self.command, pool))
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
    path, command = tuple(os.path.abspath(folder) for folder in sys.path), uuid.uuid4().hex
    return [
        RemoteJob(callbacks_of(context), one, task_function, " ".join(overrides), path, command)
        for one, overrides in zip(configs, job_overrides, strict=True)
    ]


def stop_runs(command: str) -> int:
    """On a machine whose engine cannot interrupt calls: stops the runs of a command as Ctrl-C does.

    To be called every `POLL_S` until it returns 0. It finds processes that start only now, and interrupts
    each of them once, at the second call that sees it: one that has just started does not listen yet.

    Returns:
        How many runs of the command have a process here.
    """
    processes = [process for name, pool in list(_pools) if name == command for process in pool.processes]
    for process in processes:
        _seen[process] += 1
        if _seen[process] == 2:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGINT)
    return len(processes)


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
    from harness.experiment.checkpoints import set_patience

    locks.be_patient()
    set_patience(PATIENCE_S)
    return run_composed(context, config, task_function)
