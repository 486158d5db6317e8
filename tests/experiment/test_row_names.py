"""The names of classes and symbols in the row of a run: there, and no part of what the run is."""

import dataclasses

import pytest

from harness.experiment.config import compose
from harness.experiment.plan import plan
from harness.experiment.run import known_columns
from harness.results import COLUMNS
from harness.results.row_values import why_wrong
from harness.results.schema import MOST_NAMES


def planned(*overrides):
    return plan(compose([*overrides, "cell=rnn", "cell.hidden_size=4"]))


def test_the_row_lists_classes_and_symbols():
    columns = known_columns(planned("task=bracket_matching"))
    assert columns["class_names"] == ["unmatched", "matched"]
    assert columns["symbols"] == ["(", "[", ")", "]"]
    assert not {"class_names", "symbols"} & {*COLUMNS}  # of row.json alone


def test_a_large_vocabulary_is_not_listed():
    columns = known_columns(planned("task=bracket_matching", f"task.num_types={MOST_NAMES}"))
    assert columns["symbols"] is None


def test_names_are_no_part_of_the_identity():
    run = planned("task=parity")
    unnamed = dataclasses.replace(run.task.spec, class_names=None)
    assert (
        known_columns(dataclasses.replace(run, task=dataclasses.replace(run.task, spec=unnamed)))["run_id"]
        == known_columns(run)["run_id"]
    )


@pytest.mark.parametrize("names", ["ab", [1, 2], {"a": 1}])
def test_a_row_with_other_names_is_none_of_this_package(names):
    row = {"task": "t", "cell": "c", "seq_len": 3, "hidden_size": 4, "seed": 1, "setting": "s", "config": {}}
    assert why_wrong(row | {"class_names": ["a", "b"]}) is None
    assert why_wrong(row | {"class_names": names}) == "class_names must be a list of texts"
