"""The folder of a run on disk: begun, finished whole or not at all, never overwritten.

results/runs/<run_id>/config.yaml    the resolved config, written when the run begins
                      row.json       the RunRecord, written last: its presence ends the run
                      steps.csv      one row an evaluation
                      gradflow.csv   one row a probe, layer, state and time step
                      log.txt        what the run had to say
                      attempt-1/     an earlier attempt that did not end well, kept as it was
"""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import math
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from harness.results.schema import FINAL_STATUSES, GRADFLOW_COLUMNS, STATUSES, STEP_COLUMNS, RunRecord

LOCK_NAME = ".lock"

ESSENTIAL = {"error", "task", "cell", "seq_len", "hidden_size", "seed", "setting", "config"}
"""Without these a row cannot be told from others; columns that came later may be missing."""


class CorruptRowError(ValueError):
    """A `row.json` that is not one whole record of its own run."""


def runs_dir(results_dir: str | Path) -> Path:
    """The folder that holds one folder a run."""
    return Path(results_dir) / "runs"


def write_atomically(path: Path, text: str) -> None:
    """Writes a file whole or not at all: a reader, or a power cut, sees the old file or the new one."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with open(temporary, "w", encoding="utf-8", newline="") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
    if os.name == "posix":  # the rename itself must outlive a power cut too
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def begin(run_dir: Path, config_yaml: str) -> None:
    """Makes the folder ready for an attempt; what an earlier one left moves to `attempt-N/`."""
    run_dir.mkdir(parents=True, exist_ok=True)
    leftovers = [p for p in run_dir.iterdir() if p.name != LOCK_NAME and not p.name.startswith("attempt-")]
    if leftovers:
        number = 1
        while (run_dir / f"attempt-{number}").exists():
            number += 1
        attempt = run_dir / f"attempt-{number}"
        attempt.mkdir()
        for path in leftovers:
            path.rename(attempt / path.name)
    write_atomically(run_dir / "config.yaml", config_yaml)


def finish(
    run_dir: Path,
    record: RunRecord,
    steps: Iterable[Sequence[Any]] = (),
    gradflow: Iterable[Sequence[Any]] = (),
) -> None:
    """Writes the run's tables and, last, its row."""
    write_atomically(run_dir / "steps.csv", _csv(STEP_COLUMNS, steps))
    write_atomically(run_dir / "gradflow.csv", _csv(GRADFLOW_COLUMNS, gradflow))
    row = {key: _finite(value) for key, value in dataclasses.asdict(record).items()}
    write_atomically(run_dir / "row.json", json.dumps(row, indent=1, allow_nan=False) + "\n")


def read_row(run_dir: Path) -> dict[str, Any] | None:
    """The row of a run, or None where the run has not ended.

    Raises:
        CorruptRowError: the file is there, but is not one whole record of this run.
    """
    path = run_dir / "row.json"
    try:
        row = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise CorruptRowError(f"{path}: not readable as JSON ({error})") from None
    if (
        not isinstance(row, dict)
        or row.get("run_id") != run_dir.name
        or row.get("status") not in STATUSES
        or ESSENTIAL - row.keys()
        or not isinstance(row.get("longer", {}), dict)
    ):
        raise CorruptRowError(f"{path}: not a record of the run {run_dir.name}")
    return row


def make_writable(results_dir: str | Path) -> None:
    """Makes the folder for the runs, and tries whether it can be written, before anything is trained.

    Raises:
        OSError: a file is in the way, or the folder cannot be written.
    """
    folder = runs_dir(results_dir)
    folder.mkdir(parents=True, exist_ok=True)
    probe = folder / f".{os.getpid()}.tmp"
    probe.touch()
    probe.unlink()


def status_of(run_dir: Path) -> str:
    """One of the statuses, `begun` where an attempt has left no row, or `absent`."""
    try:
        row = read_row(run_dir)
    except CorruptRowError:
        return "begun"
    if row is not None:
        return str(row["status"])
    return "begun" if (run_dir / "config.yaml").exists() else "absent"


def mark(path: Path) -> tuple[int, int] | None:
    """Changes whenever the file is written anew by `write_atomically`; None where there is no file."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_ino, stat.st_mtime_ns


def is_final(run_dir: Path) -> bool:
    """Whether the run has ended in a way that running it again would only repeat."""
    return status_of(run_dir) in FINAL_STATUSES


def _csv(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return out.getvalue()


def _finite(value: Any) -> Any:
    """JSON has no NaN and no infinity: a number that is not finite was not measured."""
    return None if isinstance(value, float) and not math.isfinite(value) else value
