"""Runs that another command on the same results folder is making."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

from harness.experiment.combinations import Job
from harness.experiment.finished import why_not_finished
from harness.results import store
from harness.results.locks import is_locked

log = logging.getLogger("harness.grid")

POLL_S = 0.5


def wait_for_others(jobs: Sequence[Job], left_to_others: Sequence[Job] = ()) -> list[Job]:
    """Waits until no process makes one of these runs any more; says which ones it waits for.

    Args:
        jobs: all runs of a grid.
        left_to_others: those of them that were locked when they should have begun.

    Returns:
        Those of them that were not brought to an end: killed or interrupted.
    """
    held = [job for job in jobs if why_not_finished(job.plan) is not None and is_locked(job.folder)]
    if held:
        log.warning(
            "waiting for %d run%s that another command is making: %s",
            len(held), "s" if len(held) > 1 else "", ", ".join(job.plan.run_id for job in held[:3]),
        )  # fmt: skip
    while any(is_locked(job.folder) for job in held):
        time.sleep(POLL_S)
    others = {job.folder: job for job in (*held, *left_to_others)}.values()
    return [job for job in others if store.status_of(job.folder) in ("absent", "begun", "interrupted")]
