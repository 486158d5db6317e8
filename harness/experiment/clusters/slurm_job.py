"""What runs inside a job of Slurm: a run, and what happens when Slurm asks it to stop."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from types import FrameType
from typing import Any

from hydra.core.utils import JobReturn

from harness.experiment.clusters.remote_jobs import RemoteJob
from harness.workers.stop import FOR_THE_COMMAND, Stopped, rows_at_stake, stop, undisturbed

log = logging.getLogger("harness.grid")

REQUEUE_S = 60.0

ASKED_FOR = (signal.SIGUSR1, signal.SIGUSR2)
"""What Slurm sends before the time limit; SIGTERM comes with `scancel`, and where Slurm itself requeues."""


@dataclass(frozen=True)
class SlurmJob:
    """A job whose run writes a checkpoint when Slurm asks it to stop, and resumes when started again."""

    job: RemoteJob
    requeues: int
    """Times that it goes back into the queue at its time limit."""

    def __call__(self) -> JobReturn:
        """Makes the run. Does not return, and leaves no result, where the job was asked to stop."""
        for number in FOR_THE_COMMAND:
            signal.signal(number, _stop_once)
        try:
            with rows_at_stake():
                return self.job()
        except Stopped as stopped:
            with undisturbed():
                self._end(stopped)
            raise AssertionError("not reached") from stopped

    def checkpoint(self) -> Any:
        """For submitit, when a signal comes before the call: the same job again."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)

    def _end(self, stopped: Stopped) -> None:
        """Ends the process; at the time limit the job goes back into the queue."""
        times = int(os.environ.get("SLURM_RESTART_COUNT", "0"))
        if stopped.number in ASKED_FOR and times < self.requeues:
            subprocess.run(["scontrol", "requeue", job_id()], timeout=REQUEUE_S, check=False)
        elif stopped.number in ASKED_FOR:
            log.warning("not requeued: that was done %d times; raise hydra.launcher.requeues", times)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(stopped.exit_code)


def _stop_once(number: int, frame: FrameType | None) -> None:
    """Raises `Stopped`; signals that follow do not cut short how the run ends."""
    try:
        stop(number, frame)
    except Stopped:
        for other in FOR_THE_COMMAND:
            signal.signal(other, signal.SIG_IGN)
        raise


def job_id() -> str:
    """The job that this process is of, as `scontrol` and `squeue` name it."""
    array, task = os.environ.get("SLURM_ARRAY_JOB_ID"), os.environ.get("SLURM_ARRAY_TASK_ID")
    return f"{array}_{task}" if array is not None else os.environ["SLURM_JOB_ID"]
