"""Rows of runs whose process could not write one."""

from __future__ import annotations

import logging

from omegaconf import OmegaConf

from harness.experiment.plan import Plan
from harness.experiment.run import known_columns
from harness.results import store
from harness.results.locks import HeldError, hold
from harness.results.schema import STATUSES, RunRecord

log = logging.getLogger("harness.run")

LOCK_S = 1.0
"""Seconds to wait for the lock of a worker that is being ended."""


def record_ending(run: Plan, *, status: str, error: str, begun: bool) -> None:
    """Writes the row of a run whose process ended without one, unless another process has begun it again.

    Args:
        run: the plan.
        status: `failed` or `interrupted`.
        error: why, in one line.
        begun: whether the attempt had begun; if not, the files of an earlier one are moved away first.
    """
    run.folder.mkdir(parents=True, exist_ok=True)
    try:
        with hold(run.folder, timeout=LOCK_S):
            if not begun:
                store.begin(run.folder, OmegaConf.to_yaml(OmegaConf.create(run.identity.config)))
            if store.status_of(run.folder) not in STATUSES:
                store.finish(run.folder, RunRecord(**known_columns(run), status=status, error=error[:500]))
    except HeldError as error:
        log.warning("%s is being run by another process: left to it; %s", run.run_id, error)
