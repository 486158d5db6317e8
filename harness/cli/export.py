"""`harness export FOLDER --to FORMAT`: results in the formats of other tools."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness.cli.arguments import results_dir_of
from harness.cli.terminal import say
from harness.experiment.errors import ConfigError

FORMATS = ("csv", "parquet", "latex", "tensorboard")

HELP = """\
usage: harness export [FOLDER | results_dir=FOLDER] --to FORMAT [--out FOLDER]

Writes the runs of a results folder for other tools, into a new or empty folder; prints the paths.

formats:
  csv                              runs.csv, steps.csv, and a table for each probe, such as gradflow.csv
  parquet                          the same as Parquet files; needs pip install 'seqharness[parquet]'
  latex                            settings.tex, a table of all settings with the rules of booktabs
  tensorboard                      curves and settings of each run; needs 'seqharness[tensorboard]'
keys:
  results_dir=FOLDER               the results folder; without it: results
flags:
  --to FORMAT                      one of them
  --out FOLDER                     where to; without it: FOLDER/export/FORMAT

examples:
  harness export --to latex
  harness export results/mine --to tensorboard --out runs"""


def main(arguments: list[str]) -> int:
    """Writes the files and prints their paths."""
    options, rest = _options(arguments)
    results_dir = results_dir_of("export", rest)
    kind = options.get("--to", "")
    if kind not in FORMATS:
        given = f"not {kind!r}" if kind else "and none is given"
        raise ConfigError(f"export needs --to and one of {', '.join(FORMATS)}, {given}")
    out = Path(options.get("--out", results_dir / "export" / kind))
    if out.is_file() or (out.is_dir() and any(out.iterdir())):
        raise ConfigError(f"{out} exists: give a new or empty folder with --out, or remove it")
    from harness.results import load_runs, require_runs
    from harness.results.export import MissingPackageError

    try:
        require_runs(load_runs(results_dir), results_dir)
        out.mkdir(parents=True, exist_ok=True)
        paths = _write(kind, results_dir, out)
    except (FileNotFoundError, MissingPackageError) as error:
        raise ConfigError(str(error)) from None
    for path in paths:
        say(path)
    return 0


def _write(kind: str, results_dir: Path, out: Path) -> Sequence[Path]:
    if kind == "latex":
        from harness.report.latex_table import write_latex

        return [write_latex(results_dir, out)]
    if kind == "tensorboard":
        from harness.results.tensorboard import write_tensorboard

        return write_tensorboard(results_dir, out)
    from harness.results.export import write_csv, write_parquet

    return (write_csv if kind == "csv" else write_parquet)(results_dir, out)


def _options(arguments: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """The values of `--to` and `--out`, with `=` or a space before them, and the other arguments."""
    options: dict[str, str] = {}
    rest: list[str] = []
    pending = iter(arguments)
    for argument in pending:
        flag, equals, value = argument.partition("=")
        if flag not in ("--to", "--out"):
            rest.append(argument)
            continue
        value = value if equals else next(pending, "")
        if not value or value.startswith("--") or flag in options:
            raise ConfigError(
                f"{flag} takes one value, such as {flag} {'csv' if flag == '--to' else 'exported'}"
            )
        options[flag] = value
    return options, rest
