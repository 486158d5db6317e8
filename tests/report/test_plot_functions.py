"""The functions that draw one panel: a DataFrame and, where the caller has some, axes; they return axes."""

import inspect

import pandas as pd
import pytest
from matplotlib.axes import Axes

from harness.report import figures
from harness.report.layout import drawing_axes
from harness.results import load_gradflow, load_runs, load_steps
from harness.results.repeats import labelled
from tests.report.synthetic import make_record, make_results, write_run

NAMES = [name for name in figures.__all__ if name.startswith("plot_")]
MORE = {
    "plot_by_choice": ("cell", "test_accuracy"),
    "plot_by_setting": ("seq_len", "test_accuracy"),
    "plot_curves": ("val_accuracy",),
}
TABLES = {
    "plot_curves": "steps",
    "plot_gradient_flow": "gradflow",
    "plot_other_lengths": "others",
    "plot_performance_profile": "pooled",
    "plot_gates": "gates",
    "plot_spectra": "jacobian",
}


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results")
    make_results(folder, tasks=["adding"], hidden=[8], lengths=[28, 56], seeds=[0, 1], cells=["rnn", "gru"])
    runs = load_runs(folder)
    about = labelled(runs)[["run_id", "label", "status", "seq_len"]]
    steps = load_steps(folder, runs).merge(about[about["seq_len"] == 28], on="run_id")
    flow = load_gradflow(folder, runs).merge(about[about["seq_len"] == 28], on="run_id")
    other = tmp_path_factory.mktemp("other")
    write_run(other, make_record(other_lengths={"test_accuracy_2x": 0.5}))
    pooled = tmp_path_factory.mktemp("pooled")
    make_results(pooled, tasks=["adding"], hidden=[8], lengths=[28, 56], seeds=range(5), cells=["rnn", "gru"])
    inside = {
        "gates": pd.DataFrame({"run_id": "a", "name": "f", "t": [0, 1], "mean": [0.5, 0.7]}),
        "jacobian": pd.DataFrame({"run_id": "a", "matrix": "h", "k": 1, "rank": [0, 1], "value": [1, 0.5]}),
    }
    found = {"runs": runs, "steps": steps, "gradflow": flow[flow["step"] == 1], "others": load_runs(other)}
    return found | inside | {"pooled": load_runs(pooled)}


def test_there_are_such_functions():
    assert len(NAMES) >= 8 and set(MORE) <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_panel_is_drawn_on_new_or_given_axes(tables, name):
    function, table = getattr(figures, name), tables[TABLES.get(name, "runs")]
    assert inspect.signature(function).parameters["ax"].default is None
    before = table.copy()
    alone = function(table, *MORE.get(name, ()))
    assert isinstance(alone, Axes) and alone.has_data()
    mine = drawing_axes(None)
    assert function(table, *MORE.get(name, ()), ax=mine) is mine
    assert table.equals(before)
