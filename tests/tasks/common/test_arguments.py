"""Argument checks: accepted values, and the messages for refused ones."""

import time

import numpy as np
import pytest
import torch

import harness.tasks
from harness.tasks.common import arguments
from harness.tasks.common.arguments import did_you_mean, one_of, split_sizes, whole_number


@pytest.mark.parametrize("value", [3, np.int64(3), np.uint8(3), torch.tensor(3)])
def test_every_kind_of_whole_number_becomes_an_int(value):
    assert whole_number("n", value) == 3
    assert type(whole_number("n", value)) is int


@pytest.mark.parametrize("value", [True, False, 3.0, "3", None, [3], float("nan")])
def test_anything_else_is_refused_with_name_and_value(value):
    with pytest.raises(ValueError, match="^n_val must be a whole number of at least 1, not ") as error:
        whole_number("n_val", value)
    assert repr(value) in str(error.value)


@pytest.mark.parametrize(("low", "value"), [(1, 0), (0, -1), (10, 9), (2, -5)])
def test_the_error_for_a_number_that_is_too_small_names_the_nearest(low, value):
    with pytest.raises(ValueError, match=f"at least {low}, not {value}; the nearest is {low}$"):
        whole_number("seq_len", value, low=low)
    assert whole_number("seq_len", low, low=low) == low


def test_the_error_for_a_wrong_choice_lists_all_choices_and_the_nearest():
    message = "^variant must be one of separate, shared, not 'sharde'; did you mean 'shared'\\?$"
    with pytest.raises(ValueError, match=message):
        one_of("variant", "sharde", ("separate", "shared"))


@pytest.mark.parametrize("value", ["zzz", None, 3, ""])
def test_a_choice_without_a_similar_one_gets_no_suggestion(value):
    with pytest.raises(ValueError, match=f"^variant must be one of half, any, not {value!r}$"):
        one_of("variant", value, ("half", "any"))
    assert did_you_mean(value, ("half",)) == ""


def test_each_split_size_is_checked_under_its_own_name():
    assert split_sizes(3, 2, 1, sample_bytes=8) == {"train": 3, "val": 2, "test": 1}
    for name in ("n_train", "n_val", "n_test"):
        with pytest.raises(ValueError, match=f"^{name} must be .* not 0; the nearest is 1"):
            split_sizes(**({"n_train": 1, "n_val": 1, "n_test": 1} | {name: 0}), sample_bytes=8)


def test_samples_that_are_larger_than_the_memory_are_refused(monkeypatch):
    monkeypatch.setattr(arguments, "memory_bytes", lambda: 2**30)
    assert split_sizes(2**17 - 2, 1, 1, sample_bytes=2**13)["train"] == 2**17 - 2
    with pytest.raises(ValueError, match="= 131073 samples of 8192 bytes need 1.0 GiB, and this machine"):
        split_sizes(2**17 - 1, 1, 1, sample_bytes=2**13)
    monkeypatch.setattr(arguments, "memory_bytes", lambda: None)
    assert split_sizes(2**30, 1, 1, sample_bytes=2**13)["train"] == 2**30


@pytest.mark.parametrize("make", [name for name in dir(harness.tasks) if name.startswith("make_")])
def test_every_generated_task_refuses_more_than_the_memory_at_once(make):
    start = time.process_time()
    with pytest.raises(ValueError, match=r"need \d+\.\d GiB, and this machine has"):
        getattr(harness.tasks, make)(n_train=2**31 - 10, n_val=1, n_test=1)
    assert time.process_time() - start < 0.1
