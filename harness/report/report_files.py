"""The report of a results folder: tables, summary, every figure that its runs have data for, and the page."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from harness.report.current import hash_of_sources, remember
from harness.report.draw_all import Drawing, draw_all
from harness.report.figure_files import DEFAULT_FORMATS, remove_stale
from harness.report.figure_spec import ReportData
from harness.report.figures import figures_of
from harness.report.findings import Finding, find
from harness.report.page import NO_LOOKUPS, Lookups, PageData, write_page
from harness.report.page_style import SCREEN, PageStyle
from harness.report.side_tables import SideTables
from harness.report.style import cell_styles
from harness.report.summary import write_summary
from harness.results.repeats import labelled
from harness.results.tables import gather, load_gradflow, load_steps, require_runs
from harness.results.tuning import TUNING_FILE, load_tuning, tuning_runs


@dataclass(frozen=True)
class Report:
    """What a report has written, and what it has found."""

    page: Path
    """`report.html`."""
    findings: tuple[Finding, ...]
    tables: tuple[Path, ...]
    figures: tuple[Path, ...]
    """Their files in all formats, those of the timing pass last."""


def make_report(
    results_dir: str | Path = "results",
    lookups: Lookups = NO_LOOKUPS,
    formats: Sequence[str] = DEFAULT_FORMATS,
    page_style: PageStyle = SCREEN,
) -> Report:
    """Writes `runs.csv`, `steps.csv`, `summary.md`, `figures/` and `report.html` into `results_dir`.

    Args:
        results_dir: a results folder.
        lookups: what the page asks about configs and tasks.
        formats: of the figures, keys of `FORMATS`, with `png`, which the page shows.
        page_style: sizes of pages and type of the figures.

    Raises:
        FileNotFoundError: the folder does not exist or holds no finished run.
        NewerSchemaError: a later version of this package wrote one of the rows.
    """
    results_dir = Path(results_dir)
    made_of = hash_of_sources(results_dir)
    runs = require_runs(gather(results_dir), results_dir)
    tuning = load_tuning(results_dir)
    tables = [results_dir / "runs.csv", results_dir / "steps.csv"]
    tables += [results_dir / TUNING_FILE] if len(tuning) else []
    steps, gradflow = load_steps(results_dir, runs), load_gradflow(results_dir, runs)
    whole = report_data(results_dir, runs, steps, gradflow)
    figures = _write_figures(results_dir, dataclasses.replace(whole, page_style=page_style), formats)
    findings = tuple(find(whole, [path.stem for path in figures]))
    tables.append(write_summary(results_dir, runs, tuning, findings))
    figures += sorted((results_dir / "figures").glob("speed-*"))
    drawn = [path for path in figures if path.suffix == ".png"]
    page = write_page(PageData(results_dir, runs, drawn, findings, lookups, figures_of(whole)))
    remember(results_dir, made_of, [page, *(path for path in tables if path.name != TUNING_FILE), *figures])
    return Report(page, findings, tuple(tables), tuple(figures))


def write_report(
    results_dir: str | Path = "results",
    lookups: Lookups = NO_LOOKUPS,
    formats: Sequence[str] = DEFAULT_FORMATS,
    page_style: PageStyle = SCREEN,
) -> list[Path]:
    """`make_report`, for the paths of what it has written: the page, the tables, the figures."""
    report = make_report(results_dir, lookups, formats, page_style)
    return [report.page, *report.tables, *report.figures]


def report_data(
    results_dir: str | Path,
    runs: pd.DataFrame,
    steps: pd.DataFrame | None = None,
    gradflow: pd.DataFrame | None = None,
) -> ReportData:
    """What figures and findings are made from: the runs that are compared, and those that chose values.

    Args:
        results_dir: a results folder.
        runs: as `load_runs` returns them.
        steps: the evaluations, as `load_steps` returns them; None: not needed.
        gradflow: the gradient flow, as `load_gradflow` returns it; None: not needed.
    """
    final = runs["stage"] != "tune"
    known, tuning = labelled(runs[final]), labelled(tuning_runs(runs[~final], load_tuning(results_dir)))
    styles = cell_styles([*known["label"], *tuning["label"]])
    none = pd.DataFrame()
    return ReportData(
        known,
        none if steps is None else steps,
        none if gradflow is None else gradflow,
        styles,
        tuning,
        SideTables(Path(results_dir), known),
    )


def write_figures(
    results_dir: str | Path,
    runs: pd.DataFrame,
    steps: pd.DataFrame,
    gradflow: pd.DataFrame,
    formats: Sequence[str] = DEFAULT_FORMATS,
    page_style: PageStyle = SCREEN,
) -> list[Path]:
    """Writes every figure that applies into `results_dir/figures`; removes those of an earlier report.

    Args:
        results_dir: a results folder.
        runs: as `load_runs` returns them; likewise `steps` and `gradflow`.
        steps: the evaluations.
        gradflow: the gradient flow.
        formats: keys of `FORMATS`; a file each.
        page_style: sizes of pages and type.

    Returns:
        The paths of the figures, in the order of drawing.
    """
    whole = report_data(results_dir, runs, steps, gradflow)
    return _write_figures(results_dir, dataclasses.replace(whole, page_style=page_style), formats)


def _write_figures(results_dir: str | Path, whole: ReportData, formats: Sequence[str]) -> list[Path]:
    folder = Path(results_dir) / "figures"
    folder.mkdir(parents=True, exist_ok=True)
    paths = draw_all(Drawing(whole, folder, formats))
    remove_stale(folder, "*", [*paths, *folder.glob("speed-*")])
    return paths
