"""How far a grid is, shown while it runs."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from harness.results import store

POLL_S = 0.5
PLAIN_LINE_S = 10.0


@contextlib.contextmanager
def show_progress(rows: Mapping[Path, float]) -> Iterator[None]:
    """Watches for rows to be written: a bar on a terminal, else a plain line now and then.

    The time left is estimated from the expected cost of the rows, since the long runs come first. Workers
    share no state with this process and log to their runs' folders.
    """
    if not rows:
        yield
        return
    before = {row: store.file_stamp(row) for row in rows}
    whole, stop = sum(rows.values()), threading.Event()

    ended: set[Path] = set()

    def count() -> tuple[int, float]:
        ended.update(row for row in rows if row not in ended and _has_ended(row, before[row]))
        return len(ended), sum(rows[row] for row in ended) / whole

    watch = _watch_bar if sys.stderr.isatty() else _watch_lines
    thread = threading.Thread(target=watch, args=(count, len(rows), stop), daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _has_ended(row: Path, before: tuple[int, int] | None) -> bool:
    """Whether the row of an end was written since `before`; an interrupted run continues later."""
    try:
        return (
            store.file_stamp(row) not in (None, before) and b'"status": "interrupted"' not in row.read_bytes()
        )
    except OSError:  # moved away, as a run begins again
        return False


def _watch_bar(count: Callable[[], tuple[int, float]], total: int, stop: threading.Event) -> None:
    columns = (
        TextColumn("runs"),
        BarColumn(),
        TextColumn("{task.fields[done]}/{task.fields[runs]}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(elapsed_when_finished=True),
    )
    with Progress(*columns, console=Console(stderr=True), speed_estimate_period=600) as progress:
        bar = progress.add_task("", total=1.0, done=0, runs=total)
        ended = False
        while not ended:
            ended = stop.wait(POLL_S)
            done, share = count()
            progress.update(bar, completed=share, done=done)


def _watch_lines(count: Callable[[], tuple[int, float]], total: int, stop: threading.Event) -> None:
    start, ended = time.monotonic(), False
    while not ended:
        ended = stop.wait(PLAIN_LINE_S)
        _plain_line(*count(), total, time.monotonic() - start)


def _plain_line(done: int, share: float, total: int, elapsed: float) -> None:
    left = f", about {elapsed / share * (1 - share):.0f} s left" if done else ""
    print(f"{done} of {total} runs in {elapsed:.0f} s{left}", file=sys.stderr, flush=True)
