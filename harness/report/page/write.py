"""Writes the page: gathers its models, renders the template, and puts style and scripts inside."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import pandas as pd
from markupsafe import Markup

from harness.report.figure_spec import FigureSpec
from harness.report.findings.finding import Finding
from harness.report.page.absent import EMPTY_MEANS, LEGEND, does_not_apply
from harness.report.page.answer import said_of, shown_figures, topic_blocks
from harness.report.page.details import ALL_UP_TO, MOST, details_payload, runs_with_details
from harness.report.page.encode import encoded, packed, script_json
from harness.report.page.explore import explore_payload
from harness.report.page.lookups import NO_LOOKUPS, Lookups
from harness.report.page.pairs_table import pairs_table
from harness.report.page.runs_table import FACETS, runs_table
from harness.report.page.settings_table import settings_table
from harness.report.page.static_figures import static_figures
from harness.report.page.table import PageTable
from harness.report.page.vega import vega_script
from harness.report.page.what_was_run import failures, grid_facts, machine_facts, task_definitions
from harness.report.style import cell_styles
from harness.results.repeats import labelled, varying_settings
from harness.results.schema import EvalRow, RunRecord, columns_of
from harness.results.store import write_atomically

PAGE_FILE = "report.html"

SCRIPTS = ("columns.js", "tables.js", "filters.js", "chart.js", "explore.js", "details.js", "start.js")
"""Of `assets`, in the order in which they stand in the page as one script."""


@dataclass(frozen=True, eq=False)
class PageData:
    """What a page is made of."""

    results_dir: Path
    runs: pd.DataFrame
    """The rows of `load_runs`."""
    figures: Sequence[Path] = ()
    """The PNG files that the report has drawn."""
    findings: Sequence[Finding] = ()
    lookups: Lookups = NO_LOOKUPS
    specs: Sequence[FigureSpec] = ()
    """What the report can draw, for questions and captions."""


def write_page(data: PageData) -> Path:
    """Writes `report.html` into the results folder, whole or not at all, and returns its path."""
    path = data.results_dir / PAGE_FILE
    text = (
        page_html(data).encode("utf-8", errors="replace").decode("utf-8")
    )  # a row may hold half a surrogate
    write_atomically(path, text)
    return path


def page_html(data: PageData) -> str:
    """The whole page."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = environment.from_string(_asset("page.html.j2"))
    script = Markup(f"(() => {{\n{''.join(map(_asset, SCRIPTS))}}})();")
    scripts = [vega_script(), script]
    return template.render(
        **_models(data), style=Markup(_asset("page.css")), scripts=scripts,
        script_hashes=" ".join(map(_source_hash, scripts)),
    )  # fmt: skip


def _models(data: PageData) -> dict[str, Any]:
    """The variables of the template."""
    runs = labelled(data.runs)
    final = data.runs[data.runs["stage"] != "tune"]
    varying = varying_settings(final)
    grid = grid_facts(runs, varying)
    tables = [settings_table(final), pairs_table(final), runs_table(runs)]
    figures = static_figures(data.figures, data.specs, runs["task"].unique(), said_of(data.findings))
    blocks = topic_blocks(data.findings, figures)
    detailed = runs_with_details(data.runs)
    details = details_payload(data.results_dir, detailed)
    return {
        "title": _title(runs),
        "glance": grid[:1],
        "blocks": blocks,
        "figures": figures,
        "beside_findings": shown_figures(blocks),
        "tables": tables,
        "legend": LEGEND,
        "grid": grid,
        "machine": machine_facts(runs),
        "failures": failures(runs),
        "not_ok": int((runs["status"] != "ok").sum()),
        "tasks": task_definitions(runs, data.lookups),
        "definitions": _definitions(details),
        "details_note": details_note(len(runs), len(detailed)),
        "payload": script_json(_payload(runs, varying, tables, data.lookups)),
        "details": packed(details),
    }


def _payload(
    runs: pd.DataFrame, varying: pd.DataFrame, tables: Sequence[PageTable], lookups: Lookups
) -> dict[str, Any]:
    commands = [lookups.command_of(json.loads(text or "{}")) for text in runs["config"]]
    absent = {
        name: [place for place, flag in enumerate(mask) if flag]
        for name, mask in does_not_apply(runs).items()
    }
    return {
        "tables": [table.payload() for table in tables],
        "facets": FACETS,
        "explore": explore_payload(runs, varying, cell_styles(runs["label"])),
        "about": columns_of(RunRecord),
        "empty": EMPTY_MEANS,
        "absent": absent,
        "commands": encoded(commands) if commands else {"each": []},
    }


def _title(runs: pd.DataFrame) -> str:
    cells, tasks = runs["cell"].nunique(), list(runs["task"].unique())
    about = ", ".join(tasks[:3]) if len(tasks) <= 3 else f"{len(tasks)} tasks"
    return f"{cells} cell{'s' if cells > 1 else ''} on {about}"


def _definitions(details: dict[str, Any]) -> list[tuple[str, dict[str, str]]]:
    """Each table with its columns and their meanings."""
    known = [
        ("runs.csv: one row a run", columns_of(RunRecord)),
        ("steps.csv: one row an evaluation", columns_of(EvalRow)),
    ]
    others = {
        shape["name"]: shape["columns"]
        for shape in details["shapes"]
        if shape["name"] != "steps" and any(shape["columns"].values())
    }
    return known + [(f"{name}.csv: recorded by a probe", columns) for name, columns in others.items()]


def details_note(runs: int, detailed: int) -> str:
    """What the page says of a run whose curves it does not hold; empty where it holds all."""
    if detailed == runs:
        return ""
    which = "the median run of each setting" if detailed < MOST else f"{MOST} median runs"
    return (
        f"Above {ALL_UP_TO} runs the page holds the curves of {which} only; those of the others are in their "
        "folders."
    )


def _source_hash(script: Markup) -> str:
    """How a content security policy names an inline script."""
    digest = hashlib.sha256(script.encode("utf-8", errors="replace")).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _asset(name: str) -> str:
    return (files(__package__) / "assets" / name).read_text(encoding="utf-8")
