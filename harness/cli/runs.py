"""`harness runs [KEY=VALUE …]`: lists the runs of a results folder, or deletes some."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.cli.aligned import aligned
from harness.cli.arguments import existing_results_dir, take_flag
from harness.cli.terminal import say
from harness.experiment.errors import ConfigError

HELP = """\
usage: harness runs [COLUMN=VALUE ...] [results_dir=FOLDER]
       harness runs COLUMN=VALUE ... --delete [--yes]

Lists runs, the earliest first. A filter is a column of runs.csv and a value, or several with commas
between them. A run without a row has the status begun, one with a damaged row the status corrupt.
With --delete it shows what it would delete, and deletes it only with --yes.

keys:
  cell=gru  task=adding  seed=1,2  status=failed  lr=0.003  ...
  setting=HASH                     runs that differ in the seed only
  run_id=BEGINNING                 one run, by its run_id or the beginning of it
  results_dir=FOLDER               the results folder; without it: results
flags:
  --delete                         show the folders and their size
  --delete --yes                   delete these folders
  --all                            every run, where --delete has no filter

examples:
  harness runs cell=gru status=failed
  harness runs run_id=adding-gru-h64 --delete"""

IN_ROW_ALONE = ("other_lengths", "tables", "files", "class_names", "symbols")
"""Entries of a row that are no columns."""

SHOWN = ("run_id", "status", "test_accuracy", "steps", "train_s", "started_at")

Row = dict[str, Any]


def main(arguments: list[str]) -> int:
    """Lists the runs that the filters leave, or deletes them."""
    delete, rest = take_flag(arguments, "--delete")
    yes, rest = take_flag(rest, "--yes")
    everything, rest = take_flag(rest, "--all")
    filters, results_dir = _filters(rest)
    existing_results_dir("runs", results_dir)
    if yes and not delete:
        raise ConfigError("--yes goes with --delete")
    if delete and not filters and not everything:
        raise ConfigError("--delete needs a filter, such as status=failed, or --all for every run")
    rows = read_rows(results_dir)
    chosen = select(rows, filters)
    if not chosen:
        say(_nothing(rows, filters, results_dir))
        return 0
    if delete:
        from harness.cli.delete_runs import delete_runs

        return delete_runs(results_dir, [row["run_id"] for row in chosen], yes=yes)
    say(table(chosen))
    say(f"{len(chosen)} of {len(rows)} runs in {results_dir}")
    return 0


def read_rows(results_dir: Path) -> list[Row]:
    """The row of each run folder, the earliest first; only `run_id` and `status` where it has none."""
    from harness.results import store

    rows: list[Row] = []
    folder = store.runs_dir(results_dir)
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if not path.is_dir() or not any((path / name).exists() for name in ("config.yaml", "row.json")):
            continue  # no run of this package: a folder of another program may have this name
        try:
            row = store.read_row(path) or {"run_id": path.name, "status": "begun"}
        except store.CorruptRowError:
            row = {"run_id": path.name, "status": "corrupt"}
        rows.append(row.get("other_lengths", {}) | row)
    return sorted(rows, key=lambda row: str(row.get("started_at") or "~"))  # "~": those without come last


def select(rows: Sequence[Row], filters: Mapping[str, Sequence[str]]) -> list[Row]:
    """The rows that every filter leaves.

    Raises:
        ConfigError: a filter is no column, or a `run_id` is the beginning of several.
    """
    from harness.experiment.suggestions import did_you_mean, nearest_key
    from harness.results import COLUMNS

    extra = sorted({key for row in rows for key in row} - {*COLUMNS, *IN_ROW_ALONE})
    columns = [name for name in (*COLUMNS, *extra) if name != "config"]
    chosen = list(rows)
    for key, values in filters.items():
        if key not in columns:
            hint = did_you_mean(nearest_key(key, columns))
            raise ConfigError(f"unknown column {key!r}, there are {', '.join(columns)}, results_dir{hint}")
        if key == "run_id":
            ids = {run_id for value in values for run_id in _run_ids(value, rows)}
            chosen = [row for row in chosen if row["run_id"] in ids]
        else:
            chosen = [row for row in chosen if any(equals(row.get(key), value) for value in values)]
    return chosen


def equals(actual: Any, wanted: str) -> bool:
    """Whether a value of a row is the one that is written on the command line.

    >>> equals(0.003, "3e-3"), equals(1, "1"), equals(True, "true"), equals(None, "null"), equals("gru", "g")
    (True, True, True, True, False)
    """
    if actual is None or isinstance(actual, bool):
        return str(actual).lower() == {"null": "none"}.get(wanted.lower(), wanted.lower())
    if isinstance(actual, int | float):
        try:
            return float(wanted) == actual
        except ValueError:
            return False
    return str(actual) == wanted


def table(rows: Iterable[Row]) -> str:
    """The rows as aligned text, with a head line."""
    lines = [[name.replace("_", " ") if name != "run_id" else name for name in SHOWN]]
    for row in rows:
        lines.append([_shown(name, row.get(name)) for name in SHOWN])
    return aligned(lines, [SHOWN.index("run_id"), SHOWN.index("status")])


def _shown(name: str, value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.4f}" if name == "test_accuracy" else f"{value:.1f}"
    return str(value)


def _run_ids(beginning: str, rows: Sequence[Row]) -> list[str]:
    from harness.results.find_run import ids_that_begin, some_of

    found = ids_that_begin(beginning, [row["run_id"] for row in rows])
    if len(found) > 1:
        raise ConfigError(f"run_id={beginning} begins {some_of(found)}: give more of it")
    return found


def _filters(arguments: Sequence[str]) -> tuple[dict[str, list[str]], Path]:
    filters: dict[str, list[str]] = {}
    results_dir = Path("results")
    for argument in arguments:
        key, _, value = argument.partition("=")
        if argument.startswith("-") or not value:
            hint = f": did you mean results_dir={argument}?" if Path(argument).is_dir() else ""
            raise ConfigError(f"runs takes COLUMN=VALUE, --delete, --yes and --all, not {argument!r}{hint}")
        if key == "results_dir":
            results_dir = Path(value)
        else:
            filters[key] = value.split(",")
    return filters, results_dir


def _nothing(rows: Sequence[Row], filters: Mapping[str, Sequence[str]], results_dir: Path) -> str:
    """Why nothing was selected: the values there are of the first filter that leaves none."""
    if not rows:
        return f"no runs in {results_dir}"
    for key, values in filters.items():
        if key != "run_id" and not select(rows, {key: values}):
            there = sorted({str(row[key]) for row in rows if row.get(key) is not None})
            listed = ", ".join(there[:12]) + (", …" if len(there) > 12 else "")
            return f"no run in {results_dir} has {key}={','.join(values)}; there are: {listed or 'none'}"
    given = " ".join(f"{key}={','.join(values)}" for key, values in filters.items())
    return f"none of {len(rows)} runs in {results_dir} has {given}"
