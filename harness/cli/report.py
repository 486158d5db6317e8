"""`harness report [FOLDER]`: tables and figures of the runs in a results folder."""

from __future__ import annotations

from pathlib import Path

from harness.cli.arguments import results_dir_of
from harness.experiment.errors import ConfigError

HELP = """\
usage: harness report [FOLDER | results_dir=FOLDER]

Writes runs.csv, steps.csv, summary.md and figures/ of all runs in a results folder, and the figures of
`harness time` where it left a table there. Prints the path of each file. Trains nothing.

keys:
  results_dir=FOLDER               the results folder; without it: results

examples:
  harness report
  harness report results_dir=results/mine"""


def main(arguments: list[str]) -> int:
    """Writes the report and prints the paths of its files."""
    folder = results_dir_of("report", arguments)
    try:
        for path in write(folder):
            print(path)
    except FileNotFoundError as error:
        raise ConfigError(str(error)) from None
    return 0


def write(results_dir: Path) -> list[Path]:
    """Writes tables and figures of runs and of the timing pass; returns their paths.

    Raises:
        FileNotFoundError: the folder holds no run with a row.
    """
    from harness.report import write_report
    from harness.timing.figures import write_speed_figures

    return [*write_report(results_dir), *write_speed_figures(results_dir)]
