"""Rows that the command writes for runs whose process left none."""

import pytest

from harness.experiment.config import compose
from harness.experiment.endings import record_ending
from harness.experiment.plan import plan
from harness.experiment.run import execute
from harness.results import store
from harness.results.locks import hold


def test_a_run_that_another_process_took_up_gets_no_row(tiny, caplog):
    planned = plan(compose(tiny))
    store.begin(planned.folder, "")
    with hold(planned.folder, timeout=0):
        record_ending(planned, status="interrupted", error="killed", begun=True)
    assert store.status_of(planned.folder) == "begun"
    assert "another process" in caplog.text
    record_ending(planned, status="interrupted", error="killed", begun=True)
    row = store.read_row(planned.folder)
    assert (row["status"], row["error"], row["run_id"]) == ("interrupted", "killed", planned.run_id)


def test_a_row_that_is_there_stays(tiny):
    planned = plan(compose(tiny))
    execute(planned, echo=False)
    record_ending(planned, status="interrupted", error="killed", begun=True)
    assert store.read_row(planned.folder)["status"] == "ok"


@pytest.mark.parametrize("earlier", ["nothing", "a failed attempt"])
def test_a_run_that_died_before_it_began_gets_a_row_and_the_earlier_attempt_is_kept(tiny, earlier):
    planned = plan(compose(tiny))
    if earlier != "nothing":
        store.begin(planned.folder, "old: true\n")
        record_ending(planned, status="failed", error="the first time", begun=True)
    record_ending(planned, status="failed", error="its process was killed by SIGSEGV", begun=False)
    assert store.read_row(planned.folder)["error"] == "its process was killed by SIGSEGV"
    assert "delayed_recall" in (planned.folder / "config.yaml").read_text()
    kept = planned.folder / "attempt-1"
    assert kept.exists() == (earlier != "nothing")
    if kept.exists():
        assert "the first time" in (kept / "row.json").read_text()
