"""What Slurm says of jobs: asked of `squeue`, which works without accounting too."""

from __future__ import annotations

import logging
import re
import subprocess
import time
from collections.abc import Collection, Sequence

log = logging.getLogger("harness.grid")

ASK_S = 10.0
"""Seconds between two questions to Slurm."""

GONE_S = 15.0
"""Seconds that a job must have left the queue before it counts as lost: its result may come late."""

USUAL_ARRAY = 1000
"""Elements of the largest job array where Slurm does not say it."""

COMMAND_S = 60.0

HELD = ("held", "Held")
"""In the reason of a job that waits until somebody releases it."""


class Queue:
    """Which of some jobs are in the queue."""

    def __init__(self, ids: Sequence[str]) -> None:
        self.ids = list(ids)
        self._asked = float("-inf")
        self._there = set(self.ids)
        self._missed: dict[str, float] = {}
        self._said: set[str] = set()

    def waiting_or_running(self) -> set[str]:
        """The jobs that are in the queue now; all of them where Slurm does not answer."""
        answer = _states(self.ids)
        self._there = set(self.ids) if answer is None else set(self.ids) & answer.keys()
        self._asked = time.monotonic()
        for job_id in self._there:
            reason = "" if answer is None else answer[job_id]
            if any(word in reason for word in HELD) and job_id not in self._said:
                self._said.add(job_id)
                log.warning(
                    "the Slurm job %s waits until it is released (%s): scontrol release %s, or scancel %s",
                    job_id, reason, job_id, job_id,
                )  # fmt: skip
        return self._there

    def left_long_ago(self, ids: Collection[str]) -> list[str]:
        """Those of the jobs that left the queue more than `GONE_S` ago; asks every `ASK_S` only."""
        if time.monotonic() - self._asked >= ASK_S:
            there, now = self.waiting_or_running(), time.monotonic()
            self._missed = {one: self._missed.get(one, now) for one in self.ids if one not in there}
        return [one for one in ids if time.monotonic() - self._missed.get(one, float("inf")) >= GONE_S]


def cancel(ids: Sequence[str]) -> None:
    """Cancels jobs; those that have ended are passed over."""
    _ask(["scancel", "--quiet", *ids])


def max_array_size() -> int:
    """Elements of the largest job array."""
    found = re.search(r"^MaxArraySize\s*=\s*(\d+)", _ask(["scontrol", "show", "config"]) or "", re.MULTILINE)
    return max(1, int(found[1]) - 1) if found is not None else USUAL_ARRAY


def why_it_ended(job_id: str) -> str:
    """What is known of a job that has left the queue without a result; more with accounting."""
    lines = (_ask(["sacct", "-X", "-n", "-P", "-j", job_id, "-o", "State,ExitCode"]) or "").split("\n")
    state, _, code = lines[0].strip().partition("|")
    if not state:
        return f"the Slurm job {job_id} left the queue without a result: cancelled, out of memory or lost"
    return f"the Slurm job {job_id} ended without a result: {state}, exit code {code}"


def _states(ids: Sequence[str]) -> dict[str, str] | None:
    """State and reason of each job in the queue; None where Slurm does not answer."""
    jobs = ",".join(sorted({one.partition("_")[0] for one in ids}))
    answer = _ask(["squeue", "--array", "--noheader", "--format=%i|%T %r", f"--jobs={jobs}"])
    if answer is None:
        return None
    rows = (line.strip().partition("|") for line in answer.splitlines() if "|" in line)
    return {one: state for one, _, state in rows}


def _ask(command: Sequence[str]) -> str | None:
    """The output of a command; empty where all jobs are forgotten, None where it fails otherwise."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=COMMAND_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    if done.returncode == 0:
        return done.stdout
    return "" if "Invalid job id" in done.stderr else None
