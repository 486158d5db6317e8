"""The whole report of a results folder: the tables, the summary and every figure that its runs can carry."""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from harness.report.figures.cost import accuracy_time_pages, time_pages
from harness.report.figures.curves import grad_norm_pages, learning_pages, loss_pages
from harness.report.figures.gradient_flow import flow_pages
from harness.report.figures.heatmap import heatmap_pages
from harness.report.figures.swept import accuracy_page, loss_page
from harness.report.layout import is_ours, save_pages
from harness.report.style import CellStyle, cell_styles
from harness.report.summary import write_summary
from harness.results.machine import provenance
from harness.results.repeats import IDENTITY, cell_labels, labelled
from harness.results.store import mark, runs_dir, write_atomically
from harness.results.tables import gather, load_gradflow, load_steps, require_runs

log = logging.getLogger("harness.report")

MARKER = ".report"
"""In a results folder: of which rows its tables and figures were made."""

Pages = list[Figure]


def write_report(results_dir: str | Path = "results") -> list[Path]:
    """Writes `runs.csv`, `steps.csv`, `summary.md`, `figures/*.png` into `results_dir`; returns their paths.

    Raises:
        FileNotFoundError: the folder does not exist or holds no finished run.
    """
    results_dir = Path(results_dir)
    state = _state(results_dir)
    runs = require_runs(gather(results_dir), results_dir)
    tables = [results_dir / "runs.csv", results_dir / "steps.csv", write_summary(results_dir, runs)]
    steps, gradflow = load_steps(results_dir, runs), load_gradflow(results_dir, runs)
    paths = tables + write_figures(results_dir, runs, steps, gradflow)
    write_atomically(results_dir / MARKER, state)
    return paths


def is_current(results_dir: str | Path) -> bool:
    """Whether the report was made of just the rows that are there now, by this version of the harness."""
    results_dir = Path(results_dir)
    there = [results_dir / name for name in (MARKER, "runs.csv", "steps.csv", "summary.md", "figures")]
    if not all(path.exists() for path in there):
        return False
    return (results_dir / MARKER).read_text(encoding="utf-8") == _state(results_dir)


def _state(results_dir: Path) -> str:
    """Changes with every row that comes, goes or is written again, and with the harness."""
    known = provenance()
    rows = sorted(runs_dir(results_dir).glob("*/row.json"))
    lines = [f"{path.parent.name} {mark(path)}" for path in rows]
    text = "\n".join([known["harness"], str(known["git_commit"]), *lines])
    return hashlib.sha256(text.encode()).hexdigest() + "\n"


def write_figures(
    results_dir: str | Path, runs: pd.DataFrame, steps: pd.DataFrame, gradflow: pd.DataFrame
) -> list[Path]:
    """Writes every figure that the runs can carry into `results_dir/figures`; removes its earlier ones.

    A figure without anything to show is skipped, and the log says so.

    Args:
        results_dir: a results folder.
        runs: as `load_runs` returns them; likewise `steps` and `gradflow`.
        steps: the evaluations.
        gradflow: the gradient flow.

    Returns:
        The paths of the figures, in the order of drawing.
    """
    folder = Path(results_dir) / "figures"
    folder.mkdir(parents=True, exist_ok=True)
    paths: list[Path] = []
    for name, pages in _figures(runs, steps, gradflow):
        if pages:
            paths += save_pages(pages, folder, name)
        else:
            log.info("no figure %s: no run that is ok has what it shows", name)
    for other in set(folder.glob("*.png")) - set(paths):
        if not other.name.startswith("speed-") and is_ours(
            other
        ):  # of an earlier report: it would be taken for a figure of these runs
            other.unlink()
    return paths


def _figures(runs: pd.DataFrame, steps: pd.DataFrame, gradflow: pd.DataFrame) -> Iterator[tuple[str, Pages]]:
    """Every figure by name, drawn when it is asked for, so that one page at a time is in memory."""
    styles = cell_styles(cell_labels(runs))
    whole: dict[str, Callable[[], Pages]] = {
        "accuracy_vs_length": lambda: accuracy_page(runs, "seq_len", styles),
        "loss_vs_length": lambda: loss_page(runs, styles),
        "accuracy_heatmap": lambda: heatmap_pages(runs),
        "accuracy_vs_hidden_size": lambda: accuracy_page(runs, "hidden_size", styles, at_least=3),
        "accuracy_vs_lr": lambda: accuracy_page(runs, "lr", styles, at_least=2),
        "accuracy_vs_batch_size": lambda: accuracy_page(runs, "batch_size", styles, at_least=2),
        "time_per_step": lambda: time_pages(runs, "seq_len", styles),
        "time_per_step_vs_hidden_size": lambda: time_pages(runs, "hidden_size", styles, at_least=2),
        "accuracy_vs_time": lambda: accuracy_time_pages(runs, styles),
    }
    for name, pages in whole.items():
        yield name, pages()
    for task, group in _by_task(runs):
        yield from _task_figures(task, group, steps, gradflow, styles)


def _task_figures(
    task: str,
    runs: pd.DataFrame,
    steps: pd.DataFrame,
    gradflow: pd.DataFrame,
    styles: dict[str, CellStyle],
) -> Iterator[tuple[str, Pages]]:
    mine = {cell: style for cell, style in styles.items() if (runs["label"] == cell).any()}
    yield f"learning_curves-{task}", learning_pages(runs, steps, mine)
    yield f"loss_curves-{task}", loss_pages(runs, steps, mine)
    yield f"grad_norm-{task}", grad_norm_pages(runs, steps, mine)
    flows = flow_pages(runs, gradflow, mine) or {"": []}
    for suffix, pages in flows.items():
        yield f"gradient_flow-{task}{suffix}", pages


def _by_task(runs: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """The runs of each task, variant, source and condition, by a file name as short as it can be."""
    known = labelled(runs)
    keys = [*IDENTITY, "condition"]
    groups = list(known.groupby(keys, dropna=False))
    named: dict[str, pd.DataFrame] = {}
    for place, group in groups:
        alike = [other for other, _ in groups if other[0] == place[0]]
        parts = [place[0], *(p for i, p in enumerate(place[1:], 1) if len({other[i] for other in alike}) > 1)]
        name = re.sub(r"[^A-Za-z0-9._]+", "-", "-".join(map(str, parts))).strip("-")[:100]
        while name in named:
            name += "_"
        named[name] = group
    return list(named.items())
