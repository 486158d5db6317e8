"""`harness report [FOLDER]`: the page, tables and figures of the runs in a results folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from harness.cli.arguments import counted, results_dir_of, take_flag
from harness.experiment.errors import ConfigError

if TYPE_CHECKING:
    from harness.report import Report

HELP = """\
usage: harness report [FOLDER | results_dir=FOLDER] [--open]

Writes report.html, summary.md, runs.csv, steps.csv and figures/ of all runs in a results folder, and the
figures of `harness time` where it left a table there. Prints the first findings and the path of the page, one
file that needs no network. Trains nothing.

keys:
  results_dir=FOLDER               the results folder; without it: results
flags:
  --open                           open the page in the browser

examples:
  harness report --open
  harness report results_dir=results/mine"""

FIRST_FINDINGS = 3


def main(arguments: list[str]) -> int:
    """Writes the report, prints what it has found and where the page is."""
    opened, rest = take_flag(arguments, "--open")
    folder = results_dir_of("report", rest)
    try:
        report = write(folder)
    except FileNotFoundError as error:
        raise ConfigError(str(error)) from None
    print(report_text(report))
    if not opened:
        return 0
    import webbrowser

    if not webbrowser.open(report.page.resolve().as_uri()):
        print("no browser could be opened")
    return 0


def write(results_dir: Path) -> Report:
    """Writes the figures of the timing pass, then the report of the runs.

    Raises:
        FileNotFoundError: the folder holds no run with a row.
    """
    from harness.experiment.command import command_of
    from harness.experiment.task_texts import definition_of
    from harness.report import make_report
    from harness.report.page import Lookups
    from harness.timing.figures import write_speed_figures

    write_speed_figures(results_dir)
    return make_report(results_dir, Lookups(command_of, definition_of))


def report_text(report: Report) -> str:
    """The first findings, the path of the page, and what stands beside it."""
    lines = [finding.text for finding in report.findings[:FIRST_FINDINGS]]
    folder = report.page.parent
    beside = (
        f"{counted(len(report.figures), 'figure')} in {folder / 'figures'}/"
        if report.figures
        else "no figure"
    )
    return "\n".join([*lines, str(report.page), f"beside it: {beside}, summary.md, runs.csv, steps.csv"])
