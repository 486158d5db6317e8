"""Figures of what happens inside cells: gates, their time scales, spectra of Jacobians."""

import dataclasses
import itertools

import numpy as np
import pandas as pd
import pytest
from matplotlib.patches import Polygon, Rectangle

from harness.report.figure_spec import ReportData
from harness.report.figures.gates import GATE_STYLES, GATES, plot_gates
from harness.report.figures.spectra import SPECTRA, plot_spectra
from harness.report.figures.time_scales import TIME_SCALES
from harness.report.inside_rows import steps_that_matter
from harness.report.report_files import report_data
from harness.report.side_tables import SideTables
from harness.report.style import cell_styles
from harness.results import load_runs
from harness.results.repeats import labelled

from .checks import outside, overlaps, text_boxes
from .synthetic import make_record, write_run

LETTERS = {"rnn": "h", "lstm": "ifgohc", "gru": "rznh"}
T, STEPS = 40, (0, 13, 26, 39)


def gate_mean(name, t, moment, seed):
    return 0.1 + 0.1 * "irfoz".index(name) + 0.005 * t + 0.2 * (moment == "best") + 0.02 * seed


def inside_tables(runs):
    """`gates` and `jacobian` of every run, with a layer below that nobody looks at."""
    gates, jacobian = [], []
    for run, moment, layer in itertools.product(runs.itertuples(), ("init", "best", "end"), (0, 1)):
        place = {"run_id": run.run_id, "moment": moment, "layer": layer}
        for name, t in itertools.product(LETTERS[run.cell], STEPS):
            mean = gate_mean(name, t, moment, run.seed) if name in "ifozr" and layer == 1 else None
            gates.append(place | {"name": name, "t": t, "mean": mean})
        matrices = ["h", "c"] if run.cell == "lstm" else ["h"]
        for matrix, k, rank in itertools.product(matrices, (1, 10), range(8)):
            value = 0.9**k * 0.7**rank * (0.5 if matrix == "c" else 1) * (1 + run.seed)
            jacobian.append(place | {"matrix": matrix, "k": k, "rank": rank, "value": value})
        jacobian.append(place | {"matrix": "lyapunov", "k": None, "rank": 0, "value": -0.1 - 0.01 * run.seed})
        jacobian.append(place | {"matrix": "U_h", "k": None, "rank": 0, "value": 1.1})
    return {"gates": pd.DataFrame(gates), "jacobian": pd.DataFrame(jacobian)}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inside")
    for cell, length, seed in itertools.product(LETTERS, (20, T), (0, 1, 2)):
        scales = {"init": 2.0 + seed, "best": length / 2 + seed} if cell != "rnn" else {}
        place = {"task": "temporal_order", "variant": "6a", "data_source": "generated", "seq_len": length}
        lags = {"lag_min": 4 * length // 10, "lag_max": 9 * length // 10}
        scales = {f"gates_time_scale_p90_{moment}": scale for moment, scale in scales.items()}
        write_run(folder, make_record(cell=cell, seed=seed, **place, **lags, **scales))
    runs = labelled(load_runs(folder))
    none = pd.DataFrame()
    tables = SideTables(None, none, inside_tables(runs))
    return ReportData(runs, none, none, cell_styles(runs["label"]), tables=tables)


def axes_of(pages):
    return [ax for page in pages for ax in page.axes if ax.axison]


@pytest.mark.parametrize("spec", [GATES, TIME_SCALES, SPECTRA])
def test_pages_are_drawn_and_no_text_touches_another(data, spec):
    assert spec.applies(data)
    for page in spec.draw(data, spec.caption + " 1,000 steps, Adam, batches of 100, learning rate 0.001."):
        boxes = text_boxes(page)
        assert len(boxes) > 10
        assert not overlaps(boxes)
        assert not outside(page, boxes)


@pytest.mark.parametrize("spec", [GATES, TIME_SCALES, SPECTRA])
def test_without_the_tables_or_columns_there_is_no_figure(data, spec):
    empty = {name: None for name in data.runs if name.startswith("gates_")}
    bare = dataclasses.replace(data, runs=data.runs.assign(**empty), tables=SideTables())
    assert not spec.applies(bare)


def test_gates_are_medians_over_seeds_of_the_top_layer(data):
    panels = axes_of(GATES.draw(data, ""))
    assert len(panels) == 2 * 2 * 2  # cells with gates, lengths, moments
    first = panels[0]  # lstm or gru, T = 20, at initialisation
    cell = "lstm" if "lstm" in first.get_title("left") else "gru"
    drawn = {line.get_color(): line.get_ydata() for line in first.lines}
    names = [name for name in LETTERS[cell] if name in GATE_STYLES]
    assert len(drawn) == len(names)
    for name in names:
        right = [gate_mean(name, t, "init", 1) for t in STEPS]  # seed 1 of 0, 1, 2
        assert drawn[GATE_STYLES[name].color] == pytest.approx(right)
    assert "at initialisation" in first.get_title("left").replace("\u00a0", " ")


def test_the_steps_that_decide_are_shaded(data):
    panels = axes_of(GATES.draw(data, ""))
    for ax in panels:
        length = 20 if "T = 20" in ax.get_title("left").replace("\u00a0", " ") else T
        (span,) = [patch for patch in ax.patches if isinstance(patch, Rectangle | Polygon)]
        low, high = span.get_extents().transformed(ax.transData.inverted()).intervalx
        wanted = (length - 1 - 9 * length // 10 - 0.5, length - 1 - 4 * length // 10 + 0.5)
        assert (low, high) == pytest.approx(wanted)


def test_which_steps_decide_and_where_nothing_is_marked(data):
    runs = data.runs[data.runs["seq_len"] == T]
    assert steps_that_matter(runs) == (3, 23)
    assert steps_that_matter(data.runs) is None  # two lengths
    assert steps_that_matter(runs.assign(lag_min=0, lag_max=T - 1)) is None  # the whole sequence
    assert steps_that_matter(runs.assign(lag_min=pd.NA)) is None
    assert steps_that_matter(runs.assign(test_sequence_accuracy=0.5)) is None  # labels at steps


def test_time_scales_stand_beside_the_lag(data):
    init, best = axes_of(TIME_SCALES.draw(data, ""))
    for ax, values in ((init, [3.0, 3.0]), (best, [11.0, 21.0])):  # medians: those of seed 1
        means = [container.lines[0].get_ydata() for container in ax.containers]
        assert len(means) == 2  # an RNN has no gate
        for drawn in means:
            assert list(drawn) == pytest.approx(values)
        dashed = [list(line.get_ydata()) for line in ax.lines if line.get_linestyle() == "--"]
        assert [18.0, 36.0] in dashed  # the most steps back, at T = 20 and 40
        assert ax.get_yscale() == "log"
    assert init.get_ylim() == best.get_ylim()


def test_cells_without_gates_get_no_panel_that_says_that_no_run_ended_ok(data, tmp_path):
    place = {"task": "temporal_order", "variant": "6a", "data_source": "generated", "seq_len": T}
    write_run(tmp_path, make_record(cell="lru", num_layers=2, **place))
    runs = labelled(pd.concat([data.runs, load_runs(tmp_path)], ignore_index=True))
    assert runs["condition"].nunique() == 2
    both = dataclasses.replace(data, runs=runs, styles=cell_styles(runs["label"]))
    panels = axes_of(TIME_SCALES.draw(both, ""))
    assert len(panels) == 2 and all(ax.containers for ax in panels)


def test_spectra_of_zeros_alone_are_drawn(data):
    tables = inside_tables(data.runs)
    tables["jacobian"]["value"] = 0.0
    zeros = dataclasses.replace(data, tables=SideTables(None, pd.DataFrame(), tables))
    assert len(axes_of(SPECTRA.draw(zeros, ""))) == 3 * 2 * 2


def test_spectra_show_each_k_and_the_exponent_of_the_median_seed(data):
    panels = axes_of(SPECTRA.draw(data, ""))
    assert len(panels) == 3 * 2 * 2
    for ax in panels:
        curves = [line for line in ax.lines if len(line.get_xdata()) == 8]
        assert len(curves) == (4 if "lstm" in ax.get_title("left") else 2)
        assert curves[0].get_ydata()[0] in (pytest.approx(0.9 * 2), pytest.approx(0.9 * 0.5 * 2))
    texts = " ".join(text for text, _ in text_boxes(panels[0].figure)).replace("\u00a0", " ")
    assert "Lyapunov exponent −0.110" in texts


def test_a_singular_value_of_zero_is_not_drawn():
    rows = pd.DataFrame({"run_id": "a", "matrix": "h", "k": 1, "rank": range(3), "value": [1.0, 0.5, 0.0]})
    drawn = plot_spectra(rows).lines[0].get_ydata()
    assert list(drawn[:2]) == [1.0, 0.5] and np.isnan(drawn[2])


def test_one_seed_has_no_band():
    rows = pd.DataFrame({"run_id": "a", "name": "f", "t": [0, 1], "mean": [0.5, 0.7]})
    assert not plot_gates(rows).collections
    assert len(plot_gates(pd.concat([rows, rows.assign(run_id="b", mean=0.1)])).collections) == 1


def test_side_tables_read_what_the_runs_have(tmp_path):
    write_run(tmp_path, make_record())
    runs = load_runs(tmp_path)
    tables = report_data(tmp_path, runs).tables
    assert list(tables.load("gradflow"))[:1] == ["run_id"]
    assert tables.load("gates").empty and tables.load("gates") is tables.load("gates")
    assert SideTables().load("gates").empty
