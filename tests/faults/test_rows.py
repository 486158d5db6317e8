"""Hostile rows, names and folders, each alone in a report with every figure: `make test-faults`."""

from __future__ import annotations

import logging
import signal

import pytest

from harness.cli.main import main
from harness.results import load_runs
from tests.results.hostile_rows import (
    FILES,
    ODD_VALUES,
    WRONG_VALUES,
    new_run,
    odd_folders,
    with_file,
    with_value,
)

pytestmark = pytest.mark.faults

SLOW_S = 120


@pytest.fixture(autouse=True)
def never_waits():
    """A report that waits, as for a pipe, is ended."""
    signal.alarm(SLOW_S)
    yield
    signal.alarm(0)


def reported(folder, caplog):
    with caplog.at_level(logging.WARNING):
        assert main(["report", str(folder)]) == 0
    assert (folder / "report.html").stat().st_size > 0


@pytest.mark.parametrize("case", range(0, len(WRONG_VALUES), 6), ids=lambda i: f"{i} {WRONG_VALUES[i][0]}")
def test_a_wrong_value_is_left_out_and_named(tmp_path, caplog, case):
    good, _ = new_run(tmp_path, seed=7)
    bad = with_value(tmp_path, *WRONG_VALUES[case])
    reported(tmp_path, caplog)
    assert f"{bad}/row.json" in caplog.text
    assert load_runs(tmp_path)["run_id"].tolist() == [good.name]


@pytest.mark.parametrize("kind", FILES)
def test_an_odd_file_is_left_out_and_named(tmp_path, caplog, kind):
    good, _ = new_run(tmp_path, seed=7)
    bad = with_file(tmp_path, kind)
    reported(tmp_path, caplog)
    assert f"{bad}/row.json" in caplog.text
    assert load_runs(tmp_path)["run_id"].tolist() == [good.name]


@pytest.mark.parametrize("case", range(len(ODD_VALUES)), ids=lambda i: f"{i} {ODD_VALUES[i][0]}")
def test_an_odd_value_is_shown(tmp_path, caplog, case):
    new_run(tmp_path, seed=7)
    with_value(tmp_path, *ODD_VALUES[case])
    reported(tmp_path, caplog)
    assert len(load_runs(tmp_path)) == 2


def test_odd_folders_are_named(tmp_path, caplog):
    new_run(tmp_path)
    odd_folders(tmp_path)
    reported(tmp_path, caplog)
    assert caplog.text.count("counted as not run") == 4
