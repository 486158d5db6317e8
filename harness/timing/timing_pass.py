"""The isolated timing pass: all configurations of a grid, measured in one process in interleaved rounds."""

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

from harness.experiment.combinations import Job, expand
from harness.experiment.config import compose
from harness.experiment.errors import ConfigError, flat
from harness.experiment.grid import prepare
from harness.experiment.schema import TimingOptions
from harness.results.machine import provenance
from harness.timing.configuration import TimedConfiguration, prepare_configuration
from harness.timing.measure import PHASES, PRODUCT, interleave, onednn_off
from harness.timing.table import TimingRow, measured_columns, write_timing
from harness.training import training_process

log = logging.getLogger("harness.timing")


@dataclass(frozen=True)
class TimingPass:
    """The result of a timing pass.

    Attributes:
        path: of the table.
        rows: of the table, one per configuration and phase.
        failed: number of configurations that raised or whose process was killed; they have no rows.
    """

    path: Path
    rows: list[TimingRow]
    failed: int


def time_grid(overrides: Sequence[str]) -> TimingPass:
    """Measures every configuration of a grid and writes the table, replacing an earlier one.

    Args:
        overrides: as on the command line; `experiment=NAME` adds the sweeps of that file.

    Raises:
        ConfigError: before anything is measured: a configuration cannot be run, or they cannot share a pass.
        RuntimeError: no configuration could be measured.
    """
    master, planned = expand(overrides)
    of_hydra = tuple(master.hydra.overrides.hydra)  # such as a search path, which holds for every job
    jobs = [Job((*of_hydra, *job.overrides), job.plan) for job in planned]
    options = timing_options(jobs[0])
    check_configurations(jobs, options)
    first = jobs[0].plan
    with training_process(threads=first.threads, keep_memory=first.keep_memory) as settings:
        return _measure(jobs, options, settings)


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


def check_configurations(jobs: Sequence[Job], options: TimingOptions) -> None:
    """Checks that these configurations can be measured in one pass.

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
                "timing.like_for_like=true measures torch's kernels for all cells, which excludes "
                "kernel=fused; remove one of the two"
            )
        if run.device.type != "cpu":
            raise ConfigError(
                f"timing.like_for_like=true compares kernels on the CPU, which excludes device={run.device}; "
                "remove one of the two"
            )


def _measure(jobs: list[Job], options: TimingOptions, settings: dict[str, bool]) -> TimingPass:
    first, count = jobs[0].plan, len(jobs)
    prepare(first.results_dir)
    shared = {
        "started_at": datetime.now(UTC).isoformat(timespec="seconds"),
        **settings,
        **provenance(),
        "threads": first.threads,
        "rounds": options.rounds,
        "warmup": options.warmup,
    }
    _print_progress(f"{count} configurations: measuring memory, each in its own process, and warming up")
    with onednn_off(options.like_for_like):
        configurations = _prepare_all(jobs, options)
        if not configurations:
            raise RuntimeError("no configuration could be measured")
        start, shared["load_start"] = time.monotonic(), _load_average()

        def on_round(number: int) -> None:
            _print_progress(f"round {number} of {options.rounds}, {time.monotonic() - start:.0f} s")

        visits = [configuration.timer.visit for configuration in configurations]
        measured = interleave(visits, options.rounds, on_round)
    shared["load_end"] = _load_average()
    rows = [
        row
        for configuration, seconds in zip(configurations, measured, strict=True)
        for row in _rows(configuration, seconds, shared)
    ]
    path = write_timing(first.results_dir, rows, like_for_like=options.like_for_like)
    return TimingPass(path, rows, failed=count - len(configurations))


def _prepare_all(jobs: list[Job], options: TimingOptions) -> list[TimedConfiguration]:
    """Prepares each job and logs those that fail; empties `jobs`, to free each task's samples."""
    configurations = []
    while jobs:
        job = jobs.pop(0)
        try:
            configurations.append(prepare_configuration(job, options))
        except (Exception, SystemExit) as error:  # one configuration never stops the others
            log.error("left out: %s: %s: %s", job.plan.run_id, type(error).__name__, flat(str(error)))
    return configurations


def _rows(
    configuration: TimedConfiguration, seconds: dict[str, list[float]], shared: dict[str, Any]
) -> list[TimingRow]:
    """One row per phase, from the seconds of each round."""
    product, flops = configuration.timer.product, configuration.flops
    rows = []
    for phase in PHASES:
        measured = measured_columns(
            seconds[phase],
            configuration.columns["batch_size"],
            flops=None if flops is None else getattr(flops, phase),
            product_seconds=seconds.get(PRODUCT),
            product_flops=0 if product is None else product.flops,
        )
        measured["repetitions"] = configuration.timer.repetitions
        rows.append(TimingRow(**configuration.columns, **shared, phase=phase, **measured))
    return rows


def _load_average() -> float | None:
    """1-minute load average; None where the system has none."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None


def _print_progress(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
