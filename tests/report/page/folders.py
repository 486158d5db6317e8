"""Results folders that a page has to cope with."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pandas as pd

from harness.report.findings import Finding
from harness.report.page import PageData
from harness.report.page.write import page_html
from harness.results import COLUMNS, RunRecord, load_runs
from tests.report.synthetic import make_record, make_results, write_run
from tests.results.rows import FLOW, STEPS, rewrite

HOSTILE = (
    "</script><script>alert(1)</script><!-- <img src=x onerror=alert(2)> \"quoted\" 'single' $& ${x} "
    "{{ 7*7 }} &amp; \u2028 \\ ]]>"
)
"""Markup, quotes, and what templates, JSON and regular expressions could stumble over."""


def page_of(folder: Path, findings: tuple[Finding, ...] = ()) -> str:
    """The page of a folder, without figures."""
    return page_html(PageData(folder, load_runs(folder), (), findings))


def small_grid(folder: Path) -> Path:
    """Two tasks, two cells, two lengths, three seeds; a run diverged, one failed, one was for tuning."""
    make_results(
        folder, tasks=["mnist", "adding"], cells=["rnn", "gru"], hidden=[8], lengths=[28, 56],
        diverged=[("adding", "rnn", 8, 56, 1)],
    )  # fmt: skip
    nothing = dict.fromkeys(("test_accuracy", "test_loss", "steps", "train_s", "best_step"))
    write_run(
        folder, make_record(seed=7, status="failed", error="ValueError: no", chance_accuracy=None, **nothing)
    )
    tuning = {"stage": "tune", "test_accuracy": None, "test_loss": None}
    write_run(folder, make_record(seed=101, config={"stage": "tune"}, **tuning), STEPS, FLOW)
    return folder


def hostile(folder: Path) -> Path:
    """Markup in every text, numbers that are not finite, columns that are missing."""
    texts = {"error": HOSTILE, "variant": HOSTILE, "data_source": HOSTILE, "cpu": HOSTILE, "init": HOSTILE}
    write_run(folder, make_record(status="diverged", **texts), STEPS, FLOW)
    write_run(folder, make_record(seed=1, cell="<b>&cell", **texts), STEPS, FLOW)
    run_dir = write_run(folder, make_record(seed=2, **texts), STEPS, FLOW)
    row = json.loads((run_dir / "row.json").read_text())
    for name in ("train_s", "n_params", "gradflow_reach_end", "kernel", "started_at", "chance_accuracy"):
        del row[name]
    row |= {"test_loss": float("inf"), "grad_norm_mean": float("nan"), "gradflow_decades_end": float("-inf")}
    rewrite(run_dir / "row.json", row)
    (run_dir / "gradflow.csv").write_text("damaged")
    return folder


def many_runs(folder: Path, count: int) -> PageData:
    """The data of `count` runs, 5 seeds a setting; only their rows are there, not their folders."""
    write_run(folder, make_record(), STEPS, FLOW)
    record = load_runs(folder).iloc[0].to_dict()
    frame = pd.DataFrame([record] * count)
    number = pd.Series(range(count))
    setting = number // 5
    frame["seed"] = (number % 5).astype("Int64")
    frame["seq_len"] = (10 * (1 + setting % 40)).astype("Int64")
    frame["hidden_size"] = (8 * (1 + setting // 40)).astype("Int64")
    frame["cell"] = setting.map(lambda i: f"cell{i % 7}")
    frame["setting"] = setting.map(lambda i: f"{i:08x}")
    frame["test_accuracy"] = (number * 7919 % 10007) / 10007
    frame["train_s"] = 1 + (number * 104729 % 1000003) / 1000
    frame["run_id"] = number.map(lambda i: f"mnist-cell-h8-T28-s{i % 5}-{i:08x}")
    integers = dict.fromkeys(("match_params", "num_layers", "steps", "best_step", "solved_step"), "Int64")
    return PageData(folder, frame.astype(integers).reset_index(drop=True))


def rows_of(folder: Path) -> dict[str, dict]:
    """The rows as they lie on disk, read with nothing but json."""
    found = (json.loads(path.read_text()) for path in sorted(folder.glob("runs/*/row.json")))
    return {row["run_id"]: row for row in found}


def columns_on_disk() -> set[str]:
    """The columns of a row that a table of runs has."""
    return {item.name for item in dataclasses.fields(RunRecord)} & set(COLUMNS)
