from __future__ import annotations

import dataclasses
import json
import os
import shutil
import subprocess
import sys

import pytest
from matplotlib.figure import Figure
from PIL import Image

from harness.report import FIGURES, is_current, report_files, write_report
from harness.report.figure_files import save_pages
from harness.results import columns_of
from harness.results.store import table_csv
from tests.results.rows import FLOW, STEPS, tables_of

from .synthetic import make_record, make_results, write_run


def names(paths):
    return {path.name for path in paths if path.suffix == ".png"}


def test_a_small_grid_gets_every_figure_that_applies(tmp_path):
    make_results(
        tmp_path,
        tasks=["mnist", "adding"],
        cells=["rnn", "lstm"],
        hidden=[8, 16, 32],
        lengths=[28, 56],
        seeds=[0, 1],
    )
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures" / "mine.png").write_bytes(b"a picture of somebody else")
    page = Figure()
    save_pages([page], tmp_path / "figures", "of_an_earlier_report", "an empty page")
    paths = write_report(tmp_path)
    assert all(path.stat().st_size > 0 for path in paths)
    per_task = {
        f"{k}-{t}.png" for k in ("learning_curves", "training_loss", "grad_norm") for t in ("mnist", "adding")
    } | {
        "gradient_flow-mnist.png",
        "gradient_flow-adding-1.png",
        "gradient_flow-adding-2.png",
    }
    assert names(paths) == per_task | {
        "solved_vs_length.png",
        "accuracy_vs_length.png", "loss_vs_length.png", "accuracy_heatmap.png", "accuracy_vs_hidden_size.png",
        "time_per_step.png", "time_per_step_vs_hidden_size.png", "accuracy_vs_time.png",
        "performance_profile.png", "loss_curves-adding.png",
    }  # fmt: skip
    assert {p.name for p in (tmp_path / "figures").iterdir()} == names(paths) | {"mine.png"}
    assert {"runs.csv", "steps.csv", "summary.md"} <= {p.name for p in paths}


def test_one_run_is_enough_and_a_figure_carries_its_alternative_text(tmp_path):
    make_results(tmp_path, tasks=["mnist"], cells=["gru"], hidden=[8], lengths=[28], seeds=[0])
    alts = {spec.name: spec.alt for spec in FIGURES}
    figures = [path for path in write_report(tmp_path) if path.suffix == ".png"]
    assert len(figures) >= 5 and "accuracy_by_cell.png" in names(figures)
    for path in figures:
        with Image.open(path) as image:
            assert image.text["Description"] == alts[path.stem.partition("-")[0]]
            assert image.text["Software"] == "seqharness"


def test_runs_that_all_failed_give_a_summary_and_no_figure(tmp_path):
    for seed, status in enumerate(("diverged", "failed", "interrupted")):
        write_run(
            tmp_path, make_record(seed=seed, status=status, error="gone", test_accuracy=None, test_loss=None)
        )
    paths = write_report(tmp_path)
    assert names(paths) == set()
    assert "1 diverged, 1 failed, 1 interrupted" in (tmp_path / "summary.md").read_text()


def test_a_run_that_ended_before_its_first_step(tmp_path):
    write_run(tmp_path, make_record())
    write_run(
        tmp_path,
        make_record(seed=1, steps=None, train_s=None, test_accuracy=None, status="failed"),
    )
    write_run(tmp_path, make_record(seed=2, steps=0, train_s=0.0, chance_accuracy=None))
    assert "accuracy_by_cell.png" in names(write_report(tmp_path))


def test_conditions_get_files_of_their_own(tmp_path):
    make_results(tmp_path, tasks=["mnist"], cells=["gru"], hidden=[8], lengths=[28], seeds=[0], lr=0.01)
    make_results(tmp_path, tasks=["mnist"], cells=["gru"], hidden=[8], lengths=[28], seeds=[0], lr=0.001)
    written = names(write_report(tmp_path))
    assert {
        "learning_curves-mnist-lr-0.01.png",
        "learning_curves-mnist-lr-0.001.png",
        "accuracy_vs_lr.png",
    } <= written


def test_nothing_to_report_says_what_to_run(tmp_path):
    with pytest.raises(FileNotFoundError, match="experiment=smoke"):
        write_report(tmp_path)


@pytest.mark.slow
def test_a_thousand_runs(tmp_path):
    for seed in range(500):
        for cell in ("rnn", "gru"):
            record = make_record(cell=cell, seed=seed, test_accuracy=seed / 500)
            folder = tmp_path / "runs" / record.run_id
            folder.mkdir(parents=True)
            fast_write(folder, record)
    assert "accuracy_by_cell.png" in names(write_report(tmp_path))


def fast_write(folder, record):
    """As `finish` does, without the syncs that take most of the time of a thousand runs."""
    tables = tables_of(STEPS, FLOW)
    for table in tables:
        (folder / f"{table.name}.csv").write_text(table_csv(table))
    described = {table.name: {"columns": columns_of(table.row_type)} for table in tables}
    (folder / "row.json").write_text(json.dumps(dataclasses.asdict(record) | {"tables": described}))


def test_neither_torch_nor_a_screen_is_needed():
    unwanted = ("torch", "hydra", "matplotlib.pyplot")
    code = f"import sys, harness.report; print([m for m in {unwanted} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.usefixtures("without_figures")
def test_a_report_is_current_until_a_row_comes_goes_or_changes_or_a_table_is_missing(tmp_path):
    assert not is_current(tmp_path)
    make_results(tmp_path, tasks=["mnist"], cells=["rnn"], hidden=[8], lengths=[28], seeds=[0, 1])
    assert not is_current(tmp_path)
    write_report(tmp_path)
    assert is_current(tmp_path)
    rows = sorted((tmp_path / "runs").glob("*/row.json"))
    text = rows[0].read_text()
    rows[0].unlink()
    assert not is_current(tmp_path)
    rows[0].write_text(text)
    assert not is_current(tmp_path)  # the same text, written again
    write_report(tmp_path)
    assert is_current(tmp_path)
    table = next((tmp_path / "runs").glob("*/gradflow.csv"))
    table.write_text(table.read_text() + "\n")
    assert not is_current(tmp_path)


@pytest.mark.parametrize("change", ["remove", "cut", "other text", "folder", "loop"])
@pytest.mark.parametrize(
    "name",
    ["report.html", "summary.md", "runs.csv", "steps.csv", "figures/loss_curves-adding.png", ".report"],
)
def test_a_report_is_current_only_while_each_of_its_files_is_as_written(reported, tmp_path, name, change):
    folder = tmp_path / "copy"
    shutil.copytree(reported, folder, copy_function=os.link, symlinks=True)
    assert is_current(folder)
    path = folder / name
    content = path.read_bytes()
    path.unlink()
    if change == "cut":
        path.write_bytes(content[: len(content) // 2])
    elif change == "other text":
        path.write_bytes(b"\xff other text")
    elif change == "folder":
        path.mkdir()
    elif change == "loop":
        path.symlink_to(path)
    assert not is_current(folder)


@pytest.fixture(scope="module")
def reported(tmp_path_factory):
    """A results folder whose report has one figure."""
    folder = tmp_path_factory.mktemp("reported")
    make_results(folder, tasks=["adding"], cells=["rnn"], hidden=[8], lengths=[28], seeds=[0])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            report_files, "figures_of", lambda data: [s for s in FIGURES if s.name == "loss_curves"]
        )
        write_report(folder)
    return folder
