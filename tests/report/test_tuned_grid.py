"""The report of a tuned grid compares the second stage, names the choice and shows the first."""

import pandas as pd
import pytest

from harness.report import is_current, summary_markdown, summary_table, write_report
from harness.report.by_setting import swept_over
from harness.report.figure_spec import ReportData
from harness.report.figures.tuning import TUNING
from harness.report.style import cell_styles
from harness.report.training_words import training_sentences
from harness.results import load_runs
from harness.results.repeats import conditions, labelled
from harness.results.tuning import load_tuning, merge_tuning, tuning_runs
from tests.report.test_summary import rows_of
from tests.results.rows import record, write
from tests.results.test_tuning import row

RATES = {"rnn": 0.001, "gru": 0.01}
"""The learning rate that is chosen for each cell."""


@pytest.fixture
def tuned(tmp_path):
    """A results folder with both stages: two cells, two learning rates, and one run that nobody chose."""
    records = [
        record(cell=cell, lr=lr, seed=seed, stage="tune", setting=f"t-{cell}-{lr}", test_accuracy=None,
               test_loss=None, val_accuracy=0.9 if lr == RATES[cell] else 0.6, val_loss=0.3)
        for cell in RATES for lr in (0.001, 0.01) for seed in (101, 102)
    ]  # fmt: skip
    records += [record(cell=cell, lr=RATES[cell], seed=seed, setting=f"f-{cell}-{RATES[cell]}")
                for cell in RATES for seed in (1, 2)]  # fmt: skip
    folder = write(tmp_path, *records)
    merge_tuning(folder, [
        row(group=cell, cell=cell, task="mnist", values=f"train.lr={lr}", chosen=lr == RATES[cell],
            final_setting=f"f-{cell}-{lr}", tuning_setting=f"t-{cell}-{lr}", chosen_by="val_accuracy",
            val_accuracy=0.9 if lr == RATES[cell] else 0.6, val_loss=0.3)
        for cell in RATES for lr in (0.001, 0.01)
    ])  # fmt: skip
    return folder


def test_cells_with_different_chosen_rates_are_compared_with_each_other(tuned):
    runs = load_runs(tuned)
    final = runs[runs["stage"] == "final"]
    assert set(conditions(final)) == {""}
    table = summary_table(final).set_index("cell")
    assert table["chosen"].to_dict() == {"gru": "lr 0.01", "rnn": "lr 0.001"}
    assert table["n"].tolist() == [2, 2]
    text = summary_markdown(runs, load_tuning(tuned))
    assert [line["cells"] for line in rows_of(text, "Cells compared in pairs")] == ["gru − rnn"]
    assert "8 of them for tuning" in text


def test_a_run_that_was_not_chosen_is_a_setting_of_its_own(tuned):
    write(tuned, record(cell="rnn", lr=0.5, seed=1, setting="f-rnn-0.5"))
    runs = load_runs(tuned)
    final = runs[runs["stage"] == "final"]
    assert set(conditions(final)) == {"lr tuned", "lr 0.5"}


def test_the_summary_names_what_was_tried_and_what_was_chosen(tuned):
    lines = rows_of(summary_markdown(load_runs(tuned), load_tuning(tuned)), "Chosen on validation data")
    by_cell = {line["cell"]: line["tried: result"] for line in lines}
    assert by_cell["rnn"] == "**lr=0.001: 90.0** · lr=0.01: 60.0"
    assert by_cell["gru"] == "lr=0.001: 60.0 · **lr=0.01: 90.0**"


def test_the_report_draws_stage_one_apart_and_no_axis_over_chosen_rates(tuned):
    names = {path.name for path in write_report(tuned)}
    assert {"tuning.png", "tuning.csv", "accuracy_by_cell.png"} <= names
    assert "accuracy_vs_lr.png" not in names
    text = (tuned / "summary.md").read_text(encoding="utf-8")
    assert "t-rnn" not in text


def test_a_folder_with_the_first_stage_only_has_a_report(tuned):
    runs = load_runs(tuned)
    for run_id in runs.loc[runs["stage"] == "final", "run_id"]:
        (tuned / "runs" / run_id / "row.json").unlink()
    names = {path.name for path in write_report(tuned)}
    assert "tuning.png" in names
    assert "accuracy_by_cell.png" not in names


def test_where_a_learning_rate_was_swept_too_the_chosen_one_is_a_point_of_the_axis(tuned):
    write(tuned, *(record(cell=cell, lr=0.5, seed=1, setting=f"f-{cell}-0.5") for cell in RATES))
    runs = load_runs(tuned)
    shown = swept_over(labelled(runs[runs["stage"] == "final"]), "lr")
    assert set(shown["lr"]) == {0.001, 0.01, 0.5}
    assert "accuracy_vs_lr.png" in {path.name for path in write_report(tuned)}


def test_a_choice_that_was_tuned_is_no_axis(tuned):
    runs = load_runs(tuned).query("stage == 'final'")
    assert swept_over(runs.assign(tuned="init"), "init").empty
    assert len(swept_over(runs.assign(tuned="init"), "lr")) == len(runs)


def test_another_choice_makes_the_report_again(tuned):
    write_report(tuned)
    assert is_current(tuned)
    text = (tuned / "tuning.csv").read_text(encoding="utf-8")
    (tuned / "tuning.csv").write_text(text.replace("True", "False"), encoding="utf-8")
    assert not is_current(tuned)


def test_rings_stand_on_the_means_of_the_chosen_values(tuned):
    runs = load_runs(tuned)
    final = runs["stage"] == "final"
    tuning = labelled(tuning_runs(runs[~final], load_tuning(tuned)))
    data = ReportData(labelled(runs[final]), pd.DataFrame(), pd.DataFrame(), cell_styles(RATES), tuning)
    [page] = TUNING.draw(data, "caption")
    rings = [line for line in page.axes[0].lines if line.get_markersize() == 11]
    assert {round(float(y), 6) for line in rings for y in line.get_ydata()} == {90.0}
    xs = sorted(float(x) for line in rings for x in line.get_xdata())
    assert xs == pytest.approx([0.001, 0.01], rel=0.2)  # beside each other, so that none hides another


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({}, "One learning rate for all cells: 0.001."),
        ({"tuned": "train.lr"}, "The learning rate of each point was chosen on validation data"),
        ({"lr": [0.1, 0.2]}, "The learning rate was not chosen for each cell."),
        ({"tuned": ["train.lr", ""]}, "where the title says so"),
    ],
)
def test_captions_say_how_learning_rates_came_about(tmp_path, changes, sentence):
    runs = load_runs(write(tmp_path, record(seed=1), record(seed=2))).assign(**changes)
    assert sentence in training_sentences(runs)
    assert "adam, batches of 32" in training_sentences(runs)


def test_captions_name_a_schedule_and_a_decay(tmp_path):
    config = {"train": {"weight_decay": 0.1, "steps": 7}}
    runs = load_runs(write(tmp_path, record(seed=1, config=config, schedule="cosine")))
    assert "cosine schedule, weight decay 0.1." in training_sentences(runs)
