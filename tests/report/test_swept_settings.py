"""Every setting that was swept gets a figure of its own: numbers on an axis, names side by side."""

import itertools

import pandas as pd
import pytest

from harness.report import figures_of
from harness.report.direct_labels import spread
from harness.report.layout import drawing_axes
from harness.report.setting_axis import is_log, setting_axis, side_by_side
from harness.report.swept_settings import swept_settings
from harness.results import load_runs
from tests.report.synthetic import make_record, write_run
from tests.report.test_figures import data_of, pages_of

SWEPT = {
    "n_train": [{"config": {"task": {"n_train": n}}} for n in (500, 1000, 2000, 4000)],
    "num_layers": [{"num_layers": n} for n in (1, 2, 3)],
    "dropout": [{"dropout": p, "num_layers": 2} for p in (0.0, 0.1, 0.5)],
    "clip": [{"clip": c} for c in (None, 0.1, 1.0)],
    "budget": [{"config": {"train": {"steps": n}}} for n in (100, 1000, 10000)],
    "init": [{"init": name} for name in ("keras", "torch", "forget_bias=10", "forget_bias=2")],
    "optimizer": [{"optimizer": name} for name in ("adam", "sgd")],
}
SHOWN = {
    "n_train": ("log", ["500", "1000", "2000", "4000"]),
    "num_layers": ("linear", ["1", "2", "3"]),
    "dropout": ("linear", ["0", "0.1", "0.5"]),
    "clip": ("names", ["none", "0.1", "1"]),
    "budget": ("log", ["100", "1000", "10000"]),
    "init": ("names", ["torch", "forget_bias=2", "forget_bias=10", "keras"]),
    "optimizer": ("names", ["adam", "sgd"]),
}


@pytest.mark.parametrize("name", SWEPT)
def test_a_setting_that_was_swept_is_an_axis(tmp_path, name):
    for (i, changes), cell, seed in itertools.product(enumerate(SWEPT[name]), ("rnn", "gru"), (0, 1)):
        ids = {"setting": f"{name}{i}{cell}", "run_id": f"{cell}{i}{seed}"}
        write_run(tmp_path, make_record(cell=cell, seed=seed, **ids, **changes))
    data = data_of(load_runs(tmp_path))
    drawn = [spec.name for spec in figures_of(data) if "_vs_" in spec.name and spec.applies(data)]
    assert drawn == [f"accuracy_vs_{name}", "accuracy_vs_time"]
    [page] = pages_of(f"accuracy_vs_{name}", data)
    [ax] = page.axes
    page.canvas.draw()
    kind, labels = SHOWN[name]
    assert [text.get_text() for text in ax.get_xticklabels()] == labels
    assert ax.get_xscale() == ("log" if kind == "log" else "linear")
    assert "n = 2 seeds" in page.axes[0].get_title(loc="left").replace("\u00a0", " ")


def test_settings_that_did_not_vary_or_vary_between_tasks_only_are_none(tmp_path):
    write_run(tmp_path, make_record(lr=0.1))
    write_run(tmp_path, make_record(task="adding", lr=0.2))
    assert swept_settings(load_runs(tmp_path)) == []


def test_names_that_two_sections_share_keep_their_sections(tmp_path):
    for a, b in ((1, 1), (2, 1), (1, 2)):
        config = {"task": {"noise": a}, "model": {"noise": b}}
        write_run(tmp_path, make_record(config=config, seed=10 * a + b, setting=f"{a}{b}"))
    assert {s.name for s in swept_settings(load_runs(tmp_path))} == {"task_noise", "model_noise"}


@pytest.mark.parametrize("ticks", [[14.0, 28.0, 56.0], [1.0, 2.0, 3.0], [0.0, 0.1, 0.5], [5.0]])
def test_marks_stand_side_by_side_within_half_a_gap(ticks):
    log = is_log(ticks)
    ax = drawing_axes(None)
    setting_axis(ax, "x", ticks, log)
    to_axis = ax.get_xaxis_transform()

    def places(slot):
        xs = pd.Series(ticks)
        moved = side_by_side(xs, slot, 6, ticks, log)
        return to_axis.transform([(x, 0) for x in moved])[:, 0]

    columns = [places(slot) for slot in range(6)]
    for i in range(len(ticks)):
        at = [column[i] for column in columns]
        assert all(b > a for a, b in itertools.pairwise(at))
        assert (at[0] + at[-1]) / 2 == pytest.approx(to_axis.transform((ticks[i], 0))[0])
    for i, j in itertools.pairwise(range(len(ticks))):
        assert columns[-1][i] < columns[0][j]


def test_labels_are_moved_apart_as_little_as_needed_and_keep_their_order():
    assert spread([0.9, 0.1], 0.2) == [0.9, 0.1]
    assert spread([0.52, 0.5, 0.48], 0.1) == pytest.approx([0.6, 0.5, 0.4])
    assert spread([0.0, 0.05, 0.12, 0.9], 0.1) == pytest.approx([-0.0433, 0.0567, 0.1567, 0.9], abs=1e-3)
    assert spread([], 0.1) == []
