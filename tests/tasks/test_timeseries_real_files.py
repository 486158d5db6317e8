"""Problems as they come in practice: other labels, channels and classes in the parts, and missing values."""

import logging
import math

import numpy as np
import pytest

from harness.experiment.identity import hashed_node
from harness.tasks import load_timeseries
from harness.tasks.common.labels import class_of_label, names_of_classes
from harness.tasks.common.split_notes import log_once
from tests.tasks.series_files import rows


def part_text(series, *header):
    """A part from [(values of each channel as text, label)]."""
    return "\n".join([*header, "@data", *(":".join([*channels, label]) for channels, label in series)]) + "\n"


@pytest.fixture
def problem(tmp_path):
    """A function that writes both parts of a problem and loads it."""

    def write(train, test, *header, **options):
        (tmp_path / "Own").mkdir(exist_ok=True)
        for part, series in (("TRAIN", train), ("TEST", test)):
            (tmp_path / "Own" / f"Own_{part}.ts").write_text(part_text(series, *header))
        return load_timeseries(name="Own", data_dir=tmp_path, normalize=False, **options)

    return write


def of_labels(*labels):
    """Series of two steps, all different."""
    return [([f"{number},{-number}"], label) for number, label in enumerate(labels)]


def test_one_and_one_point_zero_are_one_class(problem):
    task = problem(of_labels(*["1", "2"] * 5), of_labels("2.0", "1.0", "2"))
    assert (task.spec.num_classes, task.spec.class_names) == (2, ("1", "2"))
    assert task.test.y.tolist() == [1, 0, 1]
    assert task.spec.revision == 1  # version 0.2 saw four classes


def test_labels_that_differ_in_case_or_hold_nan_are_classes_of_their_own(problem):
    task = problem(of_labels(*["Banana", "banana", "nan"] * 5), of_labels("nan", "Banana", "banana"))
    assert task.spec.class_names == ("Banana", "banana", "nan")
    assert task.test.y.tolist() == [2, 0, 1]
    assert task.spec.revision == 1  # version 0.2 read capitals as small letters


def test_words_in_capitals_alone_keep_the_classes_of_earlier_versions(problem):
    task = problem(of_labels(*["Walking", "badminton", "Running"] * 5), of_labels("Walking"))
    assert task.spec.class_names == ("badminton", "Running", "Walking")
    assert task.spec.revision == 0


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (["1e0", "1", "01", "+1"], ("1",)),
        (["9007199254740993", "9007199254740992"], ("9007199254740992", "9007199254740993")),
        (["inf", "1", "2"], ("1", "2", "inf")),
        (["1", "1.0", "x"], ("1", "1.0", "x")),
    ],
)
def test_only_labels_that_are_all_numbers_are_compared_by_value(labels, names):
    assert names_of_classes(class_of_label(labels)) == names


def test_parts_with_different_channels_are_refused(problem):
    two = [(["1,2", "3,4"], label) for label in "ab" * 5]
    with pytest.raises(ValueError, match=r"Own_TRAIN.ts has 2 channels and Own_TEST.ts 1; both parts need"):
        problem(two, of_labels("a", "b"))


def test_a_class_that_only_the_test_part_has_is_warned_about_by_name(problem, caplog):
    log_once.cache_clear()
    with caplog.at_level(logging.WARNING, logger="harness.tasks"):
        task = problem(of_labels(*"ab" * 5), of_labels(*"abc"), "@classLabel true a b c d")
        task.train  # noqa: B018
    assert task.spec.class_names == ("a", "b", "c")
    assert [record.getMessage() for record in caplog.records] == [
        "timeseries (Own): no sample of the declared 'd'; left out",
        "timeseries (Own-raw), train: no sample of class 2 ('c'), of 3 classes, which no cell can then learn",
    ]


# --- missing values -------------------------------------------------------------------------------------

GAPS = [([f"{k},{k}"], label) for k, label in enumerate("ab" * 5)]
WITH_GAPS = [(["?,2,?,?,8,?"], "a"), (["?,?"], "b"), (["1,1"], "a")]


def test_missing_values_are_refused_with_the_choices(problem):
    with pytest.raises(
        ValueError, match=r"Own_TEST.ts:2: a value is missing, the first of 6; set missing to "
    ):
        problem(GAPS, WITH_GAPS)


@pytest.mark.parametrize("missing", ["zero", "mean", "interpolate"])
def test_missing_values_are_filled_by_hand_worked_rules(problem, missing):
    task = problem(GAPS, WITH_GAPS, missing=missing)
    mean = float(np.mean([row[0][0] for row in rows(task.train)]))
    first, second = {
        "zero": ([0, 2, 0, 0, 8, 0], [0, 0]),
        "mean": ([mean, 2, mean, mean, 8, mean], [mean, mean]),
        "interpolate": ([2, 2, 4, 6, 8, 8], [mean, mean]),
    }[missing]
    filled = rows(task.test)
    assert [step[0] for step in filled[0]] == pytest.approx(first)
    assert [step[0] for step in filled[1]] == pytest.approx(second)
    assert filled[2] == [[1], [1]]
    assert task.spec.variant == f"Own-raw-{missing}"


def test_the_mean_is_that_of_the_values_that_are_there_in_the_training_samples(problem):
    train = [([f"{k},?"], "a") for k in range(10)]
    task = problem(train, [(["?,7"], "a")], missing="mean")
    kept = [row[0][0] for row in rows(task.train)]
    assert len(kept) == 8
    assert task.test.x[0, 0].item() == pytest.approx(math.fsum(kept) / 8)


def test_a_channel_without_any_value_is_refused(problem):
    train = [(["1,2", "?,?"], label) for label in "ab" * 5]
    with pytest.raises(ValueError, match="channel 2 has no value in any training sample"):
        problem(train, train, missing="mean")


def test_an_error_on_missing_values_is_what_earlier_runs_had():
    rules = {"leave_out": ["data_dir"], "neutral": {"missing": "error"}}
    node = {"name": "Toy", "normalize": True, "data_dir": None, "_identity_": rules}
    assert hashed_node(node | {"missing": "error"}) == {"name": "Toy", "normalize": True}
    assert hashed_node(node | {"missing": "mean"})["missing"] == "mean"
