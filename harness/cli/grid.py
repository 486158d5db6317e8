"""`harness -m KEY=VALUE1,VALUE2 …`: a grid of runs."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.cli.arguments import MULTIRUN_FLAGS, counted, overrides_of, take_flag
from harness.cli.run import row_of
from harness.cli.terminal import say
from harness.experiment.errors import ConfigError, short_path

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from harness.experiment.combinations import Job

HELP = """\
usage: harness -m KEY=VALUE1,VALUE2 ... [--dry-run] [--detach] [--config-dir FOLDER]
       harness -m experiment=NAME ...

Makes a run for each combination of values, several at a time, then writes the report. With a node
`tune` (docs/hydra.md) it first chooses values such as the learning rate for each setting, on other seeds.
The same command resumes a grid: finished runs are skipped, failed and interrupted runs are tried again.

keys: every key of a run (harness run --help), each with one value or several; besides them
  experiment=NAME                  a grid from a yaml file: `harness list` prints the names
  seed=1,2,3                       repeats; 'task.seq_len=range(10,60,10)' is a range
  hydra.launcher.n_jobs=N          runs at a time; without it one a core, with device=cuda one a GPU
flags:
  --dry-run                        list the runs and the expected time; write nothing
  --detach                         with hydra/launcher=slurm: submit and return
  --config-dir FOLDER              look for task/, cell/ and experiment/ yaml files there too

examples:
  harness -m experiment=default results_dir=results
  harness -m task=adding task.seq_len=50,100 cell=rnn,lstm,gru seed=1,2,3"""

NEEDS = (
    "a grid needs an experiment, or keys with several values: harness -m experiment=smoke, or "
    "harness -m task=adding cell=rnn,lstm,gru seed=1,2,3"
)


def main(arguments: list[str]) -> int:
    """Makes the runs of a grid that are not finished, reports, and prints the counts."""
    dry, rest = take_flag(arguments, "--dry-run")
    detach, rest = take_flag(rest, "--detach")
    flags = ["--dry-run", "--detach"]
    overrides = overrides_of("grid", [item for item in rest if item not in MULTIRUN_FLAGS], flags)
    if all(item.startswith(("hydra.", "hydra/")) for item in overrides):
        raise ConfigError(NEEDS)
    from harness.experiment.clusters.remote_jobs import DetachedError
    from harness.experiment.combinations import combinations_of, compose_master, plan_jobs
    from harness.experiment.grid import run_grid
    from harness.experiment.tuning import plan_stages
    from harness.experiment.workers import release_workers
    from harness.kernels.disk_cache import why_not_cached

    if detach and "hydra/launcher=slurm" not in overrides:
        raise ConfigError("--detach needs hydra/launcher=slurm: other launchers end with the command")
    if detach:
        overrides.append("hydra.launcher.detach=true")
    if dry:
        from harness.cli.dry_run import dry_run_text, stages_text

        master, of_sweeper = compose_master(overrides)
        stages = plan_stages(master, of_sweeper)
        if stages is None:
            jobs = plan_jobs(master, combinations_of(master.hydra.sweeper.get("params"), of_sweeper))
        workers = _places(master, [*stages.tuning] if stages is not None else jobs)
        say(dry_run_text(jobs, workers) if stages is None else stages_text(stages, workers))
        return 0
    if (reason := why_not_cached()) is not None:  # workers say it in the logs of their runs alone
        say(reason, sys.stderr)
    try:
        folders = run_grid(overrides)
    except DetachedError as submitted:
        say(str(submitted))
        return 0
    finally:
        release_workers()  # also when a row cannot be written: the process would wait for them
    rows = {folder: row_of(folder) for folder in folders}
    for results_dir in sorted({folder.parents[1] for folder in folders}):
        if any(results_dir.glob("runs/*/row.json")):
            _print_report(Path(short_path(results_dir)))
    counts = Counter(row["status"] for row in rows.values())
    tuning = sum(row.get("stage") == "tune" for row in rows.values())
    of_tuning = f" ({tuning} for tuning)" if tuning else ""
    by_status = ", ".join(f"{n} {status}" for status, n in counts.most_common())
    say(f"{counted(len(folders), 'run')}{of_tuning}: {by_status}")
    for folder, row in rows.items():
        if row["status"] != "ok":
            say(f"  {folder.name}: {row['status']}, {row['error']}")
    if counts.keys() & {"failed", "interrupted", "not run"}:
        say("the same command tries these again")
    return 0 if all(_as_asked(row) for row in rows.values()) else 1


def _places(master: DictConfig, jobs: Sequence[Job]) -> int:
    """Runs at a time."""
    from harness.experiment.places import choose_places

    try:
        devices = {str(job.plan.device) for job in jobs}
        return len(choose_places(master.hydra.launcher.get("n_jobs", 1), devices))
    except ValueError as error:
        raise ConfigError(str(error)) from None


def _as_asked(row: dict[str, Any]) -> bool:
    """Whether a run is no reason for exit code 1: a value that diverges while tuning is just a bad one."""
    return row["status"] == "ok" or (row["status"] == "diverged" and row.get("stage") == "tune")


def _print_report(results_dir: Path) -> None:
    """Prints what the runs show and where the page is, written again unless it shows these very rows."""
    from harness.cli.report import report_text, write
    from harness.report import is_current
    from harness.report.page import PAGE_FILE
    from harness.results.locks import hold
    from harness.results.store import runs_dir

    with hold(runs_dir(results_dir), timeout=-1):  # two grids on one folder end together
        if is_current(results_dir):
            say(f"the report is up to date: {results_dir / PAGE_FILE}")
        else:
            say(report_text(write(results_dir)))
