"""What every task promises, tested on every function `make_*` and `load_*` of `harness.tasks`."""

import dataclasses
import inspect
import json
import math
import os
import pickle
import random
import re
import statistics
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf

import harness.tasks
from harness.cli.check.text import page
from harness.tasks import NO_LABEL, Split, measure_baselines
from harness.tasks.examine import examine_task
from tests.tasks.cases import CASES, FUNCTIONS, GOLDEN_ONLY
from tests.tasks.own_files import write_own_files
from tests.tasks.series_files import write

ROOT = Path(__file__).parents[2]
SMALL_SIZES = {"n_train": 400, "n_val": 50, "n_test": 60}
every_case = pytest.mark.parametrize("name", CASES)


def parameters(case):
    return inspect.signature(getattr(harness.tasks, case.function)).parameters


def cases_with(parameter):
    return pytest.mark.parametrize(
        "name", [name for name, case in CASES.items() if parameter in parameters(case)]
    )


@pytest.fixture(scope="module")
def own_data(tmp_path_factory):
    """A folder with a text, labelled texts, a series problem and own data."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "abra.txt").write_text("abracadabra " * 40)
    (folder / "numbers.tsv").write_text("".join(f"{i % 3}\t{i * i}\n" for i in range(90)))
    write(folder, "Toy")
    write_own_files(folder)
    return folder


@pytest.fixture
def make(request, own_data):
    """A function that makes the task of a case, with changed arguments."""

    def make(case, **changes):
        return case.make(folder(request, case, own_data), **changes)

    return make


def folder(request, case, own_data):
    if case.function in ("load_fashion_mnist", "load_cifar10"):
        return request.getfixturevalue("small_published_sets")["cifar10"].parent
    if case.function == "load_timeseries":
        pytest.importorskip("aeon", reason="the extra `dev` is installed in part")
    return own_data


def splits(task):
    return task.train, task.val, task.test


def inputs(split):
    return {row.numpy().tobytes() for row in split.x + 0}  # 0 instead of -0


# --- reproducibility ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CASES | GOLDEN_ONLY)
def test_fixed_arguments_give_golden_bytes(make, name):
    case = (CASES | GOLDEN_ONLY)[name]
    assert make(case).fingerprint == case.golden, f"golden hash of {name} in tests/tasks/cases.py"


@every_case
def test_no_global_generator_is_read_or_written(make, name):
    fingerprints = set()
    for seed in (0, 123):
        random.seed(seed)
        np.random.seed(seed)
        torch.manual_seed(seed)
        before = random.getstate(), str(np.random.get_state()), torch.get_rng_state().tolist()
        fingerprints.add(make(CASES[name]).fingerprint)
        assert before == (random.getstate(), str(np.random.get_state()), torch.get_rng_state().tolist())
    assert len(fingerprints) == 1


@cases_with("seed")
def test_seeds_differ_and_one_seed_gives_the_same_samples_in_any_order_of_the_splits(make, name):
    one, other, again = (make(CASES[name], seed=seed) for seed in (4, 5, 4))
    names = ("test", "val", "train")
    reverse = [getattr(again, split).fingerprint for split in names[::-1]][::-1]
    assert [getattr(one, split).fingerprint for split in names] == reverse
    if "n_train" in CASES[name].all_arguments(Path()) and CASES[name].function != "load_fashion_mnist":
        assert one.train.fingerprint != other.train.fingerprint
    if CASES[name].function.startswith("make_"):
        assert one.val.fingerprint != other.val.fingerprint and one.test.fingerprint != other.test.fingerprint


@cases_with("n_train")
def test_more_training_samples_change_neither_validation_nor_test(make, name):
    small, large = (make(CASES[name], n_train=n) for n in (20, 50))
    assert (len(small.train), len(large.train)) == (20, 50)
    assert (small.val.fingerprint, small.test.fingerprint) == (large.val.fingerprint, large.test.fingerprint)


@cases_with("fresh")
def test_fresh_epochs_have_new_samples_and_do_not_depend_on_the_order(make, name):
    fresh, again, fixed = (make(CASES[name], fresh=value) for value in (True, True, False))
    epochs = [fresh.epoch(number).fingerprint for number in range(3)]
    assert len(set(epochs)) == 3
    assert epochs == [again.epoch(number).fingerprint for number in (2, 1, 0)][::-1]
    assert epochs[0] == fixed.train.fingerprint == fixed.epoch(2).fingerprint
    assert (fresh.val.fingerprint, fresh.test.fingerprint) == (fixed.val.fingerprint, fixed.test.fingerprint)


CHILD = """
import json, pickle, sys
import harness.tasks
answers = {}
for name, function, arguments, task in reversed(pickle.load(sys.stdin.buffer)):
    made = getattr(harness.tasks, function)(**arguments) if arguments else task
    epochs = [task.epoch(number).fingerprint for number in (2, 1) if task.fresh]
    answers[name] = [made.fingerprint, task.fingerprint, *epochs]
print(json.dumps(answers))
"""


def test_another_process_makes_the_same_samples_from_the_arguments_and_from_the_pickle(request, own_data):
    jobs, expected = [], {}
    for name, case in CASES.items():
        changes = {"fresh": True} if "fresh" in parameters(case) else {}
        where = folder(request, case, own_data)
        task = case.make(where, **changes)
        # The small image sets are published in this process only; their tasks travel as pickles.
        here_only = case.function in ("load_fashion_mnist", "load_cifar10")
        jobs.append((name, case.function, None if here_only else case.all_arguments(where, **changes), task))
        epochs = [task.epoch(number).fingerprint for number in (2, 1) if task.fresh]
        expected[name] = [task.fingerprint, task.fingerprint, *epochs]
    done = subprocess.run(
        [sys.executable, "-c", CHILD],
        input=pickle.dumps(jobs),
        capture_output=True,
        timeout=120,
        env=os.environ | {"PYTHONHASHSEED": "7"},
    )
    assert done.returncode == 0, done.stderr.decode()
    assert json.loads(done.stdout) == expected


@every_case
def test_a_pickled_task_gives_the_same_splits_and_carries_none(make, name):
    task = make(CASES[name])
    before = pickle.dumps(task)
    fingerprint = task.fingerprint
    after = pickle.dumps(task)
    assert len(after) == len(before)
    loaded = pickle.loads(after)
    assert not {"train", "val", "test"} & vars(loaded).keys()
    assert loaded.fingerprint == fingerprint
    assert (loaded.spec, loaded.fresh, loaded.content) == (task.spec, task.fresh, task.content)


@every_case
def test_writing_into_a_split_changes_neither_a_later_load_nor_a_split_made_again(make, name):
    task = make(CASES[name])
    before = task.fingerprint
    for split in splits(task):
        split.x.zero_(), split.y.zero_(), split.lengths.zero_()
    assert dataclasses.replace(task).fingerprint == before
    assert make(CASES[name]).fingerprint == before


# --- splits ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.disjoint])
def test_no_input_is_in_two_splits(make, name):
    case = CASES[name]
    if case.small is None:
        train, val, test = map(inputs, splits(make(case)))
        assert not (train & val or train & test or val & test)
        return
    function = getattr(harness.tasks, case.function)
    task = function(**case.small, **SMALL_SIZES, fresh=True, seed=3)
    val, test = inputs(task.val), inputs(task.test)
    assert not val & test
    for number in range(3):
        assert len(task.epoch(number)) == SMALL_SIZES["n_train"]
        assert not inputs(task.epoch(number)) & (val | test)


def check_split(spec, split):
    n, shape = len(split), (len(split), spec.seq_len)
    assert n > 0
    assert split.lengths.shape == (n,) and split.lengths.dtype == torch.int64
    assert 1 <= int(split.lengths.min()) <= int(split.lengths.max()) <= spec.seq_len
    if spec.vocab_size is None:
        assert split.x.shape == (*shape, spec.input_size) and split.x.dtype == torch.float32
        assert bool(torch.isfinite(split.x).all())
    else:
        assert split.x.shape == shape and split.x.dtype == torch.int64
        assert 0 <= int(split.x.min()) <= int(split.x.max()) < spec.vocab_size
    padding = torch.arange(spec.seq_len) >= split.lengths[:, None]
    assert not split.x[padding].any()
    if spec.target == "value":
        assert split.y.shape == (n,) and split.y.dtype == torch.float32
        assert bool(torch.isfinite(split.y).all())
        return
    assert split.y.shape == (shape if spec.target == "steps" else (n,)) and split.y.dtype == torch.int64
    labels = split.y[split.y != NO_LABEL] if spec.target == "steps" else split.y
    assert 0 <= int(labels.min()) <= int(labels.max()) < spec.num_classes
    if spec.target == "steps":
        assert bool((split.y != NO_LABEL).any(dim=1).all())  # every sample has a scored step
        assert bool((split.y[padding] == NO_LABEL).all())


@every_case
def test_shapes_types_and_ranges_are_those_of_the_spec(make, name):
    case = CASES[name]
    task = make(case)
    for split in splits(task):
        check_split(task.spec, split)
    arguments = case.all_arguments(Path())
    for split in ("train", "val", "test"):
        assert len(getattr(task, split)) == arguments.get(f"n_{split}", len(getattr(task, split)))


# --- baselines ------------------------------------------------------------------------------------------


@every_case
def test_a_baseline_is_measured_where_it_is_declared_and_its_constant_comes_from_the_training_samples(
    make, name
):
    task = make(CASES[name])
    measured = measure_baselines(task, task.test)
    assert (measured.memoryless_loss is None) == (task.spec.memoryless_loss is None)
    if task.spec.target == "value":
        return
    labels = task.test.y.reshape(len(task.test), -1).T.tolist()  # a list for each step
    of_training = task.train.y.reshape(len(task.train), -1).T.tolist()
    right = 0
    for at_step, seen in zip(labels, of_training, strict=True):
        constant = task.baselines.chance
        if constant is None:
            constant = max(range(task.spec.num_classes), key=seen.count)
        right += at_step.count(constant)
    labelled = sum(label != NO_LABEL for at_step in labels for label in at_step)
    assert measured.chance_accuracy == right / labelled


DECLARED_FROM = {"listops": 4096}
"""Samples on which the declared baselines were measured, where they are not derived."""


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.function.startswith("make_")])
def test_measured_baselines_have_the_declared_ones_as_their_mean(make, name):
    parts, size = 100, 40
    task = make(CASES[name], n_test=parts * size)
    test = task.test
    measured = [
        measure_baselines(task, Split(test.x[part::parts], test.y[part::parts], test.lengths[part::parts]))
        for part in range(parts)
    ]
    for declared, values in zip(
        (task.spec.chance_accuracy, task.spec.memoryless_loss), zip(*measured, strict=True), strict=True
    ):
        if declared is None:
            continue
        error = statistics.stdev(values) / math.sqrt(parts)
        of_declared = error * math.sqrt(len(test) / DECLARED_FROM.get(task.spec.name, math.inf))
        assert statistics.fmean(values) == pytest.approx(
            declared, abs=4 * math.hypot(error, of_declared) + 1e-9
        )


@every_case
def test_every_task_can_be_checked_and_has_no_problem(make, name):
    task = make(CASES[name])
    found = examine_task(task)
    assert found.splits.keys() == {"train", "val", "test"}
    assert found.problems == () or CASES[name].function == "load_next_char"  # rare letters
    assert [facts.samples for facts in found.splits.values()] == [len(split) for split in splits(task)]
    assert page(found).count("\n") < 60 and bool(found.problems) == ("no problem found" not in page(found))
    if task.baselines is not None and task.baselines.chance is None:
        assert found.majority.accuracy == pytest.approx(measure_baselines(task, task.test).chance_accuracy)
    assert (found.bag is not None) and (found.bag.squared_error is not None) == (task.spec.target == "value")


# --- spec, content, documentation -----------------------------------------------------------------------


@every_case
def test_the_fields_of_the_spec_are_consistent(make, name):
    case = CASES[name]
    spec = make(case).spec
    assert spec.name == case.function.partition("_")[2]
    assert spec.seq_len == case.arguments.get("seq_len", spec.seq_len)
    variant = case.arguments.get("variant")
    assert variant is None or spec.variant.startswith(variant)
    assert spec.target in ("class", "value", "steps")
    assert (spec.tolerance is not None) == (spec.target == "value") == (spec.num_classes == 1)
    assert spec.target == "value" or 1 / spec.num_classes <= spec.chance_accuracy + 1e-12
    assert 0 < spec.chance_accuracy < 1
    assert spec.memoryless_loss is None or 0 < spec.memoryless_loss < float("inf")
    assert spec.solved_loss is None or spec.solved_loss < spec.memoryless_loss
    assert spec.solved_accuracy is None or spec.chance_accuracy < spec.solved_accuracy <= 1
    assert (spec.data_source == "generated") == case.function.startswith("make_")
    if case.function != "load_next_char" and "path" in case.arguments:
        assert spec.citation == "own data"
    else:
        assert re.search(r"\b(19|20)\d\d\b", spec.citation)  # a year
    assert type(spec.revision) is int and spec.revision >= 0
    assert hash(spec) == hash(dataclasses.replace(spec))


@every_case
def test_content_is_known_for_data_from_disk_and_depends_on_nothing_else(make, name):
    case = CASES[name]
    content = make(case).content
    if case.function.startswith("make_"):
        assert content is None
        return
    assert re.fullmatch("[0-9a-f]{64}", content)
    others = {"seed": 9, "n_train": 5, "permutation": 7, "normalize": False}
    if case.function in ("load_mnist", "load_fashion_mnist", "load_next_char"):
        others["seq_len"] = 14
    changes = {key: value for key, value in others.items() if key in parameters(case)}
    assert make(case, **changes).content == content


def test_different_data_sets_have_different_content(make):
    loaded = [make(case) for case in (CASES | GOLDEN_ONLY).values() if case.function.startswith("load_")]
    by_source = {}
    for task in loaded:
        by_source.setdefault(task.spec.data_source, set()).add(task.content)
    assert all(len(contents) == 1 for contents in by_source.values())
    assert len(set.union(*by_source.values())) == len(by_source) >= 8


WRONG = {
    int: (-1, True, 1.5, "3"),
    type(None): (-1, True, 1.5, "3"),
    float: ("3", True, float("nan")),
    bool: ("no", 2),
    str: ("no such!", [1]),
}
"""Values that no argument with a default of this type takes, but for those in `RIGHT`."""

RIGHT = [("name", "3"), ("tokens", True), ("header", True)]
RIGHT += [(column, -1) for column in ("label", "sequence", "step", "split")]


@every_case
def test_a_wrong_argument_is_named_with_its_value_and_what_is_allowed(make, name):
    for argument, parameter in parameters(CASES[name]).items():
        if argument in ("data_dir", "path"):
            continue
        for value in WRONG[type(parameter.default)]:
            if (argument, value) in RIGHT:
                continue
            with pytest.raises(ValueError, match=f"^{argument} must (be|divide) .{{8,}}, not ") as error:
                make(CASES[name], **{argument: value})
            assert repr(value) in str(error.value)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_the_docstring_has_the_paragraphs_that_tools_and_readers_look_for(function):
    text = inspect.getdoc(getattr(harness.tasks, function))
    for heading in ("Baseline", "Source", "Args", "Returns", "Raises"):
        assert re.search(rf"(\A|\n\n){heading}:\s+\S", text), heading
    for argument in inspect.signature(getattr(harness.tasks, function)).parameters:
        assert re.search(rf"^ {{4}}[\w, ]*\b{argument}\b[\w, ]*: ", text, re.MULTILINE), argument
    assert re.search(r"\n\n {4}\S", text)  # an indented worked example


@pytest.mark.parametrize("function", FUNCTIONS)
def test_the_yaml_has_the_arguments_and_defaults_of_the_function(function):
    path = ROOT / "conf" / "task" / f"{function.partition('_')[2]}.yaml"
    assert path.read_text().startswith("# ")
    settings = OmegaConf.to_container(OmegaConf.load(path), resolve=False)
    assert settings.pop("_target_") == f"harness.tasks.{function}"
    settings.pop("eval_lengths", None)  # an option of the harness, not of the function
    rules = settings.pop("_identity_", {})
    defaults = {
        name: parameter.default
        for name, parameter in inspect.signature(getattr(harness.tasks, function)).parameters.items()
    }
    if "seed" in defaults:
        defaults["seed"] = "${seed}"
    if "data_dir" in defaults:
        defaults["data_dir"] = "${data_dir}"
    assert settings == defaults
    assert set(rules.get("leave_out", ())) == {"data_dir", "path"} & defaults.keys()  # paths never count
