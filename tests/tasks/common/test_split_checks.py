"""A split that does not fit its spec is refused; the message names task, split, sample, rule and way out."""

import math
import pickle

import numpy as np
import pytest
import torch

from harness.tasks import NO_LABEL, Split, Task, TaskSpec

N, T = 4, 3


def spec_of(target="class", *, tokens=True, **changes):
    given = {"name": "own", "variant": "v", "target": target, "seq_len": T, "chance_accuracy": 0.5}
    given |= {"vocab_size": 5} if tokens else {"input_size": 2}
    given |= {"num_classes": 1 if target == "value" else 2, "data_source": "generated", "citation": "none"}
    return TaskSpec(**(given | changes))


def split_of(spec, **changes):
    """Four samples that fit, the second of length 2, with tensors replaced by `changes`."""
    x = torch.ones(N, T, dtype=torch.int64) if spec.vocab_size else torch.ones(N, T, 2)
    lengths = torch.tensor([3, 2, 3, 3])
    y = torch.tensor([0, 1, 0, 1])
    if spec.target == "value":
        y = torch.ones(N)
    elif spec.target == "steps":
        y = torch.full((N, T), NO_LABEL)
        y[:, 1] = torch.tensor([0, 1, 0, 1])
    return Split(**({"x": x, "y": y, "lengths": lengths} | changes))


def with_value(tensor, place, value):
    changed = tensor.clone()
    changed[place] = value
    return changed


def refused(spec, split):
    with pytest.raises(ValueError, match=r"^own \(v\), ") as error:
        Task(spec, lambda name, epoch: split).val  # noqa: B018
    return str(error.value)


@pytest.mark.parametrize("tokens", [True, False])
@pytest.mark.parametrize("target", ["class", "value", "steps"])
def test_a_split_that_fits_is_handed_out_as_it_is(target, tokens):
    spec = spec_of(target, tokens=tokens)
    split = split_of(spec)
    assert Task(spec, lambda name, epoch: split).train is split


TOKENS, REAL, STEPS, VALUE = spec_of(), spec_of(tokens=False), spec_of("steps"), spec_of("value")
WRONG = {
    "type of x": (TOKENS, {"x": torch.ones(N, T)}, "x must be a int64 tensor (N, 3) in memory, not float32"),
    "double": (REAL, {"x": torch.ones(N, T, 2).double()}, "not float64; convert it with .to(torch.float32)"),
    "array": (REAL, {"x": np.ones((N, T, 2), np.float32)}, "not ndarray; torch.as_tensor makes one"),
    "sparse x": (REAL, {"x": torch.ones(N, T, 2).to_sparse()}, "in memory, not sparse_coo; use .to_dense()"),
    "flat x": (REAL, {"x": torch.ones(N, T)}, "x must be a float32 tensor (N, 3, 2) in memory, not (4, 3)"),
    "steps of x": (REAL, {"x": torch.ones(N, 9, 2)}, "not (4, 9, 2); its shape follows from seq_len=3"),
    "type of y": (TOKENS, {"y": torch.ones(N)}, "y must be a int64 tensor (N,) in memory, not float32"),
    "class of a value": (VALUE, {"y": torch.ones(N, dtype=torch.int64)}, "y must be a float32 tensor"),
    "y at steps": (TOKENS, {"y": torch.ones(N, T).long()}, "not (4, 3); its shape follows from the target"),
    "one y": (STEPS, {"y": torch.zeros(N).long()}, "y must be a int64 tensor (N, 3) in memory, not (4,)"),
    "type of lengths": (TOKENS, {"lengths": torch.ones(N)}, "lengths must be a int64 tensor (N,)"),
    "gradient": (REAL, {"x": torch.ones(N, T, 2, requires_grad=True)}, "with a gradient; use .detach()"),
    "no step": (
        TOKENS,
        {"lengths": torch.tensor([1, 1, 0, 1])},
        "sample 2: its length must be from 1 to seq_len=3, not 0",
    ),
    "too long": (TOKENS, {"lengths": torch.tensor([3, 4, 3, 3])}, "sample 1: its length must be from 1 to"),
    "token": (
        TOKENS,
        {"x": with_value(torch.ones(N, T).long(), (2, 1), 5)},
        "sample 2, step 1: a token id must be from 0 to vocab_size - 1 = 4, not 5; number the symbols from 0",
    ),
    "padding": (TOKENS, {"x": with_value(torch.ones(N, T).long(), (1, 2), -1)}, "sample 1, step 2: a token"),
    "nan": (
        REAL,
        {"x": with_value(torch.ones(N, T, 2), (3, 0, 1), math.nan)},
        "sample 3, step 0, feature 1: the input must be a finite number, not nan; replace the value",
    ),
    "inf": (REAL, {"x": with_value(torch.ones(N, T, 2), (0, 2, 0), -math.inf)}, "must be a finite number"),
    "target": (VALUE, {"y": torch.tensor([1, 2, math.inf, 3])}, "sample 2: the target must be a finite"),
    "label": (
        TOKENS,
        {"y": torch.tensor([0, 1, 2, 1])},
        "sample 2: a label must be from 0 to num_classes - 1 = 1, not 2; number the classes from 0, or raise",
    ),
    "no label": (TOKENS, {"y": torch.tensor([0, 1, NO_LABEL, 1])}, "sample 2: a label must be from 0 to"),
    "label of a step": (
        STEPS,
        {"y": with_value(split_of(STEPS).y, (3, 0), 2)},
        "sample 3, step 0: a label must be from 0 to num_classes - 1 = 1, not 2",
    ),
    "other mark": (
        STEPS,
        {"y": with_value(split_of(STEPS).y, (3, 0), -1)},
        "sample 3, step 0: a label must be from 0 to num_classes - 1 = 1, not -1",
    ),
    "no labelled step": (
        STEPS,
        {"y": with_value(split_of(STEPS).y, (2, 1), NO_LABEL)},
        "sample 2: at least one step must have a label; leave the sample out",
    ),
    "labelled padding": (
        STEPS,
        {"y": with_value(split_of(STEPS).y, (1, 2), 1)},
        "sample 1, step 2: a step beyond the length 2 must have no label, not 1; set it to NO_LABEL = -100",
    ),
    "every step labelled": (
        STEPS,
        {"y": torch.zeros(N, T).long()},
        "sample 1, step 2: a step beyond the length 2 must have no label, not 0",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_split_that_does_not_fit_is_refused(case):
    spec, changes, rule = WRONG[case]
    text = refused(spec, split_of(spec, **changes))
    assert text.startswith("own (v), val")
    assert rule in text


@pytest.mark.parametrize("returned", [None, (1, 2, 3)])
def test_what_is_no_split_is_refused(returned):
    said = refused(TOKENS, returned)
    assert "make_split must return a harness.tasks.Split, not " + type(returned).__name__ in said


@pytest.mark.parametrize("spec", [TOKENS, REAL, STEPS, VALUE])
def test_a_split_without_samples_is_refused(spec):
    whole = split_of(spec)
    assert refused(spec, Split(whole.x[:0], whole.y[:0], whole.lengths[:0])) == (
        "own (v), val: there must be at least one sample, not 0"
    )


def test_samples_of_a_later_epoch_are_checked_too():
    good, bad = split_of(TOKENS), split_of(TOKENS, y=torch.tensor([0, 1, 0, 9]))
    task = Task(TOKENS, lambda name, epoch: bad if epoch == 2 else good, fresh=True)
    assert task.epoch(1) is good
    with pytest.raises(ValueError, match=r"own \(v\), train, sample 3: a label must be"):
        task.epoch(2)


def test_of_a_view_only_what_it_shows_counts():
    text = torch.tensor([0, 99, 2, 3, 4, 3, 2, 1])
    y, lengths = torch.tensor([0, 1, 0, 1, 0]), torch.full((5,), 3)
    every_second = torch.as_strided(text, (5, 3), (0, 2))  # 0 2 4 in each row, and never the 99
    assert Task(TOKENS, lambda *_: Split(every_second, y, lengths)).val.x is every_second
    windows = text.unfold(0, 3, 1)[:5]
    assert "sample 0, step 1: a token id" in refused(TOKENS, Split(windows, y, lengths))


def make_split_of_tokens(name, epoch):
    return split_of(TOKENS)


def test_a_pickled_task_carries_its_fields_and_no_split():
    task = Task(TOKENS, make_split_of_tokens, content="ab")
    task.train, task.val  # noqa: B018
    loaded = pickle.loads(pickle.dumps(task))
    assert vars(loaded).keys() == {"spec", "make_split", "fresh", "content", "baselines"}
    assert loaded.train.fingerprint == task.train.fingerprint
