"""Every figure of a report, drawn and written: in this process, or side by side in several."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from joblib import cpu_count
from joblib.externals.loky import BrokenProcessPool, ProcessPoolExecutor

from harness.report.figure_files import name_part, save_pages
from harness.report.figure_spec import FigureSpec, ReportData
from harness.report.figures import figures_of
from harness.report.training_words import budget_sentence, training_sentences
from harness.results.repeats import IDENTITY

log = logging.getLogger("harness.report")

FEW_RUNS = 100
"""Runs up to which one process draws everything: the start of another takes two seconds of a processor."""

MOST_PROCESSES = 8


@dataclass(frozen=True, eq=False)
class Drawing:
    """What the figures of a report are drawn from, and where they go."""

    data: ReportData
    folder: Path
    formats: Sequence[str]


def draw_all(drawing: Drawing) -> list[Path]:
    """Draws every figure whose data are there.

    Returns:
        The paths of their files, in the order of `figures_of`: those of the folder, then task by task.
    """
    figures = list(wanted(drawing.data))
    processes = min(cpu_count(), MOST_PROCESSES, len(figures))
    if len(drawing.data.runs) <= FEW_RUNS or processes < 2:
        files = [_draw(drawing, figure) for figure in figures]
    else:
        files = _draw_side_by_side(drawing, figures, processes)
    for (name, _, _), paths in zip(figures, files, strict=True):
        if not paths:
            log.info("no figure %s: no run that is ok has the data it shows", name)
    return [path for paths in files for path in paths]


Named = tuple[str, FigureSpec, ReportData]
"""A figure with the name of its file and its data."""


def wanted(whole: ReportData) -> Iterator[Named]:
    """Every figure that may have data: first those of the folder, then task by task."""
    specs = figures_of(whole)
    yield from ((spec.name, spec, whole) for spec in specs if not spec.per_task)
    for task, runs in _by_task(whole.runs):
        styles = {cell: style for cell, style in whole.styles.items() if (runs["label"] == cell).any()}
        data = dataclasses.replace(whole, runs=runs, styles=styles)
        yield from ((f"{spec.name}-{task}", spec, data) for spec in specs if spec.per_task)


def _draw(drawing: Drawing, figure: Named) -> list[Path]:
    """Draws one figure; returns its files, none where its data are not there."""
    name, spec, data = figure
    if not spec.applies(data):
        return []
    trained = budget_sentence(data.tuning) if spec.of_tuning else training_sentences(data.runs)
    pages = spec.draw(data, f"{spec.caption} {trained}")
    return save_pages(pages, drawing.folder, name, spec.alt, drawing.formats, data.page_style)


def _draw_side_by_side(drawing: Drawing, figures: Sequence[Named], processes: int) -> list[list[Path]]:
    """Each worker gets the data once, and then places in the list of figures."""
    pool = ProcessPoolExecutor(max_workers=processes, initializer=_receive, initargs=(drawing,))
    try:
        return list(pool.map(_draw_received, range(len(figures))))
    except BrokenProcessPool:
        log.warning("a process that draws figures was killed; they are drawn one after the other")
        return [_draw(drawing, figure) for figure in figures]
    finally:
        pool.shutdown(wait=True, kill_workers=True)


_received: list[tuple[Drawing, list[Named]]] = []
"""In a worker: what it draws from, and its figures."""


def _receive(drawing: Drawing) -> None:
    _received[:] = [(drawing, list(wanted(drawing.data)))]


def _draw_received(place: int) -> list[Path]:
    [(drawing, figures)] = _received
    return _draw(drawing, figures[place])


def _by_task(runs: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """The runs of each task, variant, source and condition, by the shortest part of a file name."""
    groups = list(runs.groupby([*IDENTITY, "condition"], dropna=False))
    named: dict[str, pd.DataFrame] = {}
    for place, group in groups:
        alike = [other for other, _ in groups if other[0] == place[0]]
        parts = [place[0], *(p for i, p in enumerate(place[1:], 1) if len({other[i] for other in alike}) > 1)]
        name = name_part("-".join(map(str, parts))).strip("-")[:100]
        while name in named:
            name += "_"
        named[name] = group
    return list(named.items())
