"""`harness -m KEY=VALUE1,VALUE2 …`: a grid of runs."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from harness.cli.arguments import MULTIRUN_FLAGS, counted, overrides_of, take_flag
from harness.cli.run import row_of
from harness.experiment.errors import ConfigError

HELP = """\
usage: harness -m KEY=VALUE1,VALUE2 ... [--dry-run] [--config-dir FOLDER]
       harness -m experiment=NAME ...

Makes a run for each combination of values, several at a time, then writes tables and figures.
The same command resumes a grid: finished runs are skipped, failed and interrupted runs are tried again.

keys: every key of a run (harness run --help), each with one value or several; besides them
  experiment=NAME                  a grid from a yaml file: `harness list` prints the names
  seed=1,2,3                       repeats; 'task.seq_len=range(10,60,10)' is a range
  hydra.launcher.n_jobs=N          runs at a time; -1 is one a core
flags:
  --dry-run                        list the runs and the expected time; write nothing
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
    overrides = overrides_of("grid", [item for item in rest if item not in MULTIRUN_FLAGS], ["--dry-run"])
    if all(item.startswith(("hydra.", "hydra/")) for item in overrides):
        raise ConfigError(NEEDS)
    from harness.experiment.grid import expand, run_grid
    from harness.experiment.workers import number_of_workers, release_workers

    if dry:
        from harness.cli.dry_run import dry_run_text

        master, jobs = expand(overrides)
        try:
            workers = number_of_workers(master.hydra.launcher.get("n_jobs", 1))
        except ValueError as error:
            raise ConfigError(str(error)) from None
        print(dry_run_text(jobs, workers))
        return 0
    folders = run_grid(overrides)
    release_workers()
    rows = {folder: row_of(folder) for folder in folders}
    for results_dir in sorted({folder.parents[1] for folder in folders}):
        if any(results_dir.glob("runs/*/row.json")):
            _print_report(results_dir)
    counts = Counter(row["status"] for row in rows.values())
    print(
        f"{counted(len(folders), 'run')}: " + ", ".join(f"{n} {status}" for status, n in counts.most_common())
    )
    for folder, row in rows.items():
        if row["status"] != "ok":
            print(f"  {folder.name}: {row['status']}, {row['error']}")
    if counts.keys() & {"failed", "interrupted", "not run"}:
        print("the same command tries these again")
    return 0 if counts.keys() <= {"ok"} else 1


def _print_report(results_dir: Path) -> None:
    """Prints the paths of tables and figures, written again unless they show these very rows."""
    from harness.cli.report import write
    from harness.report import is_current

    if is_current(results_dir):
        print(f"tables and figures are up to date: {results_dir / 'summary.md'}, {results_dir / 'figures'}/")
        return
    for path in write(results_dir):
        print(path)
