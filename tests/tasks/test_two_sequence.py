"""The two-sequence problem, recomputed value by value."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.tasks.two_sequence import class_of, make_two_sequence


@settings(max_examples=40, deadline=None)
@given(
    signal_len=st.integers(1, 6),
    more=st.integers(1, 50),
    sizes=st.tuples(*[st.integers(1, 20)] * 3),
    seed=st.integers(0, 2**40),
)
def test_every_class_is_the_sign_of_the_signal_and_noise_follows(signal_len, more, sizes, seed):
    seq_len = signal_len + more
    names = dict(zip(("n_train", "n_val", "n_test"), sizes, strict=True))
    task = make_two_sequence(seq_len=seq_len, signal_len=signal_len, seed=seed, **names)
    step = float(np.float32(math.sqrt(0.2)))
    for split, n in zip((task.train, task.val, task.test), sizes, strict=True):
        assert split.x.shape == (n, seq_len, 1)
        assert (str(split.x.dtype), str(split.y.dtype)) == ("torch.float32", "torch.int64")
        assert split.lengths.tolist() == [seq_len] * n
        for values, y in zip(split.x[:, :, 0].tolist(), split.y.tolist(), strict=True):
            assert values[:signal_len] == [{1: 1.0, 0: -1.0}[y]] * signal_len
            for value in values[signal_len:]:
                assert abs(value) <= 6 * step
                lattice = round(value / step * 2**16)  # a sum of integers, scaled and rounded once
                assert value == float(np.float32(np.float32(lattice / 2**16) * np.float32(step)))


def test_noise_has_variance_one_fifth_and_is_independent_of_the_class():
    n = 40_000
    task = make_two_sequence(seq_len=5, signal_len=2, n_train=n)
    x, y = task.train.x[:, :, 0].double().numpy(), task.train.y.numpy()
    noise = x[:, 2:].ravel()
    assert noise.var() == pytest.approx(0.2, abs=5 * 0.2 * math.sqrt(2 / noise.size))
    assert abs(noise.mean()) < 5 * math.sqrt(0.2 / noise.size)
    assert np.mean(y) == pytest.approx(0.5, abs=5 * 0.5 / math.sqrt(n))
    # In each eighth of the last value the classes are balanced: ln 2 is the lowest loss without memory.
    eighth = np.searchsorted(np.quantile(x[:, -1], np.arange(1, 8) / 8), x[:, -1])
    for part in range(8):
        assert y[eighth == part].mean() == pytest.approx(0.5, abs=5 * 0.5 / math.sqrt(n / 8))
    assert (task.spec.memoryless_loss, task.spec.chance_accuracy) == (math.log(2), 0.5)


def test_the_worked_examples_and_the_samples_agree_on_the_label():
    task = make_two_sequence(seq_len=6, n_train=50)
    assert [class_of(values) for values in task.train.x[:, :, 0].tolist()] == task.train.y.tolist()


def test_the_shortest_length_has_one_step_of_noise():
    assert make_two_sequence(seq_len=4, n_train=3).train.x.shape == (3, 4, 1)
    with pytest.raises(ValueError, match="seq_len must be .* at least 4, not 3; the nearest is 4"):
        make_two_sequence(seq_len=3)
    with pytest.raises(ValueError, match="signal_len must be .* at least 1, not 0; the nearest is 1"):
        make_two_sequence(signal_len=0)


def test_spec_describes_the_samples():
    spec = make_two_sequence(seq_len=20, signal_len=1).spec
    assert (spec.name, spec.variant, spec.target, spec.seq_len) == ("two_sequence", "3a-1", "class", 20)
    assert (spec.input_size, spec.vocab_size, spec.num_classes) == (1, None, 2)
    assert spec.is_solved(9.0, 0.99) and not spec.is_solved(0.0, 0.98)
