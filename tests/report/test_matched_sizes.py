"""Cells of one parameter budget have different hidden sizes and stand in one panel and one comparison."""

from __future__ import annotations

import itertools

import pytest

from harness.report import FIGURES, paired_table, summary_markdown, summary_table
from harness.report.figure_spec import ReportData
from harness.report.layout import split
from harness.report.style import cell_styles
from harness.results import load_gradflow, load_runs, load_steps
from harness.results.repeats import conditions, labelled, sizes_of

from .checks import outside, overlaps, text_boxes
from .synthetic import make_record, make_results, write_run

BUDGETS = {5_000: {"rnn": 68, "lstm": 32, "gru": 37}, 20_000: {"rnn": 140, "lstm": 69, "gru": 80},
           1_000_000: {"rnn": 998, "lstm": 499, "gru": 576}}  # fmt: skip


def write_matched(folder, budgets=BUDGETS):
    for budget, sizes in budgets.items():
        for (cell, H), seed in itertools.product(sizes.items(), (0, 1)):
            accuracy = 0.8 + 0.05 * ["rnn", "lstm", "gru"].index(cell) + 0.01 * seed
            columns = {"cell": cell, "hidden_size": H, "seed": seed, "test_accuracy": accuracy}
            record = make_record(**columns, match_params=budget, config={"match_params": budget})
            write_run(folder, record)
    return folder


@pytest.fixture
def runs(tmp_path):
    """Three budgets, and two hidden sizes that were given."""
    write_matched(tmp_path)
    for H, seed in itertools.product((128, 37), (0, 1)):
        write_run(tmp_path, make_record(cell="gru", hidden_size=H, seed=seed))
    return load_runs(tmp_path)


def test_sizes_are_named_and_in_natural_order(runs):
    names = ["H = 37", "H = 128", "≈ 5,000 parameters", "≈ 20,000 parameters", "≈ 1,000,000 parameters"]
    assert list(sizes_of(runs).cat.categories) == names
    panels = split(labelled(runs), ["size"])
    assert [panel.parts[-1] for panel in panels] == names
    assert [panel.runs["cell"].nunique() for panel in panels] == [1, 1, 3, 3, 3]
    assert set(conditions(runs)) == {""}  # the size says it


def test_a_given_size_that_equals_a_matched_one_is_no_repeat_of_it(runs):
    gru = runs[(runs["cell"] == "gru") & (runs["hidden_size"] == 37)]
    assert len(gru) == 4
    table = summary_table(gru)
    assert table["n"].tolist() == [2, 2] and sorted(table["match_params"]) == ["", "5000"]


def test_cells_of_one_budget_are_compared_in_pairs_and_the_settings_table_keeps_h(runs):
    pairs = paired_table(runs)
    assert [str(size) for size in pairs["size"].unique()] == [f"≈ {n:,} parameters" for n in BUDGETS]
    assert len(pairs) == 9 and set(pairs["n"]) == {2}
    assert pairs["difference"].tolist()[:3] == pytest.approx([0.05, 0.1, 0.05])
    text = summary_markdown(runs)
    assert "| ≈ 20,000 parameters | gru − lstm |" in text
    settings = text.partition("## Settings")[2].partition("## ")[0]
    assert "| H | match_params |" in settings and "| gru | 80 | 20000 |" in settings


def test_one_budget_alone_is_named_at_the_head(tmp_path):
    text = summary_markdown(load_runs(write_matched(tmp_path, {20_000: BUDGETS[20_000]})))
    assert "match_params 20000" in text.partition("## Settings")[0]
    unmatched = summary_markdown(load_runs(make_results(tmp_path / "other", tasks=["mnist"], lengths=[28])))
    assert "match_params" not in unmatched and "readout" not in unmatched
    assert "| 32 | gru − lstm |" in unmatched


def test_figures_have_one_panel_for_a_budget_and_none_over_the_hidden_size(tmp_path):
    for cell, H in BUDGETS[20_000].items():
        make_results(
            tmp_path, tasks=["mnist"], cells=[cell], hidden=[H], lengths=[28, 56], match_params=20_000
        )
    runs = load_runs(tmp_path)
    known = labelled(runs)
    data = ReportData(
        known, load_steps(tmp_path, runs), load_gradflow(tmp_path, runs), cell_styles(known["label"])
    )
    drawn = {spec.name: spec.draw(data, spec.caption) for spec in FIGURES if spec.applies(data)}
    assert {"accuracy_vs_length", "accuracy_heatmap", "learning_curves", "gradient_flow"} <= drawn.keys()
    assert not {name for name in drawn if name.endswith("hidden_size")}
    for name, pages in drawn.items():
        for page in pages:
            boxes = text_boxes(page)
            assert not overlaps(boxes) and not outside(page, boxes), name
    [page] = drawn["accuracy_vs_length"]
    assert len([ax for ax in page.axes if ax.axison]) == 1
    words = page.axes[0].get_title(loc="left").replace("\u00a0", " ")
    assert "≈ 20,000 parameters" in " ".join(words.split())


def test_readouts_are_settings_of_their_own(tmp_path):
    for readout, seed in itertools.product(("last", "mean"), (0, 1)):
        config = {} if readout == "last" else {"model": {"readout": readout}}
        write_run(tmp_path, make_record(readout=readout, seed=seed, config=config))
    runs = load_runs(tmp_path)
    assert set(conditions(runs)) == {"readout last", "readout mean"}
    assert summary_table(runs)["readout"].tolist() == ["last", "mean"]
    assert "readout mean" in summary_markdown(runs[runs["readout"] == "mean"]).partition("## Settings")[0]
