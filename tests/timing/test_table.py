"""The table of a timing pass: quartiles, rates, shares, reading back, warnings."""

import numpy as np
import pandas as pd
import pytest

from harness.timing.table import (
    TIMING_ABOUT,
    TimingRow,
    is_noisy,
    load_timing,
    measured_columns,
    quartiles,
    write_timing,
)
from harness.timing.text import load_text, timing_text, warnings_of
from tests.timing.timing_rows import timing_row

STEADY, NOISY = [1.0, 1.01, 1.0, 1.02, 1.01], [1.0, 1.3, 0.9, 1.5, 1.1]


@pytest.mark.parametrize("n", [3, 4, 7, 20])
def test_quartiles_equal_those_of_numpy(n):
    values = np.random.RandomState(n).rand(n).tolist()
    assert quartiles(values) == pytest.approx(np.percentile(values, [25, 50, 75]).tolist())


def test_noisy_means_an_interquartile_range_above_a_tenth_of_the_median():
    assert is_noisy([1.0, 1.0, 1.11, 1.11, 1.11]) == (0.11 > 0.1 * 1.11)
    assert not is_noisy(STEADY)
    assert is_noisy(NOISY)


def test_rates_and_shares_computed_by_hand():
    # 4 GFLOP in 2 s, and a product of 1 GFLOP in 0.25 s: 2 of 4 GFLOP/s, a share of 1/2.
    columns = measured_columns([2.0] * 3, 50, 4 * 10**9, [0.25] * 3, 10**9)
    assert columns["median_ms"] == 2000
    assert columns["iqr_ms"] == 0
    assert columns["samples_per_s"] == 25
    assert (columns["gflop"], columns["gflop_per_s"], columns["sgemm_gflop_per_s"]) == (4, 2, 4)
    assert (columns["share_q25"], columns["share"], columns["share_q75"]) == (0.5, 0.5, 0.5)


def test_shares_are_taken_within_rounds_so_that_a_slow_round_does_not_change_them():
    columns = measured_columns([1.0, 2.0, 4.0], 1, 10**9, [0.1, 0.2, 0.4], 10**8)
    assert columns["noisy"] and columns["sgemm_noisy"]
    assert columns["share_q25"] == columns["share_q75"] == pytest.approx(1.0)


def test_without_an_operation_count_rates_are_empty():
    columns = measured_columns(STEADY, 10)
    for name in ("gflop", "gflop_per_s", "sgemm_gflop_per_s", "sgemm_noisy", "share"):
        assert columns[name] is None
    TimingRow(**vars(timing_row()) | columns)


def test_the_table_is_read_back_as_written_and_replaces_an_earlier_one(tmp_path):
    write_timing(tmp_path, [timing_row(cell="old"), timing_row(cell="older")], like_for_like=False)
    path = write_timing(tmp_path, [timing_row(cell="gru", setting="00012345")], like_for_like=False)
    table = load_timing(path)
    assert path.name == "timing.csv"
    assert list(table) == list(TIMING_ABOUT)
    assert table["cell"].tolist() == ["gru"]
    assert table["setting"].tolist() == ["00012345"]
    assert table["median_ms"].tolist() == [timing_row().median_ms]
    other = write_timing(tmp_path, [timing_row()], like_for_like=True)
    assert other.name == "timing-like_for_like.csv"
    assert path.exists()


def test_a_table_that_lacks_a_column_is_refused(tmp_path):
    path = tmp_path / "timing.csv"
    path.write_text("cell,hidden_size\ngru,3\n")
    with pytest.raises(ValueError, match="lacks the column 'setting'.*harness time"):
        load_timing(path)


def test_a_table_of_before_a_column_existed_means_its_default(tmp_path):
    path = write_timing(tmp_path, [timing_row()], like_for_like=False)
    table = pd.read_csv(path, dtype={"setting": "str"})
    table.drop(columns=["readout", "match_params"]).to_csv(path, index=False)
    loaded = load_timing(path)
    assert loaded["readout"].tolist() == ["last"] and loaded["match_params"].isna().all()


def test_only_noisy_rows_are_marked_and_warned_about():
    steady = timing_row(**measured_columns(STEADY, 10))
    noisy = timing_row(cell="gru", setting="b", **measured_columns(NOISY, 10, 10**9, NOISY, 10**9))
    assert warnings_of([steady]) == []
    lines = warnings_of([steady, noisy])
    assert len(lines) == 2
    assert all("gru H=32 T=28" in line for line in lines)
    assert "interquartile range" in lines[0]
    first, second = timing_text([steady, noisy]).splitlines()[1:3]
    assert "!" not in first
    assert "!" in second


def test_the_load_of_the_machine_is_printed():
    assert "0.10 before the rounds, 1.00 after" in load_text([timing_row(load_start=0.1, load_end=1.0)])
    assert "not available" in load_text([timing_row(load_start=None)])
