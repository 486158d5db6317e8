"""`harness report [FOLDER]`: the page, tables and figures of the runs in a results folder."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from harness.cli.arguments import counted, results_dir_of, take_flag, take_option
from harness.cli.terminal import say
from harness.experiment.errors import ConfigError

if TYPE_CHECKING:
    from harness.report import Report

HELP = """\
usage: harness report [FOLDER | results_dir=FOLDER] [--open] [--formats FORMATS] [--style STYLE]

Writes report.html, summary.md, runs.csv, steps.csv and figures/ of all runs in a results folder, and the
figures of `harness time` where it left a table there. Prints the first findings and the path of the page, one
file that needs no network. Trains nothing.

keys:
  results_dir=FOLDER               the results folder; without it: results
flags:
  --open                           open the page in the browser
  --formats png,svg,pdf            file formats of the figures beside PNG, which the page shows
  --style paper                    smaller pages and type, for print; without it: screen

examples:
  harness report --open
  harness report results_dir=results/mine --formats svg,pdf --style paper"""

FIRST_FINDINGS = 3


def main(arguments: list[str]) -> int:
    """Writes the report, prints what it has found and where the page is."""
    opened, rest = take_flag(arguments, "--open")
    formats, rest = take_option(rest, "--formats", "png")
    style, rest = take_option(rest, "--style", "screen")
    folder = results_dir_of("report", rest)
    try:
        report = write(folder, formats, style)
    except FileNotFoundError as error:
        raise ConfigError(str(error)) from None
    say(report_text(report))
    if not opened:
        return 0
    import webbrowser

    if not webbrowser.open(report.page.resolve().as_uri()):
        say("no browser could be opened")
    return 0


def write(results_dir: Path, formats: str = "png", style: str = "screen") -> Report:
    """Writes the figures of the timing pass, then the report of the runs.

    Args:
        results_dir: a results folder.
        formats: of the figures, keys of `FORMATS` with commas between them.
        style: a key of `PAGE_STYLES`.

    Raises:
        ConfigError: there is no such format or style.
        FileNotFoundError: the folder holds no run with a row.
    """
    from harness.experiment.command import command_of
    from harness.experiment.task_texts import definition_of
    from harness.report import make_report
    from harness.report.figure_files import FORMATS
    from harness.report.page import Lookups
    from harness.report.page_style import PAGE_STYLES
    from harness.timing.figures import write_speed_figures

    asked = tuple(dict.fromkeys(["png", *formats.split(",")]))
    for name in asked:
        _require("--formats", name, FORMATS)
    _require("--style", style, PAGE_STYLES)
    page_style = PAGE_STYLES[style]
    write_speed_figures(results_dir, asked, page_style)
    return make_report(results_dir, Lookups(command_of, definition_of), asked, page_style)


def report_text(report: Report) -> str:
    """The first findings, the path of the page, and what stands beside it."""
    lines = [finding.text for finding in report.findings[:FIRST_FINDINGS]]
    folder = report.page.parent
    beside = (
        f"{counted(len(report.figures), 'figure file')} in {folder / 'figures'}/"
        if report.figures
        else "no figure"
    )
    return "\n".join([*lines, str(report.page), f"beside it: {beside}, summary.md, runs.csv, steps.csv"])


def _require(option: str, name: str, known: Collection[str]) -> None:
    if name not in known:
        raise ConfigError(f"{option} takes {', '.join(known)}, not {name!r}")
