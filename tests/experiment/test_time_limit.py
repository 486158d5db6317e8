"""`train.max_minutes`: what counts, and what happens when it is over."""

import os
import time

import pytest

from harness.experiment.config import compose
from harness.experiment.endings import record_ending
from harness.experiment.errors import ConfigError
from harness.experiment.job import execute_within_limit
from harness.experiment.plan import plan
from harness.experiment.run import execute
from harness.experiment.time_limit import seconds_left, seconds_used
from harness.results import store


def attempt(folder, row, *, begun, ended):
    folder.mkdir(parents=True, exist_ok=True)
    for name, text, when in (("config.yaml", "", begun), ("row.json", row, ended)):
        (folder / name).write_text(text)
        os.utime(folder / name, (when, when))


def test_the_attempts_that_did_not_finish_count_and_the_time_between_them_does_not(tmp_path):
    attempt(tmp_path / "attempt-1", '{"status": "failed"}', begun=100, ended=130)
    attempt(tmp_path / "attempt-2", "not JSON", begun=500, ended=505)
    attempt(tmp_path / "attempt-3", '{"status": "ok"}', begun=600, ended=690)
    attempt(tmp_path, '{"status": "interrupted"}', begun=1000, ended=1002)
    assert seconds_used(tmp_path) == 30 + 5 + 2


def test_a_clock_set_back_counts_nothing(tmp_path):
    attempt(tmp_path, "{}", begun=1000, ended=900)
    assert seconds_used(tmp_path) == 0


def test_what_is_left_is_the_limit_without_what_was_used(tiny):
    planned = plan(compose([*tiny, "train.max_minutes=2"]))
    assert seconds_left(planned) == 120
    attempt(planned.folder, '{"status": "failed"}', begun=100, ended=130)
    assert seconds_left(planned) == 90
    attempt(planned.folder, '{"status": "failed"}', begun=100, ended=230)
    assert seconds_left(planned) == 0
    assert seconds_left(plan(compose(tiny))) is None


@pytest.mark.parametrize("wrong", ["0", "-1", "nan"])
def test_a_limit_is_a_number_above_0(tiny, wrong):
    with pytest.raises(ConfigError, match=r"train.max_minutes"):
        plan(compose([*tiny, f"train.max_minutes={wrong}"]))


def test_it_is_no_part_of_the_identity(tiny):
    assert plan(compose([*tiny, "train.max_minutes=5"])).run_id == plan(compose(tiny)).run_id


def test_a_run_that_has_used_its_time_is_left_alone_until_the_limit_is_raised(tiny):
    planned = plan(compose([*tiny, "train.max_minutes=0.5"]))
    attempt(planned.folder, "", begun=100, ended=140)
    (planned.folder / "row.json").unlink()
    os.utime(planned.folder / "config.yaml", (100, 100))
    (planned.folder / "log.txt").touch()
    os.utime(planned.folder / "log.txt", (140, 140))
    record_ending(planned, status="failed", error="it took longer", begun=True)
    stamp = store.file_stamp(planned.folder / "row.json")
    execute(planned, echo=False)
    assert store.file_stamp(planned.folder / "row.json") == stamp
    execute(plan(compose([*tiny, "train.max_minutes=1e9"])), echo=False)
    assert store.read_row(planned.folder)["status"] == "ok"


def test_a_single_run_that_hangs_is_ended_and_its_row_says_why(tiny):
    config = compose([*tiny, "cell=custom", "cell._target_=tests.outside.Hangs", "train.max_minutes=0.02"])
    planned, start = plan(config), time.monotonic()
    execute_within_limit(planned, config, echo=False)
    assert time.monotonic() - start < 60
    row = store.read_row(planned.folder)
    assert row["status"] == "failed"
    assert row["error"] == "it took longer than train.max_minutes=0.02; raise that to run it again"
    stamp = store.file_stamp(planned.folder / "config.yaml")
    execute_within_limit(planned, config, echo=False)
    assert store.file_stamp(planned.folder / "config.yaml") == stamp  # not begun again


def test_a_single_run_within_its_limit_has_the_numbers_of_one_without(tiny, tmp_path):
    losses = []
    for limit in ("null", "60"):
        config = compose([*tiny, f"results_dir={tmp_path / limit}", f"train.max_minutes={limit}"])
        execute_within_limit(plan(config), config, echo=False)
        losses.append(store.read_row(plan(config).folder)["val_loss"])
    assert losses[0] == losses[1]
