"""One run as a launcher makes it: from a composed config to the value that a sweeper gets."""

from __future__ import annotations

import logging
import math
import multiprocessing
import os

from omegaconf import DictConfig

from harness.experiment.cell_check import checked_plan, was_checked_by_the_command
from harness.experiment.endings import record_ending
from harness.experiment.plan import Plan, plan
from harness.experiment.run import STOPPED_BY_USER, execute
from harness.experiment.workers import TooLongError, WorkerDiedError, end_with_parent, run_alone
from harness.results import store
from harness.workers import in_worker
from harness.workers.stop import undisturbed


def job(config: DictConfig) -> float:
    """Hydra's task function: makes a run and returns its best validation loss, for a sweeper's use.

    Infinity when the run diverged or failed. It logs to the run's own folder, not to the terminal.
    """
    logging.getLogger("harness").addHandler(logging.NullHandler())
    if multiprocessing.current_process().name != "MainProcess":  # a worker of this or another launcher
        end_with_parent(os.getppid())
    run = plan(config) if was_checked_by_the_command() else checked_plan(config)
    execute_within_limit(run, config, echo=False)
    row = store.read_row(run.folder)
    done = row is not None and row["status"] == "ok" and row.get("val_loss") is not None
    return float(row["val_loss"]) if row is not None and done else math.inf


def execute_within_limit(run: Plan, config: DictConfig, *, echo: bool = True) -> None:
    """As `execute`; with `train.max_minutes` in a process of its own, which is ended when they are over.

    A worker of our own launcher is such a process already.

    Args:
        run: the plan that `config` makes.
        config: of the run, composed.
        echo: whether what goes to the run's `log.txt` is also shown on the terminal.
    """
    if run.train.max_minutes is None or in_worker():
        execute(run, echo=echo)
        return
    stamp = store.file_stamp(run.folder / "config.yaml")
    try:
        run_alone(_plan_and_execute, config, echo)
    except (KeyboardInterrupt, TooLongError, WorkerDiedError) as error:
        stopped = isinstance(error, KeyboardInterrupt)
        begun = store.file_stamp(run.folder / "config.yaml") != stamp
        with undisturbed():
            if begun or not stopped:
                record_ending(
                    run,
                    status="interrupted" if stopped else "failed",
                    error=STOPPED_BY_USER if stopped else str(error),
                    begun=begun,
                )
        if stopped:
            raise


def _plan_and_execute(config: DictConfig, echo: bool) -> None:
    if echo:
        logging.basicConfig(format="%(message)s", level=logging.WARNING)
        logging.getLogger("harness").setLevel(logging.INFO)
    execute(plan(config), echo=echo)
