"""The isolated timing pass: the configurations of a grid in one process, in turn, apart from training."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from harness.experiment.config import ConfigError, compose, flat
from harness.experiment.grid import Job, expand, prepare
from harness.experiment.schema import TimingOptions
from harness.results.machine import provenance
from harness.timing.case import Subject, make_subject, set_up
from harness.timing.measure import PHASES, PRODUCT, interleave, onednn_off
from harness.timing.table import TimingRow, measures, write_timing
from harness.training import denormals_as_before

log = logging.getLogger("harness.timing")


@dataclass(frozen=True)
class Pass:
    """What a timing pass left."""

    path: Path
    """The table."""
    rows: list[TimingRow]
    failed: int
    """Configurations that raised or lost their process, and were left out."""


def time_grid(overrides: Sequence[str]) -> Pass:
    """Measures every configuration of a grid and writes the table, in the place of an earlier one.

    Args:
        overrides: as on the command line; `experiment=NAME` adds that file's sweeps.

    Raises:
        ConfigError: before anything is measured: a configuration cannot be run, or they cannot share a pass.
        RuntimeError: no configuration could be measured.
    """
    _, jobs = expand(overrides)
    options = timing_options(jobs[0])
    check(jobs, options)
    with denormals_as_before():
        return _time(jobs, options)


def _time(jobs: list[Job], options: TimingOptions) -> Pass:
    first = jobs[0].plan
    prepare(first.results_dir)
    shared = {"started_at": datetime.now(UTC).isoformat(timespec="seconds"), **set_up(first), **provenance()}
    shared |= {"threads": first.threads, "rounds": options.rounds, "warmup": options.warmup}
    say(f"{len(jobs)} configurations: memory, each in a process of its own, and warm-up")
    count = len(jobs)
    with onednn_off(options.like_for_like):
        subjects = _ready(jobs, options)
        if not subjects:
            raise RuntimeError("no configuration could be measured")
        start, shared["load_start"] = time.monotonic(), load()

        def said(number: int) -> None:
            say(f"round {number} of {options.rounds}, {time.monotonic() - start:.0f} s")

        measured = interleave([subject.case.visit for subject in subjects], options.rounds, said)
    shared["load_end"] = load()
    rows = [row for item in zip(subjects, measured, strict=True) for row in rows_of(*item, shared)]
    path = write_timing(first.results_dir, rows, like_for_like=options.like_for_like)
    return Pass(path, rows, failed=count - len(subjects))


def timing_options(job: Job) -> TimingOptions:
    """The `timing` node of a job's config.

    Raises:
        ConfigError: a value is outside its range.
    """
    try:
        options = OmegaConf.to_object(compose(job.overrides).timing)
    except (ValueError, TypeError, OmegaConfBaseException) as error:
        raise ConfigError(flat(str(error))) from None
    assert isinstance(options, TimingOptions)
    return options


def check(jobs: Sequence[Job], options: TimingOptions) -> None:
    """Whether these configurations can be measured in one pass.

    Raises:
        ConfigError: they cannot; the message says why and what to change.
    """
    plans = [job.plan for job in jobs]
    seeds = sorted({run.seed for run in plans})
    if len(seeds) > 1:
        raise ConfigError(
            f"harness time takes one seed, not {', '.join(map(str, seeds))}: add seed={seeds[0]}"
        )
    folders = sorted({str(run.results_dir) for run in plans})
    if len(folders) > 1:
        raise ConfigError(f"harness time writes one table: name one results_dir, not {', '.join(folders)}")
    for run in plans if options.like_for_like else ():
        if run.kernel == "fused":
            raise ConfigError(
                "timing.like_for_like=true gives all cells torch's kernels, kernel=fused asks for others; "
                "leave one of them out"
            )
        if run.device.type != "cpu":
            raise ConfigError(
                f"timing.like_for_like=true is about kernels on the CPU, not on device={run.device}; "
                "leave one of them out"
            )


def _ready(jobs: list[Job], options: TimingOptions) -> list[Subject]:
    """Empties `jobs`, so that each task's samples go once its batch is taken; what fails is logged."""
    subjects = []
    while jobs:
        job = jobs.pop(0)
        try:
            subjects.append(make_subject(job, options))
        except (Exception, SystemExit) as error:  # one configuration never takes the others down
            log.error("left out: %s: %s: %s", job.plan.run_id, type(error).__name__, flat(str(error)))
    return subjects


def rows_of(subject: Subject, seconds: dict[str, list[float]], shared: dict[str, Any]) -> list[TimingRow]:
    """One row a phase, from the seconds of each round."""
    product, flops = subject.case.product, subject.flops
    rows = []
    for phase in PHASES:
        numbers = measures(
            seconds[phase],
            subject.columns["batch_size"],
            flops=None if flops is None else getattr(flops, phase),
            product_seconds=seconds.get(PRODUCT),
            product_flops=0 if product is None else product.flops,
        )
        numbers["repetitions"] = subject.case.repetitions
        rows.append(TimingRow(**subject.columns, **shared, phase=phase, **numbers))
    return rows


def load() -> float | None:
    """Load average over a minute; None where the system has none."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None


def say(text: str) -> None:
    """A line of progress."""
    print(text, file=sys.stderr, flush=True)
