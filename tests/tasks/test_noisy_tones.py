"""Tones in noise: the tone, the power of the noise, and the best prediction from the last value."""

import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.tasks.noisy_tones import make_noisy_tones


def tone(seq_len, cycles, phase):
    return [math.sin(2 * math.pi * (phase + cycles * t / seq_len)) for t in range(seq_len)]


def strongest(wave, choices):
    """The number of cycles, of those possible, that fits best at any phase."""
    t = np.arange(len(wave))
    return max(choices, key=lambda c: abs(np.sum(wave * np.exp(-2j * np.pi * c * t / len(wave)))))


@settings(max_examples=30, deadline=None)
@given(
    variant=st.sampled_from(["frequency", "phase"]),
    num_classes=st.integers(2, 6),
    cycles=st.integers(1, 5),
    more=st.integers(0, 40),
    sizes=st.tuples(*[st.integers(1, 10)] * 3),
    seed=st.integers(0, 2**40),
)
def test_with_little_noise_every_label_follows_from_the_wave(variant, num_classes, cycles, more, sizes, seed):
    fastest = cycles + num_classes - 1 if variant == "frequency" else cycles
    seq_len = 2 * fastest + 1 + more
    names = dict(zip(("n_train", "n_val", "n_test"), sizes, strict=True))
    task = make_noisy_tones(
        seq_len=seq_len,
        variant=variant,
        num_classes=num_classes,
        cycles=cycles,
        snr_db=60,
        seed=seed,
        **names,
    )
    for split, n in zip((task.train, task.val, task.test), sizes, strict=True):
        assert split.x.shape == (n, seq_len, 1)
        assert (str(split.x.dtype), str(split.y.dtype)) == ("torch.float32", "torch.int64")
        assert split.lengths.tolist() == [seq_len] * n
        for wave, y in zip(split.x[:, :, 0].tolist(), split.y.tolist(), strict=True):
            assert 0 <= y < num_classes
            if variant == "frequency":
                assert strongest(np.array(wave), range(cycles, cycles + num_classes)) == cycles + y
            else:
                exact = tone(seq_len, cycles, y / num_classes)
                # 6 deviations of noise, the rounding, and the phase, a part of 1/(256 T) off.
                off = 6 * 0.00071 + 2**-12 + 2 * math.pi / 256 / seq_len
                assert max(abs(a - b) for a, b in zip(wave, exact, strict=True)) < off


def test_the_worked_examples():
    assert strongest(np.array([0, 1, 0, -1, 0, 1, 0, -1]), range(1, 5)) - 1 == 1
    wave = tone(8, 1, 1 / 4)
    assert wave == pytest.approx([1, 0.7071, 0, -0.7071, -1, -0.7071, 0, 0.7071], abs=1e-4)


@pytest.mark.parametrize("snr_db", [-10, 0, 7.5])
def test_the_noise_has_the_power_given_in_decibels(snr_db):
    task = make_noisy_tones(seq_len=50, variant="phase", num_classes=3, snr_db=snr_db, n_train=2_000)
    exact = np.array([tone(50, 2, k / 3) for k in range(3)])[task.train.y.numpy()]
    noise = task.train.x[:, :, 0].double().numpy() - exact
    power = 0.5 / 10 ** (snr_db / 10)
    assert np.mean(noise**2) == pytest.approx(power, rel=5 * math.sqrt(2 / noise.size) + 1e-4)
    assert np.mean(exact**2) == pytest.approx(0.5)
    assert task.spec.variant == f"phase-3-{snr_db:g}dB"


def test_frequency_has_balanced_classes_and_an_independent_last_value():
    n = 40_000
    task = make_noisy_tones(seq_len=13, num_classes=4, cycles=3, snr_db=5, n_train=n)
    last, y = task.train.x[:, -1, 0].numpy(), task.train.y.numpy()
    eighth = np.searchsorted(np.quantile(last, np.arange(1, 8) / 8), last)
    table = np.zeros((8, 4))
    np.add.at(table, (eighth, y), 1)
    expected = n / 32
    # 31 degrees of freedom: exceeded by chance less than once in 10,000.
    assert ((table - expected) ** 2 / expected).sum() < 69
    assert (task.spec.memoryless_loss, task.spec.chance_accuracy) == (math.log(4), 1 / 4)


@pytest.mark.parametrize(("num_classes", "snr_db"), [(2, 0), (4, 3), (5, 20)])
def test_in_phase_the_best_prediction_from_the_last_value_has_the_declared_loss(num_classes, snr_db):
    n, seq_len, cycles = 20_000, 11, 3
    task = make_noisy_tones(
        seq_len=seq_len, variant="phase", num_classes=num_classes, cycles=cycles, snr_db=snr_db, n_train=n
    )
    x, y = task.train.x[:, -1, 0].double().numpy(), task.train.y.numpy()
    means = [tone(seq_len, cycles, k / num_classes)[-1] for k in range(num_classes)]
    variance = 0.5 / 10 ** (snr_db / 10)
    odds = np.array([np.exp(-((x - mean) ** 2) / 2 / variance) for mean in means])
    losses = -np.log(odds[y, np.arange(n)] / odds.sum(axis=0))
    assert losses.mean() == pytest.approx(task.spec.memoryless_loss, abs=5 * losses.std() / math.sqrt(n))
    assert task.spec.memoryless_loss < math.log(num_classes)
    counts = np.bincount(y)
    assert np.abs(counts - n / num_classes).max() < 5 * math.sqrt(n / num_classes)


@pytest.mark.parametrize(("variant", "low"), [("frequency", 11), ("phase", 5)])
def test_the_shortest_length_and_the_error_below_it(variant, low):
    assert make_noisy_tones(seq_len=low, variant=variant, n_train=2).train.x.shape == (2, low, 1)
    message = f"seq_len must be .* at least {low}, not {low - 1}; the nearest is {low}"
    with pytest.raises(ValueError, match=message):
        make_noisy_tones(seq_len=low - 1, variant=variant)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"snr_db": 61}, "snr_db must be a number from -40 to 60, not 61; the nearest is 60"),
        ({"snr_db": -math.inf}, "snr_db must be a number .* not -inf; the nearest is -40"),
        ({"snr_db": math.nan}, "snr_db must be a number from -40 to 60, not nan"),
        ({"snr_db": True}, "snr_db must be a number from -40 to 60, not True"),
        ({"snr_db": "3"}, "snr_db must be a number from -40 to 60, not '3'"),
        ({"variant": "phases"}, "variant must be one of frequency, phase, .* did you mean 'phase'"),
        ({"num_classes": 1}, "num_classes must be .* at least 2, not 1"),
        ({"cycles": 0}, "cycles must be .* at least 1, not 0"),
    ],
)
def test_other_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        make_noisy_tones(**arguments)


def test_spec_describes_the_samples():
    spec = make_noisy_tones(seq_len=20).spec
    assert (spec.name, spec.variant, spec.target) == ("noisy_tones", "frequency-4-0dB", "class")
    assert (spec.seq_len, spec.input_size, spec.vocab_size, spec.num_classes) == (20, 1, None, 4)
    assert not spec.is_solved(0.0, 1.0)


def test_memory_stays_below_twice_the_result():
    tracemalloc.start()
    split = make_noisy_tones(seq_len=1000, n_train=4_000).train
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2 * split.x.numel() * 4
