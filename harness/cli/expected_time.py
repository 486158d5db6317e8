"""How long runs are expected to take, judged by finished runs in the same results folder."""

from __future__ import annotations

import logging
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from omegaconf import DictConfig, OmegaConf, open_dict

from harness.experiment.combinations import Job
from harness.experiment.config import compose
from harness.experiment.cost import expected_cost
from harness.experiment.plan import Plan, plan
from harness.results import store

MOST_RUNS = 40
"""Finished runs of one cell that are looked at, the latest first: planning one takes milliseconds."""

NEAREST, FAR = 5, 10

Kind = tuple[Any, str, str]
"""Cell, kernel and device: runs of one kind take about the same time for each multiplication."""


@dataclass(frozen=True)
class Expectation:
    """What finished runs say about others."""

    seconds: dict[str, float]
    """Seconds of training and evaluation by `run_id`; without those that no finished run can tell."""
    judged_by: int
    """Finished runs that were looked at."""
    far: frozenset[str]
    """Runs whose cost is more than a factor of `FAR` from that of every finished run of their kind."""


def expect(jobs: Sequence[Job]) -> Expectation:
    """The expected seconds of each job: its multiplications, at the median speed of finished runs like it.

    These are the `NEAREST` finished runs of its kind with the nearest cost: short runs are slower for each
    multiplication than long ones.

    Args:
        jobs: of one results folder.
    """
    measured: dict[Kind, list[tuple[float, float]]] = {}
    for run, row in _finished(jobs) if jobs else ():
        seconds, cost = (row.get("train_s") or 0.0) + (row.get("eval_s") or 0.0), expected_cost(run)
        if seconds > 0 and cost > 0:
            measured.setdefault(_kind(run), []).append((cost, seconds))
    expected, far = {}, set()
    for job in jobs:
        cost = expected_cost(job.plan)
        like_it = sorted(measured.get(_kind(job.plan), ()), key=lambda pair: abs(math.log(pair[0] / cost)))
        if like_it:
            expected[job.plan.run_id] = cost * statistics.median(s / c for c, s in like_it[:NEAREST])
            if not 1 / FAR <= like_it[0][0] / cost <= FAR:
                far.add(job.plan.run_id)
    return Expectation(expected, sum(map(len, measured.values())), frozenset(far))


def _kind(run: Plan) -> Kind:
    return run.cell_target, run.kernel, run.device.type


def _finished(jobs: Sequence[Job]) -> list[tuple[Plan, dict[str, Any]]]:
    """Runs with status `ok` in the jobs' results folder, of a task and a cell that one of the jobs has.

    Nothing is imported or called for a recorded row but what planning the jobs has imported and called.
    """
    known = {job.plan.run_id: job.plan for job in jobs}
    targets = {tuple(path for path, _ in job.plan.targets) for job in jobs}
    rows: dict[Any, list[dict[str, Any]]] = {}
    for folder in store.runs_dir(jobs[0].plan.results_dir).glob("*/"):
        try:
            row = store.read_row(folder)
        except store.CorruptRowError:
            continue
        if row is not None and row["status"] == "ok" and (made := _targets_of(row)) in targets:
            rows.setdefault(made, []).append(row)
    base = compose([])
    found = []
    for of_cell in rows.values():
        latest = sorted(of_cell, key=lambda row: str(row.get("started_at")), reverse=True)[:MOST_RUNS]
        for row in latest:
            run = known.get(row["run_id"]) or _plan_of(row["config"], base)
            if run is not None:
                found.append((run, row))
    return found


def _targets_of(row: Mapping[str, Any]) -> tuple[str, ...] | None:
    """The `_target_` of the cell and of the task of a recorded config; None where it is damaged."""
    config = row.get("config")
    nodes = [config.get(key) for key in ("cell", "task")] if isinstance(config, dict) else []
    paths = [node.get("_target_") for node in nodes if isinstance(node, dict)]
    return (*map(str, paths),) if len(paths) == 2 else None


def _plan_of(recorded: Mapping[str, Any], base: DictConfig) -> Plan | None:
    """The plan of a recorded config; None where it cannot be planned any more."""
    logger = logging.getLogger("harness.tasks")  # what it says of data belongs to those runs, not to this
    before, logger.disabled = logger.disabled, True
    try:
        config = OmegaConf.masked_copy(base, [str(key) for key in base if key != "hydra"])
        with open_dict(config):
            for key, value in recorded.items():
                if key in ("task", "cell"):
                    config[key] = value
                elif key in config:
                    config[key] = OmegaConf.merge(config[key], value) if isinstance(value, dict) else value
        return plan(config)
    except (ValueError, TypeError, KeyError):  # ConfigError and OmegaConf's errors are among them
        return None
    finally:
        logger.disabled = before
