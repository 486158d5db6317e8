"""Hands jobs to a launcher, and sees to it that each run that began leaves a row."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from joblib.externals.loky.process_executor import TerminatedWorkerError

from harness.experiment.combinations import Job
from harness.experiment.endings import record_ending
from harness.experiment.errors import flat, where_it_happened
from harness.experiment.plan import Plan
from harness.experiment.run import STOPPED_BY_USER
from harness.experiment.workers import LostJobError, TooLongError, WorkerDiedError
from harness.results import store
from harness.results.schema import STATUSES
from harness.workers import WorkersBrokenError
from harness.workers.stop import rows_at_stake, undisturbed

log = logging.getLogger("harness.grid")

NO_ROW = "its process ended without a row"


@dataclass(frozen=True)
class Launched:
    """What became of jobs that were launched."""

    left: list[Job]
    """Those that did not begin because workers broke down."""
    begun: int
    """How many began."""
    to_others: list[Job]
    """Those that were left to another process, which held their locks."""


def launch_jobs(launcher: Launcher, pending: Sequence[Job], first_index: int) -> Launched:
    """Launches jobs, and writes the rows of those that could not write their own.

    Raises:
        KeyboardInterrupt: after the runs in progress have rows with the status `interrupted`.
    """
    before = {item.folder: _Stamps(item.folder) for item in pending}
    reason: str | None = None
    returned: Iterable[JobReturn] = ()
    try:
        with rows_at_stake():
            returned = launcher.launch(
                [list(item.overrides) for item in pending], initial_job_idx=first_index
            )
    except (BrokenProcessPool, WorkersBrokenError) as error:
        reason = _why_broken(error)
    except KeyboardInterrupt:
        with undisturbed():
            _record_cut_off(pending, before, STOPPED_BY_USER)
        raise
    results = list(zip(pending, returned, strict=False))
    for item, result in results:
        if result.status is JobStatus.FAILED and not before[item.folder].has_new_row():
            record_failed(item.plan, result._return_value, begun=before[item.folder].has_begun())
    left = [item for item in pending if not before[item.folder].has_begun()]
    cut_off = _record_cut_off(pending, before, reason or NO_ROW)
    if reason is not None:
        log.error("%s: %d runs were cut off, %d are left", reason, cut_off, len(left))
        if len(left) < len(pending):
            return Launched(left, len(pending) - len(left), [])
    ran = {item.folder for item, result in results if result.status is JobStatus.COMPLETED}
    to_others = [item for item in left if item.folder in ran]
    lost = [item for item in left if item.folder not in ran and store.status_of(item.folder) not in STATUSES]
    if lost and reason is None:
        log.error(
            "%d of %d runs were not begun, such as %s: the launcher left them out",
            len(lost), len(pending), lost[0].plan.run_id,
        )  # fmt: skip
    return Launched([], len(pending) - len(left), to_others)


class _Stamps:
    """Whether a run has begun or ended since this object was made."""

    def __init__(self, folder: Path) -> None:
        self._before = {
            path: store.file_stamp(path) for path in (folder / "config.yaml", folder / "row.json")
        }

    def has_begun(self) -> bool:
        return self._changed("config.yaml")

    def has_new_row(self) -> bool:
        return self._changed("row.json")

    def _changed(self, name: str) -> bool:
        [path] = [path for path in self._before if path.name == name]
        return store.file_stamp(path) not in (None, self._before[path])


def _record_cut_off(pending: Sequence[Job], before: dict[Path, _Stamps], reason: str) -> int:
    """Writes `interrupted` rows of the runs that began and left none; returns how many there are."""
    cut_off = [
        item for item in pending if before[item.folder].has_begun() and not before[item.folder].has_new_row()
    ]
    for item in cut_off:
        record_ending(item.plan, status="interrupted", error=reason, begun=True)
    return len(cut_off)


def record_failed(run: Plan, error: Any, *, begun: bool) -> None:
    """Writes the row of a run whose worker died, or which failed outside its training."""
    died = isinstance(error, WorkerDiedError | TooLongError | LostJobError)
    text = str(error) if died or not isinstance(error, BaseException) else where_it_happened(error)
    log.error("%s: %s", run.run_id, flat(text))
    record_ending(run, status="failed", error=flat(text), begun=begun)


def _why_broken(error: BaseException) -> str:
    if isinstance(error, TerminatedWorkerError):
        return "a worker was killed, by hand or because memory ran out"
    return f"the workers broke down: {flat(f'{error} {error.__cause__ or str()}')[-500:]}"
