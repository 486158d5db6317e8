"""`TaskSpec.lag` against the steps that decide the labels of real samples, found in the inputs themselves."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from harness import tasks
from harness.experiment.config import compose, options
from harness.experiment.plan import plan
from harness.tasks import NO_LABEL, TaskSpec
from tests.tasks.own_files import FILES

PAGE = Path(__file__).parents[2] / "docs" / "tasks.md"
SIZES = {"n_train": 400, "n_val": 1, "n_test": 1, "seed": 3}


def from_markers(x, y):
    return [len(x) - 1 - step for step in np.flatnonzero(x[:, 1] == 1)]


def from_order(x, y):
    return [len(x) - 1 - step for step in np.flatnonzero(x < 2)]


def from_copies(x, y):
    symbols, labelled = np.flatnonzero(x < 8), np.flatnonzero((y != NO_LABEL) & (y < 8))
    assert (x[symbols] == y[labelled]).all()
    return list(labelled - symbols)


def from_keys(x, y):
    """From the value, and from the key before it, to each query: the same key again."""
    queries = np.flatnonzero(y != NO_LABEL) if y.ndim else [len(x) - 1]
    keys = [int(np.flatnonzero(x[:query] == x[query])[0]) for query in queries]
    return [query - key - back for query, key in zip(queries, keys, strict=True) for back in (0, 1)]


FOUND = {
    "adding-half": ("make_adding", {"seq_len": 9}, from_markers),
    "adding-any": ("make_adding", {"seq_len": 9, "variant": "any"}, from_markers),
    "adding-hs97": ("make_adding", {"seq_len": 30, "variant": "hs97"}, from_markers),
    "adding-hs97, short": ("make_adding", {"seq_len": 13, "variant": "hs97"}, from_markers),
    "temporal_order-6a": ("make_temporal_order", {"seq_len": 33}, from_order),
    "temporal_order-6b": ("make_temporal_order", {"seq_len": 40, "variant": "6b-fractions"}, from_order),
    "copy_memory": ("make_copy_memory", {"seq_len": 26}, from_copies),
    "copy_memory-last": ("make_copy_memory", {"seq_len": 26, "variant": "last_steps"}, from_copies),
    "selective_copy": ("make_selective_copy", {"seq_len": 11, "num_copied": 3}, from_copies),
    "associative_recall": ("make_associative_recall", {"seq_len": 12, "num_pairs": 3}, from_keys),
    "associative_recall-mqar": (
        "make_associative_recall",
        {"seq_len": 12, "num_pairs": 3, "variant": "mqar"},
        from_keys,
    ),
}


@pytest.mark.parametrize("name", FOUND)
def test_the_lag_is_what_the_samples_show(name):
    function, arguments, lags_of = FOUND[name]
    task = getattr(tasks, function)(**SIZES, **arguments)
    found = [
        lag for x, y in zip(task.train.x.numpy(), task.train.y.numpy(), strict=True) for lag in lags_of(x, y)
    ]
    assert (min(found), max(found)) == task.spec.lag


def test_the_lag_of_a_symbol_at_the_beginning():
    recall = tasks.make_delayed_recall(seq_len=7, **SIZES)
    assert torch.equal(recall.train.y, recall.train.x[:, 0])
    assert recall.spec.lag == (6, 6)
    noise = tasks.make_two_sequence(seq_len=8, signal_len=3, **SIZES)
    assert torch.equal((noise.train.x[:, :3, 0] == 1).sum(1), 3 * noise.train.y)
    assert noise.spec.lag == (5, 7)


@pytest.mark.parametrize("variant", ["variable", "fixed"])
def test_the_lag_of_embedded_reber_ends_at_each_sequences_own_end(variant):
    task = tasks.make_embedded_reber(seq_len=12, variant=variant, **SIZES)
    assert torch.equal(task.train.x[:, 1] - task.train.x[:, 1].min(), task.train.y)
    lags = task.train.lengths - 2
    assert (int(lags.min()), int(lags.max())) == task.spec.lag


@pytest.mark.parametrize("function", ["make_parity", "make_modular_sum", "make_majority"])
def test_where_every_step_counts_the_lag_is_the_whole_sequence(function):
    assert getattr(tasks, function)(seq_len=20, **SIZES).spec.lag == (0, 19)


def test_a_lag_outside_the_sequence_is_refused():
    spec = tasks.make_parity(seq_len=5, **SIZES).spec
    for lag in ((-1, 2), (3, 2), (0, 5)):
        with pytest.raises(ValueError, match=r"from 0 to seq_len - 1 = 4, not \(" + str(lag[0])):
            dataclasses.replace(spec, lag=lag)


def test_the_lag_is_no_part_of_what_a_saved_training_is_compared_by():
    spec = tasks.make_parity(seq_len=5, **SIZES).spec
    assert str(spec) == str(dataclasses.replace(spec, lag=None))  # TrainingState compares the text
    old = dataclasses.asdict(spec)
    del old["lag"]  # the spec in weights.pt of earlier versions
    assert TaskSpec(**old).lag is None


def test_the_page_of_tasks_names_the_lag_of_each():
    rows = [line.strip("| \n").split(" | ") for line in PAGE.read_text(encoding="utf-8").splitlines()]
    start = next(i for i, row in enumerate(rows) if row[0] == "task")
    assert rows[start][-1] == "lag"
    shown = {row[0].strip("`"): row[-1] for row in rows[start + 2 : start + 2 + len(options("task"))]}
    assert sorted(shown) == options("task")
    for name, text in shown.items():
        if name in (
            "cifar10",
            "fashion_mnist",
            "timeseries",
            *FILES,
        ):  # read from disk
            continue
        spec = plan(compose([f"task={name}"])).task.spec
        values = {"T": spec.seq_len, "P": 8, "M": 10}
        code = text.replace("−", "-").replace("·", "*").replace("/", "//")
        numbers = [eval(part, values) for part in code.split(" … ")] if text != "–" else []
        assert (int(numbers[0]), int(numbers[-1])) == spec.lag if numbers else spec.lag is None, name
