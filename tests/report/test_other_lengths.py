"""Tests at other lengths than the one trained at."""

import pytest

from harness.report import other_lengths, plot_other_lengths, summary_markdown
from harness.report.figures.other_lengths import ACCURACY_AT_OTHER_LENGTHS
from harness.results import load_runs
from tests.report.synthetic import make_record, write_run
from tests.report.test_figures import data_of
from tests.report.test_summary import rows_of


@pytest.fixture
def runs(tmp_path):
    for cell, seed in (("lstm", 0), ("lstm", 1), ("gru", 0)):
        others = {"test_accuracy_2x": 0.5 + 0.1 * seed, "test_loss_2x": 2.0, "test_accuracy_T100": 0.25}
        place = {"cell": cell, "seed": seed, "seq_len": 20}
        write_run(tmp_path, make_record(**place, test_accuracy=0.9, other_lengths=others))
    write_run(tmp_path, make_record(cell="rnn", seq_len=20))  # tested at its own length only
    return load_runs(tmp_path)


def test_a_run_has_a_row_for_each_length_that_it_was_tested_at(runs):
    rows = other_lengths.tested_lengths(runs)
    assert len(rows) == 9 and set(rows["cell"]) == {"lstm", "gru"}
    mine = rows[(rows["cell"] == "lstm") & (rows["seed"] == 1)]
    assert mine["tested_len"].tolist() == [20, 40, 100]
    assert mine["test_accuracy"].tolist() == [0.9, 0.6, 0.25]
    assert mine["test_loss"].tolist()[:2] == [0.31, 2.0] and mine["test_loss"].isna().tolist()[2]


def test_without_such_tests_there_is_neither_figure_nor_table(tmp_path):
    write_run(tmp_path, make_record())
    runs = load_runs(tmp_path)
    assert other_lengths.tested_lengths(runs).empty
    assert not ACCURACY_AT_OTHER_LENGTHS.applies(data_of(runs))
    assert "Tests at other lengths" not in summary_markdown(runs)


def test_the_figure_shows_each_length_and_where_the_training_was(runs):
    data = data_of(runs)
    [page] = ACCURACY_AT_OTHER_LENGTHS.draw(data, "caption")
    [ax] = page.axes
    page.canvas.draw()
    assert [text.get_text() for text in ax.get_xticklabels()] == ["20", "40", "100"]
    [trained] = [line for line in plot_other_lengths(runs).lines if line.get_linestyle() == ":"]
    assert list(trained.get_xdata()) == [20, 20]


def test_the_table_has_a_column_for_each_length(runs):
    lines = rows_of(summary_markdown(runs), "Tests at other lengths")
    columns = ("n", "20 steps", "40 steps", "100 steps")
    by_cell = {line["cell"]: tuple(line[name] for name in columns) for line in lines}
    assert by_cell == {"lstm": ("2", "90.0", "55.0", "25.0"), "gru": ("1", "90.0", "50.0", "25.0")}
