"""The log file of a run."""

import logging
from pathlib import Path

import pytest

from harness.experiment.logs import log_to

log = logging.getLogger("harness.test")


def test_lines_of_the_harness_go_to_the_file_while_it_is_open(tmp_path):
    with log_to(tmp_path / "log.txt", echo=False):
        log.info("step %d", 3)
    log.warning("later")
    assert (tmp_path / "log.txt").read_text().endswith(" step 3\n")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")
def test_a_full_disk_costs_the_lines_and_nothing_else(capfd):
    with log_to(Path("/dev/full"), echo=False):
        log.info("step 3")
        log.info("step 4")
    assert capfd.readouterr() == ("", "")


def test_an_error_in_a_message_is_shown(tmp_path, capfd):
    with log_to(tmp_path / "log.txt", echo=False):
        log.info("step %d", "three")
    assert "--- Logging error ---" in capfd.readouterr().err
