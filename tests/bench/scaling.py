"""What a results folder costs at 10³, 10⁴, 10⁵ runs: files, disk, gathering, and the report without figures.

    python -m tests.bench.scaling [RUNS ...] [folder=FOLDER]        1000 10000 100000 by default

The rows are made up, in a temporary folder or in FOLDER, where they stay. They are written without waiting
for the disk, which a run does. Prints a line for each size; docs/scaling.md holds what was found.
"""

from __future__ import annotations

import os
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

from harness.cli.report import write
from harness.report import draw_all
from harness.results import gather
from tests.bench.grid_cost import make_rows

COLUMNS = "runs  inodes  disk_mb  write_s  list_s  gather_s  report_s  page_mb  peak_gb"


def measure(folder: Path, n_runs: int) -> Iterator[float]:
    """The costs of a folder of so many made-up runs, in the order of `COLUMNS`, as they become known."""
    yield n_runs
    with patch.object(os, "fsync", lambda _: None):
        writing, _ = _timed(lambda: make_rows(folder, n_runs))
    listing, (inodes, blocks) = _timed(lambda: _inodes_and_blocks(folder))
    yield from (inodes, blocks / 1e6, writing, listing)
    gathering, runs = _timed(lambda: gather(folder))
    assert len(runs) == n_runs
    yield gathering
    with patch.object(draw_all, "figures_of", lambda _: ()):
        reporting, report = _timed(lambda: write(folder))
    yield from (reporting, report.page.stat().st_size / 1e6)
    yield resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def _inodes_and_blocks(folder: Path) -> tuple[int, int]:
    """Files and folders below a folder, and the bytes that they take on the disk."""
    count = size = 0
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            count += 1
            size += os.lstat(os.path.join(parent, name)).st_blocks * 512
    return count, size


def _timed(work):
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


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
