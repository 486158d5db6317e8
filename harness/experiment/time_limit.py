"""`train.max_minutes`: how much of it a run has used."""

from __future__ import annotations

import json
from pathlib import Path

from harness.experiment.plan import Plan
from harness.results.schema import FINAL_STATUSES
from harness.results.store import CHECKPOINT_NAME
from harness.training.checkpoint import read_about

LEAST_S = 0.1
"""Less than this is not worth an attempt."""


def seconds_left(run: Plan) -> float | None:
    """What a new attempt of a run may take; None: any time, 0: there is none left."""
    if run.train.max_minutes is None:
        return None
    left = 60 * run.train.max_minutes - seconds_used(run.folder)
    return left if left >= LEAST_S else 0.0


def seconds_used(folder: Path) -> float:
    """Seconds that the attempts of a run took that did not finish, by the times of their files."""
    attempts = [folder, *folder.glob("attempt-*")]
    return sum(seconds_of_attempt(attempt) for attempt in attempts if not _finished(attempt))


def seconds_of_attempt(attempt: Path) -> float:
    """What its processes took: the last one from the writing of its config to that of its last file, those
    before it by what its checkpoint says."""
    before = read_about(attempt / CHECKPOINT_NAME).get("used_s")
    return _seconds(attempt) + (before if isinstance(before, int | float) and before > 0 else 0.0)


def _seconds(attempt: Path) -> float:
    times = {path.name: path.stat().st_mtime for path in attempt.glob("*") if path.is_file()}
    begun = times.get("config.yaml")
    return 0.0 if begun is None else max(0.0, max(times.values()) - begun)


def _finished(attempt: Path) -> bool:
    """Whether it ended in a way that is no reason to try again."""
    try:
        row = json.loads((attempt / "row.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(row, dict) and row.get("status") in FINAL_STATUSES
