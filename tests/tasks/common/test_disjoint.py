"""No input is in two splits, where collisions would otherwise be certain; and the error where space ends."""

from collections import Counter
from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import harness.tasks
from harness.tasks import Split
from harness.tasks.common.disjoint import row_keys, splits_apart
from harness.tasks.task import full_lengths

SMALL = {
    "adding-half": {"seq_len": 2},
    "adding-any": {"seq_len": 2, "variant": "any"},
    "adding-hs97": {"seq_len": 11, "variant": "hs97"},
    "associative_recall-single": {"seq_len": 5, "num_pairs": 1, "num_keys": 20, "num_values": 20},
    "associative_recall-mqar": {
        "seq_len": 6, "variant": "mqar", "num_pairs": 2, "num_keys": 4, "num_values": 3
    },
    "bracket_matching-valid": {"seq_len": 12, "max_depth": 2},
    "bracket_matching-valid-one-type": {"seq_len": 20, "num_types": 1, "max_depth": 4},
    "bracket_matching-depth": {"seq_len": 14, "max_depth": 4, "variant": "depth"},
    "copy_memory-all_steps": {"seq_len": 21},
    "copy_memory-last_steps": {"seq_len": 21, "variant": "last_steps"},
    "delayed_recall-separate": {"seq_len": 5, "num_classes": 4},
    "delayed_recall-shared": {"seq_len": 9, "num_classes": 2, "variant": "shared"},
    "embedded_reber-fixed": {"seq_len": 19, "variant": "fixed"},
    "listops-short": {"seq_len": 6, "min_len": 4},
    "listops-many-short": {"seq_len": 60, "min_len": 4},
    "majority": {"seq_len": 9, "num_classes": 2},
    "modular_sum": {"seq_len": 4},
    "noisy_tones-frequency": {"seq_len": 5, "num_classes": 2, "cycles": 1, "snr_db": 60},
    "noisy_tones-phase": {"seq_len": 3, "cycles": 1, "variant": "phase", "snr_db": 60},
    "parity": {"seq_len": 10},
    "selective_copy": {"seq_len": 10, "num_copied": 2, "num_symbols": 4},
    "sine_frequency": {"seq_len": 5, "num_classes": 2},
    "temporal_order-6a-fractions": {"seq_len": 10},
    "temporal_order-6b-fractions": {"seq_len": 10, "variant": "6b-fractions"},
    "two_sequence": {"seq_len": 2, "signal_len": 1},
}  # fmt: skip
"""For every generated task and variant a space so small, where it can be small, that samples repeat."""

SIZES = {"n_train": 400, "n_val": 50, "n_test": 60}
SURELY = {  # spaces of fewer than 1,000 samples: independent splits of these sizes always share some
    case
    for case in SMALL
    if case.startswith(("associative", "bracket", "delayed", "embedded", "listops", "majority", "modular"))
} | {"selective_copy"}


def make(case, **changes):
    name = case.partition("-")[0]
    return getattr(harness.tasks, f"make_{name}")(**(SMALL[case] | SIZES | changes))


def inputs(split):
    return {str(row) for row in split.x.tolist()}


def test_every_generated_task_is_here():
    makers = {name for name in harness.tasks.__all__ if name.startswith("make_")}
    assert {f"make_{case.partition('-')[0]}" for case in SMALL} == makers


@pytest.mark.parametrize("case", SMALL)
def test_no_input_is_in_two_splits_or_in_a_fresh_pass_and_held_out(case):
    task = make(case, fresh=True, seed=3)
    passes = [inputs(task.epoch(number)) for number in range(3)]
    val, test = inputs(task.val), inputs(task.test)
    assert not val & test
    for trained in passes:
        assert not trained & (val | test)
    again = make(case, fresh=True, seed=3)
    assert [inputs(again.epoch(number)) for number in (2, 1, 0)] == passes[::-1]
    assert len(task.epoch(1)) == 400


@pytest.mark.parametrize("case", sorted(SURELY))
def test_these_spaces_are_so_small_that_independent_draws_share_samples(case):
    one, other = (make(case, n_test=200, seed=seed).test for seed in (1, 2))
    assert inputs(one) & inputs(other)


@settings(max_examples=60, deadline=None)
@given(
    case=st.sampled_from(sorted(SMALL)),
    sizes=st.tuples(st.integers(1, 300), st.integers(1, 30), st.integers(1, 30)),
    seed=st.integers(0, 2**40),
)
def test_splits_of_any_size_and_seed_are_apart_and_the_training_set_moves_no_other(case, sizes, seed):
    names = dict(zip(("n_train", "n_val", "n_test"), sizes, strict=True))
    task = make(case, seed=seed, **names)
    train, val, test = (inputs(split) for split in (task.train, task.val, task.test))
    assert not (train & val or train & test or val & test)
    longer = make(case, seed=seed, **(names | {"n_train": sizes[0] + 7}))
    assert (longer.val.fingerprint, longer.test.fingerprint) == (task.val.fingerprint, task.test.fingerprint)


def test_samples_with_one_class_are_drawn_again_of_that_class():
    """Of two digits, class 0 has 2 inputs and class 1 has 400: both stay as frequent as they were drawn."""

    def draw(rng, n):
        y = rng.randint(0, 2, n)
        x = np.where(y == 0, rng.randint(0, 2, n), rng.randint(2, 402, n))
        return Split(torch.from_numpy(x[:, None]), torch.from_numpy(y), full_lengths(n, 1))

    plain = draw(harness.tasks.common.disjoint.stream(5, "train"), 2_000)
    seen = None
    for seed in range(40):  # some seed has one of class 0's inputs in the test samples, and one left
        make_split = splits_apart(draw, seed=seed, sizes={"train": 2_000, "val": 1, "test": 1})
        held = inputs(make_split("test", 0)) | inputs(make_split("val", 0))
        if len(held & {"[0]", "[1]"}) == 1:
            plain, seen = (
                draw(harness.tasks.common.disjoint.stream(seed, "train"), 2_000),
                make_split("train", 0),
            )
            break
    assert seen.y.tolist() == plain.y.tolist()
    assert Counter(seen.x[seen.y == 0].ravel().tolist()).keys() == {0, 1} - {int(one[1]) for one in held}
    kept = [i for i, row in enumerate(plain.x.tolist()) if str(row) not in held]
    assert torch.equal(seen.x[kept], plain.x[kept])  # what is free stays as it was drawn


@pytest.mark.parametrize(
    ("case", "changes", "message"),
    [
        ("associative_recall-single", {"num_keys": 2, "num_values": 2}, "has too few samples of class"),
        ("bracket_matching-depth", {"num_types": 1}, "seq_len=14 has too few samples of class 0 to keep"),
        ("embedded_reber-fixed", {"seq_len": 7}, "seq_len=7 has too few samples of class . to keep n_val=50"),
        ("selective_copy", {"seq_len": 5}, "seq_len=5 has too few samples to keep n_val=50"),
        ("delayed_recall-shared", {"seq_len": 3}, "lower n_val and n_test"),
        ("listops-short", {"seq_len": 4}, None),
    ],
)  # fmt: skip
def test_a_space_that_is_too_small_is_refused_by_name(case, changes, message):
    task = make(case, **changes, n_test=60 if message else 4_000)
    assert len(task.test) in (60, 4_000)  # the test samples alone are always there
    with pytest.raises(ValueError, match=message or "n_test=4000"):
        _ = task.val


def test_keys_are_equal_for_equal_rows_and_for_no_others():
    x = np.array(list(product(range(3), repeat=6)))
    keys = row_keys(x)
    assert len(set(keys.tolist())) == 3**6
    shuffled = np.random.RandomState(0).permutation(3**6)
    assert row_keys(x[shuffled]).tolist() == keys[shuffled].tolist()
    zeros = np.array([[[0.0, 1.0]], [[-0.0, 1.0]], [[1.0, 0.0]]], dtype=np.float32)
    first, negative, other = row_keys(zeros).tolist()
    assert first == negative != other
