"""What a results folder costs at 10³, 10⁴, 10⁵ runs: files, disk, gathering, and the report without figures.

    python -m tests.bench.scaling [RUNS ...] [folder=FOLDER]        1000 10000 100000 by default

The rows are made up, in a temporary folder or in FOLDER/RUNS, where they stay and are used again. They are
written without waiting for the disk, which a run does. Prints a line for each size; see docs/scaling.md.
"""

from __future__ import annotations

import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

from harness.cli.report import write
from harness.report import draw_all
from harness.results import gather
from tests.bench.grid_cost import make_rows

COLUMNS = "runs inodes disk_mb write_s gather_s gather_cpu_s report_s report_cpu_s page_mb peak_gb"
"""`_s` by the clock, `_cpu_s` of the processor: less where other processes run, or the disk is waited for."""


def measure(folder: Path, n_runs: int) -> Iterator[float]:
    """The costs of a folder of so many made-up runs, in the order of `COLUMNS`, one by one."""
    yield n_runs
    with patch.object(os, "fsync", lambda _: None):
        writing, _, _ = _timed(lambda: None if (folder / "runs").exists() else make_rows(folder, n_runs))
    inodes, blocks = _inodes_and_blocks(folder)
    yield from (inodes, blocks / 1e6, writing)
    seconds, cpu, runs = _timed(lambda: gather(folder))
    assert len(runs) == n_runs
    yield from (seconds, cpu)
    with patch.object(draw_all, "figures_of", lambda _: ()):
        seconds, cpu, report = _timed(lambda: write(folder))
    yield from (seconds, cpu, report.page.stat().st_size / 1e6)
    yield resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def _inodes_and_blocks(folder: Path) -> tuple[int, int]:
    """Files and folders below a folder, and the bytes that they take on the disk."""
    count = size = 0
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            count += 1
            size += os.lstat(os.path.join(parent, name)).st_blocks * 512
    return count, size


def _timed(work: Callable[[], Any]) -> tuple[float, float, Any]:
    """Seconds by the clock and of the processor, and what the work returned."""
    start, cpu = time.perf_counter(), time.process_time()
    result = work()
    return time.perf_counter() - start, time.process_time() - cpu, result


def main(arguments: list[str]) -> None:
    """Prints the costs of each size."""
    sizes = [int(item) for item in arguments if "=" not in item] or [1000, 10_000, 100_000]
    named = [item.partition("=")[2] for item in arguments if item.startswith("folder=")]
    print(COLUMNS, flush=True)
    for n_runs in sizes:
        with tempfile.TemporaryDirectory() as temporary:
            for value in measure(Path(named[0]) / str(n_runs) if named else Path(temporary), n_runs):
                print(f"{value:.4g}", end="  ", flush=True)
            print()


if __name__ == "__main__":
    main(sys.argv[1:])
