"""Sine waves compared with Python's sine and a Fourier sum."""

import cmath
import hashlib
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.tasks.common.tones import sine_table
from harness.tasks.sine_frequency import class_of, make_sine_frequency


def spectrum(wave, cycles):
    """Amplitude at an integer frequency, term by term."""
    return abs(sum(v * cmath.exp(-2j * cmath.pi * cycles * t / len(wave)) for t, v in enumerate(wave))) * (
        2 / len(wave)
    )


@settings(max_examples=25, deadline=None)
@given(
    num_classes=st.integers(2, 9),
    more=st.integers(0, 40),
    sizes=st.tuples(*[st.integers(1, 8)] * 3),
    seed=st.integers(0, 2**40),
)
def test_every_wave_is_one_sine_of_its_class(num_classes, more, sizes, seed):
    seq_len = 2 * num_classes + 1 + more
    names = dict(zip(("n_train", "n_val", "n_test"), sizes, strict=True))
    task = make_sine_frequency(seq_len=seq_len, num_classes=num_classes, seed=seed, **names)
    for split, n in zip((task.train, task.val, task.test), sizes, strict=True):
        assert split.x.shape == (n, seq_len, 1)
        assert (str(split.x.dtype), str(split.y.dtype)) == ("torch.float32", "torch.int64")
        assert split.lengths.tolist() == [seq_len] * n
        for wave, y in zip(split.x[:, :, 0].tolist(), split.y.tolist(), strict=True):
            strengths = [spectrum(wave, k + 1) for k in range(num_classes)]
            assert 0.5 - 2**-12 <= strengths[y] <= 1 + 2**-12
            assert all(s < 2**-12 for k, s in enumerate(strengths) if k != y)
            # The sine with that amplitude and phase, up to rounding.
            pole = sum(v * cmath.exp(-2j * cmath.pi * (y + 1) * t / seq_len) for t, v in enumerate(wave))
            start = cmath.phase(pole) + math.pi / 2
            for t, value in enumerate(wave):
                exact = strengths[y] * math.sin(start + 2 * math.pi * (y + 1) * t / seq_len)
                assert abs(value - exact) < 2**-10


def test_the_labels_are_those_of_the_worked_examples():
    assert class_of([0, 0.707, 1, 0.707, 0, -0.707, -1, -0.707]) == 0
    assert class_of([0.5, 0, -0.5, 0, 0.5, 0, -0.5, 0]) == 1
    task = make_sine_frequency(seq_len=30, n_train=40)
    assert [class_of(wave) for wave in task.train.x[:, :, 0].tolist()] == task.train.y.tolist()


@pytest.mark.parametrize("seq_len", [1, 7, 100])
def test_the_table_is_pythons_sine_rounded_and_no_value_is_near_a_tie(seq_len):
    exact = [math.sin(2 * math.pi * j / (256 * seq_len)) * 2**12 for j in range(256 * seq_len)]
    assert (sine_table(seq_len) * 2**12).tolist() == [round(value) for value in exact]
    assert min(abs(abs(value - math.floor(value)) - 0.5) for value in exact) > 1e-7


def test_classes_are_balanced_and_independent_of_the_last_value():
    n, num_classes = 40_000, 4
    task = make_sine_frequency(seq_len=9, num_classes=num_classes, n_train=n)
    last, y = task.train.x[:, -1, 0].numpy(), task.train.y.numpy()
    eighth = np.searchsorted(np.quantile(last, np.arange(1, 8) / 8), last)
    table = np.zeros((8, num_classes))
    np.add.at(table, (eighth, y), 1)
    expected = n / 8 / num_classes
    # 31 degrees of freedom: exceeded by chance less than once in 10,000.
    assert ((table - expected) ** 2 / expected).sum() < 69
    assert (task.spec.memoryless_loss, task.spec.chance_accuracy) == (math.log(4), 1 / 4)


def test_the_shortest_length_samples_the_fastest_wave_more_than_twice_a_cycle():
    assert make_sine_frequency(seq_len=17, n_train=2).train.x.shape == (2, 17, 1)
    with pytest.raises(ValueError, match="seq_len must be .* at least 17, not 16; the nearest is 17"):
        make_sine_frequency(seq_len=16)
    with pytest.raises(ValueError, match="num_classes must be .* at least 2, not 1"):
        make_sine_frequency(num_classes=1)


def test_spec_describes_the_samples():
    spec = make_sine_frequency(seq_len=20, num_classes=3).spec
    assert (spec.name, spec.variant, spec.target, spec.seq_len) == ("sine_frequency", "cycles-3", "class", 20)
    assert (spec.input_size, spec.vocab_size, spec.num_classes) == (1, None, 3)
    assert spec.is_solved(9.0, 0.99) and not spec.is_solved(0.0, 0.98)


def test_the_sine_table_has_golden_bytes():
    assert (
        hashlib.sha256(sine_table(784).tobytes()).hexdigest()
        == "240d1520e3fea672f7e93d37df6f68df4e1a68df9bcee8ed43267980f3411a96"
    )
