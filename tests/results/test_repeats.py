from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from harness.results import cell_labels, conditions, load_runs, paired_difference, t_interval

from .rows import record, write


def test_hand_worked():
    # mean 4, variance ((-2)² + 0 + 2²)/2 = 4, standard error 2/√3, t(0.975; 2) = 4.302653
    mean, half = t_interval([2.0, 4.0, 6.0])
    assert mean == 4.0
    assert half == pytest.approx(4.302653 * 2 / math.sqrt(3), rel=1e-6)


@pytest.mark.parametrize("n", [2, 3, 10])
@pytest.mark.parametrize("level", [0.5, 0.95, 0.99])
def test_agrees_with_scipy(n, level):
    x = np.random.default_rng(n).normal(size=n)
    low, high = scipy.stats.t.interval(level, n - 1, loc=x.mean(), scale=scipy.stats.sem(x))
    mean, half = t_interval(x, level)
    assert (mean - half, mean + half) == pytest.approx((low, high))


def test_covers_as_often_as_it_says_where_the_bootstrap_does_not():
    rng = np.random.default_rng(0)
    samples = rng.normal(size=(4000, 3))
    covered = np.mean([abs(m) <= h for m, h in map(t_interval, samples)])
    assert covered == pytest.approx(0.95, abs=0.012)
    means = samples[:, rng.integers(0, 3, (500, 3))].mean(axis=2)
    low, high = np.quantile(means, [0.025, 0.975], axis=1)
    assert np.mean((low <= 0) & (high >= 0)) < 0.82


def test_few_values_and_missing_ones():
    assert t_interval([0.5, math.nan])[0] == 0.5
    assert math.isnan(t_interval([0.5, None])[1])
    assert all(map(math.isnan, t_interval([])))
    assert t_interval(pd.Series([1, pd.NA, 3], dtype="Int64"))[0] == 2.0
    with pytest.raises(ValueError, match="95"):
        t_interval([1.0, 2.0], level=95)


def test_pairs_are_matched_by_seed_not_by_position():
    a = pd.Series([0.9, 0.8, 0.7], index=[3, 1, 2])
    b = pd.Series([0.5, 0.6, 0.4, np.nan], index=[1, 2, 9, 3])
    mean, half, n = paired_difference(a, b)
    assert n == 2
    assert mean == pytest.approx(((0.8 - 0.5) + (0.7 - 0.6)) / 2)
    assert half == pytest.approx(t_interval([0.3, 0.1])[1])
    with pytest.raises(ValueError, match="seed 1 occurs twice"):
        paired_difference(pd.Series([1.0, 2.0], index=[1, 1]), b)


def runs_of(tmp_path, *records):
    return load_runs(write(tmp_path, *records))


def test_conditions_name_what_varies_and_nothing_else(tmp_path):
    train = {"steps": 500, "epochs": None}
    runs = runs_of(
        tmp_path, record(lr=0.001, config={"train": train}), record(lr=0.01, config={"train": train}),
        record(task="adding", lr=0.1, config={"train": train}),
    )  # fmt: skip
    by_lr = dict(zip(runs["lr"], conditions(runs), strict=True))
    assert by_lr == {0.001: "lr 0.001", 0.01: "lr 0.01", 0.1: ""}
    assert not any(conditions(runs, ignore=["lr"]))


def test_a_nested_knob_a_budget_and_a_missing_key_are_told_apart(tmp_path):
    runs = runs_of(
        tmp_path, record(config={"train": {"steps": 500}, "task": {"noise": 0.1}}),
        record(config={"train": {"steps": 500, "epochs": 2}, "task": {"noise": 0.1}}),
        record(config={"train": {"steps": 500}}),
    )  # fmt: skip
    assert set(conditions(runs)) == {
        "budget 500 steps, noise 0.1",
        "budget 2 epochs, noise 0.1",
        "budget 500 steps",
    }


def test_settings_that_the_configs_do_not_tell_apart_are_still_not_pooled(tmp_path):
    runs = runs_of(tmp_path, record(setting="aaaaaaaa"), record(seed=1, setting="bbbbbbbb"))
    assert list(conditions(runs)) == ["setting aaaaaaaa", "setting bbbbbbbb"]


def test_seed_length_paths_and_what_follows_them_are_no_condition(tmp_path):
    runs = runs_of(
        tmp_path,
        *(
            record(seed=s, seq_len=T, config={"task": {"seq_len": T, "delay": T}, "paths": {"log": f"{s}"}})
            for s in (0, 1) for T in (28, 56)
        ),
    )  # fmt: skip
    assert set(conditions(runs)) == {""}


def test_a_cells_own_knob_becomes_its_label(tmp_path):
    runs = runs_of(
        tmp_path, record(cell="lstm", config={"cell": {"forget_bias": 0.0}}),
        record(cell="lstm", config={"cell": {"forget_bias": 1.0}}),
        record(cell="gru", config={"cell": {"reset": True}}),
    )  # fmt: skip
    assert sorted(cell_labels(runs)) == ["gru", "lstm forget_bias=0", "lstm forget_bias=1"]
    assert set(conditions(runs)) == {""}
