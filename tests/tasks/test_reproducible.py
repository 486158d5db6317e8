"""The same arguments give the same bytes, on every machine and in every process; other seeds give others."""

import random
import subprocess
import sys

import numpy as np
import pytest
import torch

from harness.tasks import make_adding, make_delayed_recall, make_temporal_order

SIZES = {"n_train": 64, "n_val": 16, "n_test": 32}
TASKS = [
    pytest.param(make, {"variant": variant}, id=f"{make.__name__}-{variant}")
    for make, variants in (
        (make_adding, ("half", "any")),
        (make_delayed_recall, ("separate", "shared")),
        (make_temporal_order, ("6a-fractions", "6b-fractions")),
    )
    for variant in variants
]

GOLDEN = {
    ("make_adding", "half"): "7547e75f133ecef511d42d045473032758cc07ed058fff4fe72092cf6aec941a",
    ("make_adding", "any"): "eae7874ff7971e5ae2b5debcb749af8a543e0072edfbccdd4e946154bf2058c1",
    ("make_delayed_recall", "separate"): "87937574edba192eb5d3213ea21f7ad9371d4f800510d527f1535afdd0894879",
    ("make_delayed_recall", "shared"): "aad756cdb93dfd00b22df196404bc2bf9035000429265474a0384c528509daa8",
    (
        "make_temporal_order",
        "6a-fractions",
    ): "31e4acaa393b2a146a8d4fe6fac50cf7a26e53ebae7e6761a970d59350638d3c",
    (
        "make_temporal_order",
        "6b-fractions",
    ): "d5c3bb83ad8592a90bd350735220580b64843418c910422f218012e0f8355d40",
}


@pytest.mark.parametrize(("make", "variant"), TASKS)
def test_fixed_arguments_give_golden_bytes(make, variant):
    task = make(seq_len=20, seed=1, **variant, **SIZES)
    assert task.fingerprint == GOLDEN[make.__name__, variant["variant"]]


@pytest.mark.parametrize(("make", "variant"), TASKS)
def test_no_global_generator_is_read_or_written(make, variant):
    def bytes_after(seed):
        random.seed(seed)
        np.random.seed(seed)
        torch.manual_seed(seed)
        before = (random.getstate(), np.random.get_state()[1].tolist(), np.random.get_state()[2:])
        torch_before = torch.get_rng_state()
        task = make(seq_len=20, **variant, **SIZES)
        fingerprint = task.fingerprint
        assert before == (random.getstate(), np.random.get_state()[1].tolist(), np.random.get_state()[2:])
        assert torch.equal(torch_before, torch.get_rng_state())
        return fingerprint

    assert bytes_after(0) == bytes_after(123)


@pytest.mark.parametrize(("make", "variant"), TASKS)
def test_more_training_samples_change_neither_validation_nor_test(make, variant):
    small = make(seq_len=20, **variant, **SIZES)
    large = make(seq_len=20, **variant, **(SIZES | {"n_train": 500}))
    assert (small.val.fingerprint, small.test.fingerprint) == (large.val.fingerprint, large.test.fingerprint)
    assert small.train.fingerprint != large.train.fingerprint


@pytest.mark.parametrize(("make", "variant"), TASKS)
def test_the_order_in_which_splits_are_made_does_not_matter(make, variant):
    forth, back = (make(seq_len=20, **variant, **SIZES) for _ in range(2))
    prints = [forth.train.fingerprint, forth.val.fingerprint, forth.test.fingerprint]
    assert prints == [back.test.fingerprint, back.val.fingerprint, back.train.fingerprint][::-1]


@pytest.mark.parametrize(("make", "variant"), TASKS)
def test_splits_and_seeds_share_no_sample(make, variant):
    def rows(split):
        return {row.numpy().tobytes() for row in split.x}

    # 40 random steps: two equal samples by chance are out of the question.
    one, two = (make(seq_len=40, seed=seed, **variant, **SIZES) for seed in (0, 1))
    sets = [rows(split) for task in (one, two) for split in (task.train, task.val, task.test)]
    assert len(set.union(*sets)) == sum(SIZES.values()) * 2


@pytest.mark.parametrize(("make", "variant"), TASKS)
@pytest.mark.parametrize("name", ["n_train", "n_val", "n_test"])
def test_an_empty_split_and_a_negative_seed_are_refused(make, variant, name):
    with pytest.raises(ValueError, match=f"^{name} must be a whole number of at least 1, not 0"):
        make(**variant, **{name: 0})
    with pytest.raises(
        ValueError, match="^seed must be a whole number of at least 0, not -1; the nearest is 0"
    ):
        make(**variant, seed=-1)


@pytest.mark.parametrize(("make", "variant"), TASKS[::2])
def test_fresh_passes_are_the_same_in_any_process_and_for_any_number_of_workers(make, variant):
    """The samples of a pass depend on the seed and on its number, never on who asks or in which order."""
    arguments = {"seq_len": 12, "seed": 3, "fresh": True} | variant | SIZES
    task = make(**arguments)
    code = (
        f"from harness.tasks import {make.__name__}\n"
        f"task = {make.__name__}(**{arguments!r})\n"
        "print(*[task.epoch(number).fingerprint for number in (2, 1, 0)])"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert said.stdout.split()[::-1] == [task.epoch(number).fingerprint for number in range(3)]
    for workers in (0, 1, 2):
        loaded = [x for x, _, _ in make(**arguments).epoch(2).loader(batch_size=10, num_workers=workers)]
        assert torch.equal(torch.cat(loaded), task.epoch(2).x)
