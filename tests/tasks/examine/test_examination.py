"""Facts, problems and notes of small tasks that are written out."""

import math

import pytest
import torch

from harness.tasks import Split, Task, make_adding
from harness.tasks.common.vocabulary import UNKNOWN
from harness.tasks.examine import examine_task
from tests.tasks.examine.toys import toy

GOOD = ([[0, 1], [1, 0, 1], [2], [1, 1]], [0, 1, 0, 1])
OTHER = ([[0, 2], [1, 2]], [0, 1])
LAST = ([[2, 1], [0, 0]], [1, 0])


def test_tokens_lengths_and_classes_are_counted_without_padding():
    found = examine_task(toy(GOOD, OTHER, LAST))
    train, val = found.splits["train"], found.splits["val"]
    assert (train.samples, train.lengths) == (4, (1, 2, 3))
    assert train.class_counts.tolist() == [2, 2]
    assert (train.inputs.tokens, train.inputs.counts.tolist()) == (8, [2, 5, 1, 0])
    assert val.inputs.unseen(train.inputs) == 0
    assert found.problems == ()


def test_values_are_described_without_padding():
    rows = ([[[1.0, 7.0], [-2.0, 7.0]], [[4.0, 7.0]], [[0.5, 7.0]]], [0, 1, 1])
    inputs = examine_task(toy(rows)).splits["train"].inputs
    assert (inputs.low, inputs.high, inputs.nan, inputs.infinite, inputs.constant) == (-2.0, 7.0, 0, 0, (1,))


def test_what_simple_predictors_reach_is_their_share_of_the_test_samples():
    train = ([[0, 0], [0], [1], [1, 1, 1]], [0, 0, 1, 0])
    found = examine_task(toy(train, OTHER, ([[0, 0, 0], [1, 1], [1, 1, 1, 1], [2, 2]], [0, 1, 1, 1])))
    assert found.majority.accuracy == 1 / 4
    # Token 1: 4/10 in both classes, so class 0, which is more frequent; 2: 1/10 and 1/5, prior 4/6 and 2/6.
    assert (found.bag.accuracy, found.bag.squared_error) == (2 / 4, None)


def test_a_constant_for_values_is_the_mean_of_the_training_values():
    task = make_adding(seq_len=10, n_train=300, n_val=20, n_test=100)
    found = examine_task(task)
    off = task.test.y.double() - task.train.y.double().mean()
    assert found.majority.squared_error == pytest.approx(float(off.square().mean()))
    assert found.majority.accuracy == pytest.approx(float((off.abs() < 0.04).double().mean()))
    y = task.test.y.tolist()
    assert found.splits["test"].targets == pytest.approx((min(y), sum(y) / len(y), max(y)))


# --- problems -------------------------------------------------------------------------------------------


def only_problem(task):
    (problem,) = examine_task(task).problems
    return problem


def test_labels_of_one_class_are_a_problem_of_their_split():
    assert only_problem(toy(GOOD, ([[2, 2], [0, 2]], [1, 1]), LAST)).startswith("val: every label is class 1")


def test_equal_targets_are_a_problem():
    rows = ([[[0.0]], [[1.0]]], [2.0, 2.0])
    assert "train: every target is 2" in examine_task(toy(rows, target="value")).problems[0]


@pytest.mark.parametrize(
    ("tolerance", "said"),
    [
        (0.51, "one constant is within the tolerance 0.51"),
        (1e-8, "less than the distance 1.2e-07 of"),
        (0.5, None),
    ],
)
def test_a_tolerance_that_every_constant_or_no_answer_keeps_is_a_problem(tolerance, said):
    rows = ([[[0.0]], [[1.0]]], [0.0, 1.0])
    other, last = ([[[2.0]], [[3.0]]], [0.0, 1.0]), ([[[4.0]], [[5.0]]], [0.0, 1.0])
    problems = examine_task(toy(rows, other, last, target="value", tolerance=tolerance)).problems
    assert len(problems) == (said is not None) and (
        said is None or f"test: {said}" in problems[0].replace("the tolerance 1e-08 is ", "")
    )


@pytest.mark.parametrize("rare", [1, 2])
def test_a_test_split_of_nearly_one_class_is_a_note(rare):
    many = ([[2, k % 3, k % 2, k % 4, k // 8] for k in range(30)], [0] * (30 - rare) + [1] * rare)
    notes = examine_task(toy(GOOD, OTHER, many)).notes
    assert any("test: 29 (96.7 %) of its labels are class 0" in note for note in notes) == (rare == 1)


def test_a_class_without_training_sample_is_a_problem_and_a_note_where_it_is_rare():
    many = ([[2, k % 3, k % 2] for k in range(300)], [k % 2 for k in range(299)] + [2])
    rare = examine_task(toy(GOOD, OTHER, many, num_classes=3))
    assert "test: 1 (0.333 %) of its labels have no training sample: class 2" in rare.notes
    assert not any("labels" in problem for problem in rare.problems)
    frequent = ([[2, 1], [0, 0], [2, 2]], [1, 0, 2])
    said = only_problem(toy(GOOD, OTHER, frequent, num_classes=3, class_names=("a", "b", "c")))
    assert said == "test: 1 (33.3 %) of its labels have no training sample: class 2 ('c')"


def test_shared_inputs_are_counted_and_a_problem_of_held_out_splits():
    found = examine_task(toy(GOOD, OTHER, ([[1, 0, 1], [0, 2], [2, 2], [1, 2]], [1, 0, 0, 1])))
    assert found.shared == {("val", "train"): 0, ("test", "train"): 1, ("test", "val"): 2}
    first, second = found.problems
    assert first.startswith("test: 1 (25 %) of its inputs are also training inputs")
    assert second.startswith("test: 2 (50 %) of its inputs are also validation inputs")


def test_test_samples_for_validation_are_a_problem():
    said = only_problem(toy(GOOD, LAST, LAST))
    assert said.startswith("test: 2 (100 %) of its inputs are also validation inputs, so learning rate")


def test_texts_of_unknown_symbols_are_not_taken_for_one_text():
    symbols = (UNKNOWN, "a", "b", "c")
    found = examine_task(toy(GOOD, ([[2, 0], [3]], [0, 1]), ([[2, 0], [3, 3]], [1, 0]), symbols=symbols))
    assert found.shared["test", "val"] == 0


def test_windows_of_a_text_that_occur_again_are_a_note():
    found = examine_task(toy(GOOD, LAST, ([[1, 0, 1], [0, 2]], [1, 0]), predicts_next=True))
    assert not found.problems
    assert (
        "test: 1 (50 %) of its inputs are also training inputs: there are few different ones" in found.notes
    )


def test_a_shorter_sequence_is_not_its_padded_form():
    found = examine_task(toy(([[1, 2], [0, 1]], [0, 1]), ([[1, 2, 0], [2, 1]], [0, 1]), LAST))
    assert found.shared["val", "train"] == 0


def test_inputs_that_are_all_the_same_are_a_problem():
    rows = ([[1, 1], [1]], [0, 1])
    assert "train: every input is symbol 1" in examine_task(toy(rows, OTHER, LAST)).problems[0]
    real = ([[[3.0], [3.0]], [[3.0]]], [0, 1])
    assert "train: every input is 3" in " ".join(examine_task(toy(real)).problems)


def test_held_out_symbols_that_training_lacks_are_a_problem_when_they_are_most():
    found = examine_task(toy(GOOD, OTHER, ([[3, 3, 1], [3, 3]], [0, 1])))
    assert found.problems[0].startswith("test: 4 (80 %) of its symbols do not occur in the training samples")


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_inputs_that_are_not_finite_are_counted_and_a_problem(value):
    good = ([[[1.0]], [[2.0]], [[3.0]]], [0, 1, 1])
    found = examine_task(toy(good, ([[[4.0]], [[value]]], [0, 1]), ([[[7.0]], [[8.0]]], [0, 1])))
    inputs = found.splits["val"].inputs
    assert (inputs.nan, inputs.infinite) == (int(math.isnan(value)), int(math.isinf(value)))
    assert (inputs.low, inputs.high) == (4.0, 4.0)
    assert "val, sample 1, step 0, feature 0: the input must be a finite number" in found.problems[0]
    assert found.majority is None and found.bag is None


def test_a_split_that_does_not_fit_the_spec_is_a_problem_and_the_others_are_described():
    task = toy(GOOD, ([[0, 2], [1, 2]], [0, 5]), LAST)
    found = examine_task(task)
    assert found.splits.keys() == {"train", "test"} and found.shared.keys() == {("test", "train")}
    assert (
        "toy (plain), val, sample 1: a label must be from 0 to num_classes - 1 = 1, not 5"
        in found.problems[0]
    )


@pytest.mark.parametrize(
    "returned", [None, Split(torch.ones(2, 3).to_sparse(), torch.zeros(2), torch.ones(2))]
)
def test_what_is_no_split_or_sparse_is_a_problem_of_each_split(returned):
    assert len(examine_task(Task(toy(GOOD).spec, lambda name, epoch: returned)).problems) == 3


def test_nothing_but_problems_is_found_where_no_split_fits():
    broken = Task(toy(GOOD).spec, lambda name, epoch: Split(torch.zeros(2, 9), torch.zeros(2), torch.ones(2)))
    found = examine_task(broken)
    assert len(found.problems) == 3 and not found.splits and not found.shared


def test_few_test_samples_are_a_note():
    assert any(
        "of 2 samples one moves the accuracy by 50 points" in note
        for note in examine_task(toy(GOOD, OTHER, LAST)).notes
    )
