"""`harness report [FOLDER]`: tables and figures of the runs in a results folder."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from harness.cli.arguments import results_dir_of, take_option
from harness.experiment.errors import ConfigError

HELP = """\
usage: harness report [FOLDER | results_dir=FOLDER] [--formats FORMATS] [--style STYLE]

Writes runs.csv, steps.csv, summary.md and figures/ of all runs in a results folder, and the figures of
`harness time` where it left a table there. Prints the path of each file. Trains nothing.

keys:
  results_dir=FOLDER               the results folder; without it: results
flags:
  --formats png,svg,pdf            file formats of the figures; without it: png
  --style paper                    smaller pages and type, for print; without it: screen

examples:
  harness report
  harness report results_dir=results/mine
  harness report --formats png,pdf --style paper"""


def main(arguments: list[str]) -> int:
    """Writes the report and prints the paths of its files."""
    formats, rest = take_option(arguments, "--formats", "png")
    style, rest = take_option(rest, "--style", "screen")
    folder = results_dir_of("report", rest)
    try:
        for path in write(folder, formats, style):
            print(path)
    except FileNotFoundError as error:
        raise ConfigError(str(error)) from None
    return 0


def write(results_dir: Path, formats: str = "png", style: str = "screen") -> list[Path]:
    """Writes tables and figures of runs and of the timing pass; returns their paths.

    Args:
        results_dir: a results folder.
        formats: of the figures, keys of `FORMATS` with commas between them.
        style: a key of `PAGE_STYLES`.

    Raises:
        ConfigError: there is no such format or style.
        FileNotFoundError: the folder holds no run with a row.
    """
    from harness.report import write_report
    from harness.report.figure_files import FORMATS
    from harness.report.page_style import PAGE_STYLES
    from harness.timing.figures import write_speed_figures

    asked = tuple(dict.fromkeys(formats.split(",")))
    for name in asked:
        _require("--formats", name, FORMATS)
    _require("--style", style, PAGE_STYLES)
    page_style = PAGE_STYLES[style]
    return [
        *write_report(results_dir, asked, page_style),
        *write_speed_figures(results_dir, asked, page_style),
    ]


def _require(option: str, name: str, known: Collection[str]) -> None:
    if name not in known:
        raise ConfigError(f"{option} takes {', '.join(known)}, not {name!r}")
