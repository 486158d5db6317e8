"""The share of seeds that solved a task, and the longest length solved."""

import pytest

from harness.report import plot_solved_by_length
from harness.report.figures.solved_by_length import (
    SOLVED_BY_LENGTH,
    longest_solved,
    solved_panels,
    solved_shares,
)
from harness.results import load_runs
from tests.report.checks import outside, overlaps, text_boxes
from tests.report.synthetic import make_record, write_run
from tests.report.test_figures import data_of, title_of

RULE = {"task": "adding", "variant": "half", "data_source": "generated", "solved_rule": "loss <= 0.01"}


def solve(folder, cell, T, outcomes, **columns):
    """Writes a run for each outcome: the step at which it solved the task, None, or another status."""
    for seed, outcome in enumerate(outcomes):
        ended = {"status": outcome, "test_accuracy": None} if isinstance(outcome, str) else {}
        step = outcome if isinstance(outcome, int) else None
        names = {"run_id": f"adding-{cell}-h32-T{T}-s{seed}-{columns.get('init', 'torch')}"}
        write_run(folder, make_record(cell=cell, seq_len=T, seed=seed, solved_step=step,
                                      **{**RULE, **names, **ended, **columns}))  # fmt: skip


@pytest.fixture
def runs(tmp_path):
    solve(tmp_path, "lstm", 10, [100, 200, 300])
    solve(tmp_path, "lstm", 20, [100, 200, None])
    solve(tmp_path, "lstm", 40, [100, None, "diverged"])
    solve(tmp_path, "gru", 10, [100, 100, 100])
    solve(tmp_path, "gru", 40, [500, "failed", "interrupted"])
    solve(tmp_path, "rnn", 10, [None, None, None])
    solve(tmp_path, "rnn", 20, ["failed", "failed", "failed"])
    return load_runs(tmp_path)


def test_shares_count_diverged_runs_as_not_solved_and_leave_failed_ones_out(runs):
    shares = solved_shares(runs, "cell").set_index(["cell", "seq_len"])
    counts = {place: (row["solved"], row["n"]) for place, row in shares.iterrows()}
    assert counts == {
        ("lstm", 10): (3, 3), ("lstm", 20): (2, 3), ("lstm", 40): (1, 3), ("gru", 10): (3, 3),
        ("gru", 40): (1, 1), ("rnn", 10): (0, 3), ("rnn", 20): (0, 0),
    }  # fmt: skip
    assert shares.loc[("lstm", 40), "low"] == pytest.approx(0.0615, abs=1e-4)
    assert shares.loc[("lstm", 40), "high"] == pytest.approx(0.7923, abs=1e-4)


def test_longest_lengths(runs):
    shares = solved_shares(runs, "cell")

    def longest(cell):
        mine = shares[shares["cell"] == cell]
        return [longest_solved(mine, everybody=everybody) for everybody in (True, False)]

    assert longest("lstm") == ["10", "20"]
    assert longest("gru") == ["≥ 40", "≥ 40"]
    assert longest("rnn") == ["none", "none"]
    nothing = shares[(shares["cell"] == "rnn") & (shares["seq_len"] == 20)]
    assert longest_solved(nothing, everybody=True) == "–"


def test_bars_are_filled_to_the_share_and_empty_ones_say_why(runs):
    ax = plot_solved_by_length(runs)
    frames = [patch for patch in ax.patches if not patch.get_fill()]
    filled = [patch for patch in ax.patches if patch.get_fill()]
    assert len(frames) == len(filled) == 6
    full = abs(frames[0].get_height())
    assert sorted(round(abs(patch.get_height()) / full, 3) for patch in filled) == [0, 0.333, 0.667, 1, 1, 1]
    texts = [text.get_text() for text in ax.texts]
    assert {"not\nrun", "no\nresult", "2/3", "1/3", "0/3"} <= set(texts)


def test_a_task_that_nobody_solved_says_so_and_one_length_or_no_threshold_gives_no_panel(tmp_path):
    for T in (10, 20):
        solve(tmp_path, "rnn", T, [None, None])
        write_run(tmp_path, make_record(task="mnist", seq_len=T))
    solve(tmp_path, "rnn", 10, [5], task="parity", run_id="parity-rnn")
    data = data_of(load_runs(tmp_path))
    assert len(solved_panels(data.runs)) == 1
    [page] = SOLVED_BY_LENGTH.draw(data, "caption")
    assert "no cell solved it at any length" in title_of(page.axes[0])
    assert "solved: loss ≤ 0.01" in title_of(page.axes[0])


def test_other_settings_are_rows_of_the_panel_while_these_are_few(tmp_path):
    for init in ("torch", "keras"):
        for T in (10, 20):
            solve(tmp_path, "rnn", T, [None, 5], init=init, setting=f"{init}{T}")
            solve(tmp_path, "a_very_long_name", T, [5, 5], init=init, setting=f"{init}{T}x")
    data = data_of(load_runs(tmp_path))
    [page] = SOLVED_BY_LENGTH.draw(data, SOLVED_BY_LENGTH.caption)
    [ax] = page.axes
    names = [label.get_text() for label in ax.get_yticklabels()]
    cells = ("rnn", "a_very_long_name")
    assert names == [f"{cell}, init {init}" for cell in cells for init in ("keras", "torch")]
    boxes = text_boxes(page)
    assert not overlaps(boxes) and not outside(page, boxes)
    for i in range(20):
        for T in (10, 20):
            solve(tmp_path, "rnn", T, [None, 5], init=f"i{i}", setting=f"i{i}{T}")
    panels = solved_panels(data_of(load_runs(tmp_path)).runs)
    assert len(panels) == 22 and {panel.runs["row"].nunique() for panel in panels} == {1, 2}
