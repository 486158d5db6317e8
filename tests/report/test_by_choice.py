"""Test accuracy by a choice that has a name."""

import itertools

import pytest

from harness.report import plot_by_choice
from harness.results import load_runs
from tests.results.rows import record, write


@pytest.fixture
def axes(tmp_path):
    runs = [
        record(init=init, cell=cell, seed=seed, test_accuracy=1.0 if cell == "gru" else 0.1 * seed,
               setting=f"{init}{cell}", run_id=f"{init}-{cell}-{seed}")
        for init in ("keras", "torch") for cell in ("rnn", "gru") for seed in (1, 2, 3)
    ]  # fmt: skip
    lost = record(
        init="keras", cell="rnn", seed=4, status="diverged", test_accuracy=None, setting="keras-rnn"
    )
    return plot_by_choice(load_runs(write(tmp_path, *runs, lost)), "init", "test_accuracy", scale=100)


def test_torch_comes_first(axes):
    assert [text.get_text() for text in axes.get_xticklabels()] == ["torch", "keras"]


def test_every_seed_is_a_mark_of_its_own_even_where_all_are_equal(axes):
    dots = [line for line in axes.lines if line.get_linestyle() == "None"]
    places = [(round(float(x), 6), float(y)) for line in dots for x, y in line.get_xydata()]
    assert len(places) == len(set(places)) == 12
    gaps = sorted(x for x, y in places if y == 100)
    assert min(b - a for a, b in itertools.pairwise(gaps)) > 0.1


def test_bars_stand_at_the_means(axes):
    bars = [segment for lines in axes.collections for segment in lines.get_segments()]
    heights = sorted(round(float(segment[0][1]), 6) for segment in bars)
    assert heights == [20, 20, 100, 100]
