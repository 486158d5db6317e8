"""The peak memory of training one configuration, measured in a fresh process."""

from __future__ import annotations

import logging
import multiprocessing
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

from harness.experiment.combinations import Job
from harness.experiment.config import compose
from harness.experiment.plan import plan
from harness.experiment.schema import TimingOptions
from harness.results.machine import PeakMemory
from harness.timing.measure import onednn_off
from harness.timing.workload import make_step
from harness.training import tf32_allowed, training_process

MEMORY_STEPS = 3
"""Steps after which a process has allocated all that training needs; the first allocates the optimiser's."""


def peak_memory(job: Job, options: TimingOptions) -> float | None:
    """Peak resident memory of a fresh process that trains this configuration for `MEMORY_STEPS` steps, MiB.

    The process that measures the times cannot tell configurations apart, since freed memory stays in it. The
    fresh process is forked from a server that has imported this package and run nothing.

    Returns:
        MiB; None where the system does not report it.

    Raises:
        RuntimeError: the process was killed, as the system does when memory runs out.
        Exception: what the configuration raises there.
    """
    forks = "forkserver" in multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context("forkserver" if forks else "spawn")
    if forks:
        context.set_forkserver_preload([__name__])
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        try:
            return pool.submit(_train_briefly, job.overrides, options).result()
        except BrokenProcessPool:
            raise RuntimeError("its process was killed; memory may have run out") from None


def _train_briefly(overrides: Sequence[str], options: TimingOptions) -> float | None:
    """In the fresh process: a few training steps, and their peak memory."""
    logging.getLogger("harness").addHandler(logging.NullHandler())  # the parent has logged the same lines
    run = plan(compose(overrides))
    settings = training_process(threads=run.threads, keep_memory=run.keep_memory)
    with settings, tf32_allowed(run.tf32, run.device), onednn_off(options.like_for_like):
        step, _ = make_step(run, options)
        memory = PeakMemory()
        for _ in range(MEMORY_STEPS):
            step()
        return memory.mib()
