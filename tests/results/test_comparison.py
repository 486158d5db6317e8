"""Two results folders: what is equal, what changed beyond the spread of seeds, and what only one has."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from harness.results import load_runs
from harness.results.comparison import CHANGED, EQUAL, TOO_FEW, WITHIN, compare_runs

from .rows import record, write

SEEDS = range(5)


def folder_of(path, shifts, seeds=SEEDS, **changes):
    """A folder of one setting, whose seed s has the accuracy 0.9 − s/100 + shifts[s]."""
    records = (
        record(seed=seed, test_accuracy=0.9 - seed / 100 + shift, test_loss=0.3, **changes)
        for seed, shift in zip(seeds, shifts, strict=True)
    )
    return load_runs(write(path, *records))


@pytest.mark.parametrize(
    ("shifts", "verdict"),
    [
        ((0, 0, 0, 0, 0), EQUAL),
        ((0, 0, 0, 0, 1e-12), WITHIN),
        ((0.05, -0.06, 0.04, -0.03, 0.02), WITHIN),
        ((0.05, 0.052, 0.049, 0.051, 0.05), CHANGED),
    ],
)
def test_the_verdict_of_five_shared_seeds(tmp_path, shifts, verdict):
    (pair,) = compare_runs(folder_of(tmp_path / "a", [0] * 5), folder_of(tmp_path / "b", shifts)).pairs
    assert (pair.verdict, pair.shared, pair.status_changed, pair.origin) == (verdict, 5, 0, "")
    assert pair.changed == (("test_accuracy",) if verdict == CHANGED else ())
    mean, half = pair.differences["test_accuracy"]
    assert mean == pytest.approx(np.mean(shifts), abs=1e-15)
    # two intervals, of accuracy and loss, hold together
    assert half == pytest.approx(stats.t.ppf(1 - 0.025 / 2, 4) * stats.sem(shifts), abs=1e-12)


def test_too_few_seeds_say_nothing_but_equality(tmp_path):
    a, far = folder_of(tmp_path / "a", [0, 0], [0, 1]), folder_of(tmp_path / "b", [-0.5, -0.5], [0, 1])
    (pair,) = compare_runs(a, far).pairs
    assert pair.verdict == TOO_FEW
    assert pair.differences["test_accuracy"] == (pytest.approx(-0.5), pytest.approx(math.nan, nan_ok=True))
    assert compare_runs(a, a).pairs[0].verdict == EQUAL


def test_other_seeds_are_compared_by_their_means(tmp_path):
    values_a, values_b = [0.0, 0.01, 0.02, 0.0], [-0.2, -0.21, -0.2]
    a = folder_of(tmp_path / "a", values_a, range(4))
    b = folder_of(tmp_path / "b", values_b, range(10, 13))
    (pair,) = compare_runs(a, b).pairs
    assert (pair.verdict, pair.shared) == (CHANGED, 0)
    tested = stats.ttest_ind(b["test_accuracy"], a["test_accuracy"], equal_var=False)
    low, high = tested.confidence_interval(1 - 0.025)
    mean, half = pair.differences["test_accuracy"]
    assert (mean - half, mean + half) == (pytest.approx(low), pytest.approx(high))


def test_intervals_are_wider_the_more_settings_are_compared(tmp_path):
    shifts = [0.02, 0.05, 0.03, 0.06, 0.03]
    for name, moved in (("a", [0] * 5), ("b", shifts)):
        for length in range(1, 7):
            folder_of(tmp_path / name, moved if length == 1 else [0] * 5, seq_len=length)
    one = compare_runs(
        *(pd.DataFrame(load_runs(tmp_path / name).query("seq_len == 1")) for name in ("a", "b"))
    )
    many = compare_runs(load_runs(tmp_path / "a"), load_runs(tmp_path / "b"))
    assert [pair.verdict for pair in one.pairs] == [CHANGED]
    assert [pair.verdict for pair in many.pairs] == [WITHIN, *[EQUAL] * 5]


def test_a_run_that_ends_in_another_way_is_counted_and_not_equal(tmp_path):
    a = folder_of(tmp_path / "a", [0] * 5)
    write(tmp_path / "b", record(seed=0, status="diverged", test_accuracy=None, test_loss=None))
    b = folder_of(tmp_path / "b", [0] * 4, range(1, 5))
    (pair,) = compare_runs(a, b).pairs
    assert (pair.verdict, pair.status_changed) == (WITHIN, 1)
    assert pair.differences["test_accuracy"][0] == 0  # over the four seeds that ended ok in both


def test_other_code_data_and_revisions_are_named_and_versions_too(tmp_path):
    a = folder_of(tmp_path / "a", [0] * 3, range(3), code="1a", data_hash="")
    b = folder_of(tmp_path / "b", [0] * 3, range(3), code="2b", revisions="train 1", torch="2.15.0")
    comparison = compare_runs(a, b)
    (pair,) = comparison.pairs
    assert pair.origin == "code 1a → 2b; revisions none → train 1"
    assert pair.about["condition"] == ""
    assert comparison.environment == {"torch": ("2.14.1", "2.15.0")}


def test_a_setting_with_two_codes_is_matched_by_its_code(tmp_path):
    a = pd.concat([folder_of(tmp_path / code, [0], [0], code=code) for code in ("1a", "2b")])
    b = pd.concat([a.query("code == '2b'"), folder_of(tmp_path / "c", [0], [0], code="3c")])
    comparison = compare_runs(a, b)
    assert [pair.origin for pair in comparison.pairs] == ["", "code 1a → 3c"]


def test_settings_of_one_folder_and_runs_for_tuning(tmp_path):
    a = folder_of(tmp_path / "a", [0] * 3, range(3))
    folder_of(tmp_path / "a", [0], [0], lr=0.01, config={"train": {"lr": 0.01}})
    folder_of(tmp_path / "a", [0], [0], lr=0.1, stage="tune")
    comparison = compare_runs(load_runs(tmp_path / "a"), a)
    assert [pair.verdict for pair in comparison.pairs] == [EQUAL]
    assert comparison.only_a["lr"].tolist() == [0.01]
    assert "lr 0.01" in comparison.only_a["condition"].iloc[0]
    assert comparison.only_b.empty
    assert compare_runs(a.iloc[:0], a.iloc[:0]).pairs == []


def test_seeds_that_do_not_vary_at_all_have_changed_where_they_differ(tmp_path):
    a = folder_of(tmp_path / "a", [0.1, 0.11, 0.12], range(3))  # 1.0 each
    b = folder_of(tmp_path / "b", [-0.4 + s / 100 for s in range(3, 6)], range(3, 6))  # 0.5 each
    (pair,) = compare_runs(a.assign(test_accuracy=1.0), b.assign(test_accuracy=0.5)).pairs
    assert pair.verdict == CHANGED
    assert pair.differences["test_accuracy"] == (-0.5, 0.0)
