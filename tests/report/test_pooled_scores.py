"""Scores over all tasks and settings that every cell was run in: hand-worked, and what is left out."""

import numpy as np
import pytest

from harness.report import plot_performance_profile
from harness.report.figures.performance_profile import PERFORMANCE_PROFILE
from harness.report.pooled_scores import pooled_by_cell, pooled_scores, pooled_section
from harness.results import load_runs
from harness.results.repeats import labelled
from tests.report.checks import outside, overlaps, text_boxes
from tests.report.synthetic import make_record, write_run
from tests.report.test_figures import data_of

ACCURACIES = {"gru": [0.9, 0.95, 1.0, 0.925, 0.975], "rnn": [0.25, 0.3, 0.35, 0.2, 0.15]}


def write_cells(folder, lengths=(10, 20), cells=tuple(ACCURACIES), chance=0.2, **changes):
    for cell in cells:
        for T in lengths:
            for seed, accuracy in enumerate(ACCURACIES[cell]):
                write_run(folder, make_record(
                    run_id=f"mnist-{cell}-h32-T{T}-s{seed}-{changes.get('lr', 0)}", cell=cell, seq_len=T,
                    seed=seed, test_accuracy=accuracy, chance_accuracy=chance, **changes))  # fmt: skip
    return folder


def test_a_score_is_the_part_of_the_way_from_chance_to_all_right(tmp_path):
    scores = pooled_scores(load_runs(write_cells(tmp_path)))
    assert len(scores) == 20 and scores["place"].nunique() == 2
    assert sorted(scores[scores["label"] == "gru"]["score"].round(6))[::2] == pytest.approx(
        [0.875, 0.90625, 0.9375, 0.96875, 1.0]
    )
    found = pooled_by_cell(scores)
    assert list(found) == ["gru", "rnn"]
    # of ten scores, each twice: half of the third, the fourth to seventh, half of the eighth
    by_hand = (0.5 * 0.90625 + 0.90625 + 2 * 0.9375 + 0.96875 + 0.5 * 0.96875) / 5
    assert found["gru"].mean == pytest.approx(by_hand)
    assert found["gru"].low < by_hand < found["gru"].high and found["gru"].runs == 10


def test_a_run_that_diverged_counts_0_and_one_that_failed_not_at_all(tmp_path):
    write_cells(tmp_path)
    for seed, status in ((7, "diverged"), (8, "failed")):
        ended = [("gru", "ok", 0.9), ("rnn", status, None)]
        for cell, how, accuracy in ended:
            place = {"run_id": f"m-{cell}-{seed}", "cell": cell, "seq_len": 10, "seed": seed}
            more = {"status": how, "test_accuracy": accuracy, "chance_accuracy": 0.2}
            write_run(tmp_path, make_record(**place, **more))
    scores = pooled_scores(load_runs(tmp_path))
    rnn = scores[scores["label"] == "rnn"]
    assert len(rnn) == 11 and (rnn["score"] == 0.0).sum() == 5  # at chance and below, each twice
    assert not (scores["seed"] == 8).any()  # of no cell: each counts as often as the others


def test_where_a_cell_was_run_most_does_not_decide_its_score(tmp_path):
    for cell, T, seeds in (("gru", 10, 5), ("gru", 20, 16), ("rnn", 10, 16), ("rnn", 20, 5)):
        for seed in range(seeds):
            accuracy = (0.9 if T == 10 else 0.3) + (0.05 if cell == "gru" else 0.0)
            write_run(tmp_path, make_record(run_id=f"m-{cell}-{T}-{seed}", cell=cell, seq_len=T, seed=seed,
                                            test_accuracy=accuracy, chance_accuracy=0.2))  # fmt: skip
    found = pooled_by_cell(pooled_scores(load_runs(tmp_path)))
    assert list(found) == ["gru", "rnn"]  # it is better at both lengths
    assert found["gru"].mean - found["rnn"].mean == pytest.approx(0.05 / 0.8)
    assert found["gru"].runs == found["rnn"].runs == 10


def test_a_run_that_ended_because_it_had_solved_its_task_counts_1(tmp_path):
    config = {"train": {"steps": 1000, "epochs": None, "stop_when_solved": True}}
    for T in (10, 20):
        write_cells(
            tmp_path, lengths=[T], config=config, solved_rule="loss <= 1", solved_step=1 if T == 10 else None
        )
    scores = pooled_scores(load_runs(tmp_path))
    assert (scores["score"] == 1.0).groupby(scores["place"]).mean().round(2).tolist() == [1.0, 0.1]


def test_a_sweep_over_learning_rates_is_not_pooled_unless_each_was_chosen(tmp_path):
    for lr in (0.001, 0.01):
        write_cells(tmp_path, lr=lr)
    runs = load_runs(tmp_path)
    assert pooled_scores(runs).empty
    own = runs[runs["lr"] == runs["cell"].map({"gru": 0.01, "rnn": 0.001})].assign(tuned="train.lr")
    assert len(pooled_scores(own)) == 20


def test_places_that_a_cell_was_not_run_in_are_left_out(tmp_path):
    write_cells(tmp_path)
    write_cells(tmp_path, lengths=[40], cells=["gru"])
    scores = pooled_scores(load_runs(tmp_path))
    assert scores["label"].value_counts().to_dict() == {"gru": 10, "rnn": 10}


@pytest.mark.parametrize(
    "written",
    [
        lambda folder: write_cells(folder, cells=["gru"]),  # one cell
        lambda folder: write_cells(folder, lengths=[10]),  # five runs in one place
        lambda folder: (write_cells(folder, [10, 20], ["gru"]), write_cells(folder, [30, 40], ["rnn"])),
    ],
)
def test_too_few_runs_or_places_are_not_pooled(tmp_path, written):
    written(tmp_path)
    runs = load_runs(tmp_path)
    assert pooled_scores(runs).empty and pooled_section(runs) == []
    assert not PERFORMANCE_PROFILE.applies(data_of(runs))
    with pytest.raises(ValueError, match="at least 10 of each cell"):
        plot_performance_profile(runs)


def test_the_lines_fall_from_all_runs_to_those_that_are_all_right(tmp_path):
    runs = load_runs(write_cells(tmp_path))
    scores = pooled_scores(labelled(runs))
    by_label = {"rnn": "#0072B2", "gru": "#009E73"}
    lines = {line.get_color(): line.get_xydata() for line in plot_performance_profile(runs).lines}
    assert set(lines) == set(by_label.values())
    for cell, color in by_label.items():
        of_cell = scores[scores["label"] == cell]["score"]
        for x, y in lines[color]:
            brute = 100 * np.mean([score >= x for score in of_cell])
            assert y == pytest.approx(brute if x > 0 else 100.0)


def test_the_figure_and_the_section_say_the_same(tmp_path):
    data = data_of(load_runs(write_cells(tmp_path)))
    (page,) = PERFORMANCE_PROFILE.draw(data, PERFORMANCE_PROFILE.caption)
    (legend,) = page.legends
    labels = [text.get_text() for text in legend.get_texts()]
    assert labels[0].startswith("gru: 0.94 (") and labels[1].startswith("rnn: 0.0")
    boxes = text_boxes(page)
    assert not overlaps(boxes) and not outside(page, boxes)
    table = "\n".join(pooled_section(load_runs(tmp_path)))
    assert "| gru | 10 | 2 | 0.938 (" in table
