"""Axes of accuracies: the whole range, or its top where everything lies there."""

import itertools

import pytest

from harness.report.figures.accuracy_by_cell import ACCURACY_BY_CELL
from harness.report.figures.accuracy_by_setting import BY_LENGTH
from harness.results import load_runs
from tests.report.synthetic import make_record, write_run
from tests.report.test_figures import data_of, title_of


def pages(folder, accuracies, spec=BY_LENGTH, **columns):
    """A page of two panels (H = 16, 32) and two lengths; accuracies by (H, T), a run for each."""
    for (H, T), values in accuracies.items():
        for seed, accuracy in enumerate(values):
            place = {"seq_len": T, "hidden_size": H, "seed": seed}
            write_run(folder, make_record(**place, test_accuracy=accuracy, **columns))
    data = data_of(load_runs(folder))
    [page] = spec.draw(data, "caption.")
    return page


def everywhere(*values):
    return dict.fromkeys(itertools.product((16, 32), (28, 56)), values)


def dashed(ax):
    return [line for line in ax.lines if line.get_linestyle() == "--"]


@pytest.mark.parametrize(
    ("values", "floor"),
    [
        ((0.2, 0.99), 0),
        ((0.7499, 0.99), 0),
        ((0.965, 0.966), 95),
        ((0.91, 0.915), 85),  # the interval reaches down to 88
        ((0.76, 0.77), 0),  # and here to 70
        ((0.99, 1.0), 0),  # near 100 % it is wide to one side
        ((0.9951, 0.9952), 99),
    ],
)
def test_the_axis_begins_above_0_only_where_all_marks_and_intervals_lie_above(tmp_path, values, floor):
    page = pages(tmp_path, everywhere(*values))
    for ax in page.axes:
        low, high = ax.get_ylim()
        assert low == pytest.approx(floor - 0.04 * (100 - floor)) and high > 100
        assert len(dashed(ax)) == (floor == 0)
    caption = page.legends[0].get_title().get_text().replace("\n", " ")
    words = page.get_suptitle().replace("\u00a0", " ")
    assert ("begins above 0" in caption) == ("axis from" in words) == (floor > 0)
    if floor:
        assert f"axis from {floor} % (chance: 10 %)" in words


def test_panels_of_a_task_share_their_axis_and_tasks_do_not(tmp_path):
    accuracies = everywhere(0.97, 0.971)
    pages(tmp_path, accuracies, task="parity")
    page = pages(tmp_path, accuracies | {(32, 56): (0.3, 0.4)})
    begins = {title_of(ax).partition(" ")[0]: set() for ax in page.axes}
    for ax in page.axes:
        begins[title_of(ax).partition(" ")[0]].add(round(ax.get_ylim()[0]))
    assert begins == {"mnist": {-4}, "parity": {95}}
    for ax in page.axes:
        assert ("axis from 95 %" in title_of(ax)) == title_of(ax).startswith("parity")


def test_one_length_draws_cells_in_place_of_an_axis_over_it(tmp_path):
    for cell, seed in itertools.product(("rnn", "gru"), (0, 1)):
        write_run(tmp_path, make_record(cell=cell, seed=seed))
    data = data_of(load_runs(tmp_path))
    assert ACCURACY_BY_CELL.applies(data) and not BY_LENGTH.applies(data)
    [page] = ACCURACY_BY_CELL.draw(data, "caption.")
    assert [text.get_text() for text in page.axes[0].get_xticklabels()] == ["rnn", "gru"]
