from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.results import (
    accuracy_interval,
    holm_adjust,
    interquartile_mean,
    median_steps_to_solve,
    paired_difference,
    performance_profile,
    stratified_interval,
    t_interval,
    welch_difference,
    wilson_interval,
)
from harness.results.statistics import in_two_groups

from .coverage import OUTCOMES, SEEDS, coverage

ACCURACIES = st.lists(st.floats(0, 1), min_size=2, max_size=12)


def test_the_t_interval_of_three_values_worked_by_hand():
    # mean 4, variance ((-2)² + 0 + 2²)/2 = 4, standard error 2/√3, t(0.975; 2) = 4.302653
    mean, half = t_interval([2.0, 4.0, 6.0])
    assert mean == 4.0
    assert half == pytest.approx(4.302653 * 2 / math.sqrt(3), rel=1e-6)


@pytest.mark.parametrize("n", [2, 3, 10])
@pytest.mark.parametrize("level", [0.5, 0.95, 0.99])
def test_the_t_interval_agrees_with_scipy(n, level):
    x = np.random.default_rng(n).normal(size=n)
    low, high = scipy.stats.t.interval(level, n - 1, loc=x.mean(), scale=scipy.stats.sem(x))
    mean, half = t_interval(x, level)
    assert (mean - half, mean + half) == pytest.approx((low, high))


def test_the_t_interval_has_its_nominal_coverage_and_the_bootstrap_does_not():
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
    mean, half, p, n = paired_difference(a, b)
    assert n == 2
    assert mean == pytest.approx(((0.8 - 0.5) + (0.7 - 0.6)) / 2)
    assert half == pytest.approx(t_interval([0.3, 0.1])[1])
    assert p == pytest.approx(scipy.stats.ttest_rel([0.8, 0.7], [0.5, 0.6]).pvalue)
    with pytest.raises(ValueError, match="seed 1 occurs twice"):
        paired_difference(pd.Series([1.0, 2.0], index=[1, 1]), b)


@pytest.mark.parametrize("n", [1, 3, 5, 10, 40])
@pytest.mark.parametrize("level", [0.8, 0.95])
def test_wilsons_interval_agrees_with_scipy(n, level):
    for k in range(n + 1):
        expected = scipy.stats.binomtest(k, n).proportion_ci(level, method="wilson")
        assert wilson_interval(k, n, level) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_wilsons_interval_of_four_of_five_worked_by_hand():
    # z = 1.959964, z² = 3.841459: centre (0.8 + 0.3841459)/1.7682918, half width
    # 1.959964/1.7682918 · sqrt(0.16/5 + 3.841459/100)
    low, high = wilson_interval(4, 5)
    assert low == pytest.approx(0.6696552 - 0.2941206, abs=2e-6)
    assert high == pytest.approx(0.6696552 + 0.2941206, abs=2e-6)


def test_limits_of_wilsons_interval():
    assert all(map(math.isnan, wilson_interval(0, 0)))
    for arguments in ((4, 3), (-1, 3), (1, 3, 0.0), (1, 3, 1.0)):
        with pytest.raises(ValueError, match="must lie in"):
            wilson_interval(*arguments)


@given(ACCURACIES, st.sampled_from([5, 100, 10_000, math.inf]))
@settings(max_examples=60, deadline=None)
def test_an_interval_of_accuracies_lies_in_0_to_1_and_holds_the_mean(accuracies, samples):
    low, high = accuracy_interval(accuracies, samples)
    if in_two_groups(accuracies):
        assert math.isnan(low) and math.isnan(high)
    else:
        assert 0 <= low <= np.mean(accuracies) + 1e-12
        assert np.mean(accuracies) - 1e-12 <= high <= 1


def test_equal_accuracies_keep_the_error_of_the_test_set():
    assert accuracy_interval([0.9] * 5, test_samples=1000) == pytest.approx(wilson_interval(900, 1000))
    assert accuracy_interval([0.9] * 5) == pytest.approx((0.9, 0.9))
    assert accuracy_interval([1.0] * 3, test_samples=1000)[0] == pytest.approx(
        wilson_interval(1000, 1000)[0], abs=1e-4
    )


def test_far_from_the_ends_an_interval_is_the_t_interval_joined_with_wilsons():
    x = [0.49, 0.50, 0.51]
    mean, half = t_interval(x)
    low, high = accuracy_interval(x)
    assert (mean - low, high - mean) == pytest.approx((half, half), rel=2e-3)
    of_test = wilson_interval(500, 1000)
    low, high = accuracy_interval(x, 1000)
    assert mean - low == pytest.approx(math.hypot(half, mean - of_test[0]), rel=2e-3)


def test_two_groups_have_no_interval():
    assert all(map(math.isnan, accuracy_interval([1.0, 1.0, 0.26])))
    assert not in_two_groups([0.3, 0.4, 0.5, 0.6, 0.7])
    assert not in_two_groups([0.5])


@pytest.mark.parametrize("outcome", OUTCOMES[:4], ids=lambda outcome: outcome.name)
def test_the_coverage_that_the_docs_state_for_one_group(outcome):
    for n in SEEDS:
        for shared in (False, True):
            covered, given = coverage(outcome, n, shared, samples=400)
            assert covered > (0.93 if outcome.name.startswith("normal") else 0.88)
            assert given > 0.5


def test_an_interval_cannot_show_a_second_outcome_that_no_seed_had():
    covered, given = coverage(OUTCOMES[5], 3, shared=False, samples=400)
    assert covered == 0
    assert given == pytest.approx(0.9**3, abs=0.07)


def test_seeds_that_did_not_solve_count_as_more_than_the_budget():
    assert median_steps_to_solve([300, None, 100, pd.NA, 200]) == 300
    assert median_steps_to_solve([300, None, None]) == math.inf
    assert median_steps_to_solve([100, 200, 300, None]) == 250
    assert math.isnan(median_steps_to_solve([]))


def test_unpaired_differences_agree_with_scipy():
    rng = np.random.default_rng(0)
    for n, m in ((2, 2), (3, 5), (10, 4)):
        a, b = rng.normal(0.1, 1, n), rng.normal(0, 3, m)
        expected = scipy.stats.ttest_ind(a, b, equal_var=False)
        interval = expected.confidence_interval(0.95)
        mean, half, p, fewest = welch_difference(a, b)
        assert (mean - half, mean + half, p) == pytest.approx((interval.low, interval.high, expected.pvalue))
        assert fewest == min(n, m)


def test_a_difference_without_spread_or_of_one_seed_has_no_interval():
    for mean, half, p, _ in (
        paired_difference(pd.Series([1.0, 1.0]), pd.Series([0.5, 0.5])),
        welch_difference([1.0, 1.0], [0.5, 0.5]),
        welch_difference([1.0], [0.5]),
    ):
        assert mean == 0.5
        assert math.isnan(half) and math.isnan(p)


def test_holms_adjustment_worked_by_hand():
    # sorted 0.005, 0.011, 0.02, 0.04 times 4, 3, 2, 1, none below the one before it
    adjusted = holm_adjust([0.011, 0.02, math.nan, 0.005, 0.04])
    assert adjusted == pytest.approx([0.033, 0.04, math.nan, 0.02, 0.04], nan_ok=True)
    assert holm_adjust([0.9, 0.8]).max() == 1.0
    assert len(holm_adjust([])) == 0


def test_holm_keeps_the_error_of_twenty_comparisons_and_none_does_not():
    p = np.random.default_rng(0).random((2000, 20))
    assert np.mean([holm_adjust(row).min() < 0.05 for row in p]) == pytest.approx(0.05, abs=0.015)
    assert np.mean(p.min(axis=1) < 0.05) > 0.6


def test_the_interquartile_mean_agrees_with_scipy_and_weighs_the_edges():
    x = np.random.default_rng(0).normal(size=40)
    assert interquartile_mean(x) == pytest.approx(scipy.stats.trim_mean(x, 0.25))
    # of 10 values 2.5 are cut at each end: half of 2 and of 7, and 3, 4, 5, 6
    assert interquartile_mean(np.arange(10.0) ** 2) == pytest.approx((2 + 9 + 16 + 25 + 36 + 24.5) / 5)
    with pytest.raises(ValueError, match="at least 10 runs, not 9"):
        interquartile_mean(np.arange(9.0))


def test_the_bootstrap_keeps_each_stratum_and_narrows_with_runs():
    rng = np.random.default_rng(0)
    few, many = ([rng.normal(m, 0.1, n) for m in (0, 1)] for n in (5, 50))
    widths = [high - low for low, high in (stratified_interval(few), stratified_interval(many))]
    assert widths[1] < widths[0] / 2
    assert stratified_interval(few) == stratified_interval(few)
    # drawn without strata, the means of two far groups would spread by more than their own width
    pooled = stratified_interval([np.concatenate(many)])
    assert pooled[1] - pooled[0] > 2 * widths[1]
    with pytest.raises(ValueError, match="at least 2 runs to draw from, not 1"):
        stratified_interval([[0.5], *many])


def test_the_interval_of_two_seeds_is_as_wide_as_their_spread_says():
    # ten places that differ by whole units: the middle half is that of 5 places, each a mean of 2 seeds
    rng = np.random.default_rng(1)
    halves = []
    for _ in range(50):
        low, high = stratified_interval([rng.normal(m, 0.01, 2) for m in range(10)], samples=400)
        halves.append((high - low) / 2)
    expected = scipy.stats.t.ppf(0.975, 10) * 0.01 / np.sqrt(10)
    assert np.mean(halves) == pytest.approx(expected, rel=0.1)


def test_a_profile_counts_a_run_without_result_as_below_every_threshold():
    assert performance_profile([0.5, None, 1.0, 0.0], [0.0, 0.5, 1.0]).tolist() == [0.75, 0.5, 0.25]
    assert np.isnan(performance_profile([], [0.5])).all()
