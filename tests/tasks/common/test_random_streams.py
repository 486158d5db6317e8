"""The random streams: bytes that never change, and the distributions of the draws."""

import numpy as np
import pytest

from harness.tasks.common.random_streams import SPLITS, random_stream, uniform_float32, uniform_integers


def test_streams_are_numpys_frozen_generator_with_a_key_of_seed_and_split():
    for seed in (0, 7, 2**70):
        for number, split in enumerate(SPLITS):
            bits = np.random.MT19937(np.random.SeedSequence([seed, number]))
            expected = bits.random_raw(5) & 0xFFFFFFFF
            drawn = random_stream(seed, split).randint(0, 2**32, size=5, dtype=np.uint32)
            assert drawn.tolist() == expected.tolist()


def test_each_seed_and_split_has_its_own_stream():
    firsts = {
        (s, p): tuple(uniform_integers(random_stream(s, p), 0, 2**40, 4)) for s in range(20) for p in SPLITS
    }
    assert len(set(firsts.values())) == 60


def test_uniform_draws_are_exact_multiples_of_the_unit_below_one():
    u = uniform_float32(random_stream(0, "train"), 200_000)
    assert u.dtype == np.float32
    multiples = u.astype(np.float64) * 2**24
    assert (multiples == np.round(multiples)).all()
    assert u.min() >= 0
    assert u.max() < 1
    # Five standard errors: 1/√12 and 1/√180 are the deviations of u and of (u − ½)².
    assert u.mean(dtype=np.float64) == pytest.approx(0.5, abs=5 / np.sqrt(12 * 200_000))
    assert np.mean((u.astype(np.float64) - 0.5) ** 2) == pytest.approx(1 / 12, abs=5 / np.sqrt(180 * 200_000))


def test_integers_include_both_ends_and_nothing_beyond():
    draws = uniform_integers(random_stream(1, "val"), 3, 6, 50, 4)
    assert draws.dtype == np.int64
    assert draws.shape == (50, 4)
    assert set(draws.ravel().tolist()) == {3, 4, 5}
