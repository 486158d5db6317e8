"""Warnings about classes that a split lacks, a single class, and inputs that two splits share."""

import logging

import pytest
import torch

from harness.tasks import NO_LABEL, Split, Task, TaskSpec, load_next_char, make_delayed_recall
from harness.tasks.common.split_notes import class_notes, log_once, shared_notes, unseen_notes


def spec_of(target="class", num_classes=3, **changes):
    given = {"name": "own", "variant": "v", "target": target, "seq_len": 2, "vocab_size": 50}
    given |= {"num_classes": num_classes, "chance_accuracy": 0.5, "data_source": "a", "citation": "none"}
    return TaskSpec(**(given | changes))


def split_of(labels, first=0, lengths=None):
    """Sample i is the tokens (first + i, 0)."""
    y = torch.tensor(labels)
    x = torch.stack([torch.arange(len(y)) + first, torch.zeros(len(y), dtype=torch.int64)], dim=1)
    return Split(x, y, torch.full((len(y),), 2) if lengths is None else torch.tensor(lengths))


def test_a_class_without_samples_is_named():
    spec = spec_of(class_names=("a", "b", "c"))
    assert class_notes(spec, "train", split_of([0, 2, 2])) == [
        "own (v), train: no sample of class 1 ('b'), of 3 classes, which no cell can then learn"
    ]
    [line] = class_notes(spec_of(num_classes=9), "test", split_of([0, 1]))
    assert "no sample of class 2, class 3, class 4, class 5, class 6 and 2 more, of 9 classes" in line
    assert class_notes(spec, "val", split_of([0, 1, 2])) == []


def test_labels_of_classes_without_a_training_sample_are_counted():
    spec, train = spec_of(num_classes=4, class_names=tuple("abcd")), split_of([0, 1, 0])
    assert unseen_notes(spec, "test", split_of([2, 1, 3, 2, 0]), train) == [
        "own (v), test: 3 of 5 labels are of classes that no training sample has, and count as errors: "
        "class 2 ('c'), class 3 ('d')"
    ]
    assert unseen_notes(spec, "test", split_of([1, 0]), train) == []


def test_a_class_that_only_a_late_sample_has_counts():
    assert class_notes(spec_of(num_classes=2), "train", split_of([0] * 999 + [1])) == []


def test_a_single_class_is_named():
    assert class_notes(spec_of(), "val", split_of([1, 1])) == [
        "own (v), val: every label is class 1, so there is nothing to tell apart"
    ]


def test_labels_at_steps_are_counted_and_values_are_not():
    y = torch.tensor([[0, NO_LABEL], [NO_LABEL, 2]])
    split = Split(torch.zeros(2, 2).long(), y, torch.full((2,), 2))
    assert "no sample of class 1, of 3" in class_notes(spec_of("steps"), "train", split)[0]
    assert class_notes(spec_of("value", 1), "train", split_of([0.5, 0.5])) == []


def test_inputs_that_are_in_two_splits_are_counted_in_the_held_out_one():
    train, test = split_of([0] * 10), split_of([0] * 4, first=8)  # tokens 8 and 9 are in both
    words = "own (v), test: 2 of 4 inputs are also in train, so its accuracy may measure what was seen before"
    assert shared_notes(spec_of(), "test", test, {"train": train}) == [words]
    assert shared_notes(spec_of(), "train", train, {"test": test}) == [words]
    assert shared_notes(spec_of(), "val", split_of([0], first=30), {"train": train, "test": test}) == []


def test_equal_values_of_another_length_are_another_input():
    short = split_of([0], lengths=[1])
    assert shared_notes(spec_of(), "test", short, {"train": split_of([0])}) == []


@pytest.fixture
def logged(caplog):
    log_once.cache_clear()
    with caplog.at_level(logging.WARNING, logger="harness.tasks"):
        yield lambda: [record.getMessage() for record in caplog.records]
    log_once.cache_clear()


def test_a_function_that_ignores_the_name_of_the_split_is_warned_about_once(logged):
    for _ in range(2):
        task = Task(spec_of(), lambda name, epoch: split_of([0, 1, 2]))
        task.train, task.val, task.test  # noqa: B018
    assert [line.partition(",")[2][:41] for line in logged()] == [
        " val: 3 of 3 inputs are also in train, so",
        " test: 3 of 3 inputs are also in train, s",
        " test: 3 of 3 inputs are also in val, so ",
    ]


def test_fresh_samples_and_windows_of_one_text_are_not_compared(logged):
    task = Task(spec_of(), lambda name, epoch: split_of([0, 1, 2]), fresh=True)
    windows = load_next_char(seq_len=2)
    for one in (task, windows):
        one.train, one.val  # noqa: B018
    assert not any("also in" in line for line in logged())


def test_a_generated_task_says_nothing_at_its_default_sizes(logged):
    task = make_delayed_recall()
    task.train, task.val, task.test  # noqa: B018
    assert logged() == []
