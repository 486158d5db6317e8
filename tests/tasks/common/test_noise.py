"""Gaussian noise from integers: exact, close to normal, and the same bytes everywhere."""

import hashlib
import math

import numpy as np
import pytest

from harness.tasks.common.noise import fill_normal
from harness.tasks.common.random_streams import random_stream


def noise(*shape, seed=0):
    out = np.full(shape, np.nan, dtype=np.float32)
    fill_normal(random_stream(seed, "train"), out)
    return out


def test_values_are_sums_of_twelve_integer_draws():
    words = random_stream(0, "train").randint(0, 2**32, size=(6, 21), dtype=np.uint32).tolist()
    expected = [
        (sum(words[i][k] // 2**16 + words[i][k] % 2**16 for i in range(6)) - 393_210) / 2**16
        for k in range(21)
    ]
    assert noise(3, 7).ravel().tolist() == expected


def test_moments_and_tails_are_those_of_the_normal_distribution():
    x = noise(1000, 500, seed=3).astype(float).ravel()
    n = len(x)
    assert abs(x.mean()) < 5 / math.sqrt(n)
    assert x.var() == pytest.approx(1, abs=5 * math.sqrt(2 / n))
    assert (x**4).mean() == pytest.approx(2.9, abs=5 * math.sqrt(90 / n))
    assert np.abs(x).max() <= 6
    ranks = np.searchsorted(np.sort(x), np.linspace(-4, 4, 81)) / n
    exact = [0.5 * (1 + math.erf(z / math.sqrt(2))) for z in np.linspace(-4, 4, 81)]
    assert (
        np.abs(ranks - exact).max() < 0.005
    )  # 0.0025 is the distance of Irwin-Hall, the rest is sampling error
    near = np.corrcoef(x[:-1], x[1:])[0, 1]
    assert abs(near) < 5 / math.sqrt(n)


@pytest.mark.parametrize("shape", [(1, 1), (3, 40_000), (70_000, 2), (5, 7, 3), (0, 4)])
def test_every_element_is_filled_at_any_shape_and_strides(shape):
    plain = noise(*shape)
    assert np.isfinite(plain).all()
    wide = np.zeros((*shape, 2), dtype=np.float32)
    fill_normal(random_stream(0, "train"), wide[..., 1])
    assert (wide[..., 1] == plain).all() and not wide[..., 0].any()
    assert (plain * 2**16 == np.round(plain * 2**16)).all()


def test_golden_bytes():
    assert (
        hashlib.sha256(noise(300, 1000).tobytes()).hexdigest()
        == "e5810a589ebb14ed7ee8dae5479e94db30d0b9e269a84e045a1e7c6197512dfc"
    )
