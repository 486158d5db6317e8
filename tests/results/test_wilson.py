"""The interval of a share."""

import math

import pytest
from scipy.stats import binomtest

from harness.results.statistics import wilson_interval


@pytest.mark.parametrize("n", [1, 3, 5, 10, 40])
@pytest.mark.parametrize("level", [0.8, 0.95])
def test_it_equals_scipys(n, level):
    for k in range(n + 1):
        expected = binomtest(k, n).proportion_ci(level, "wilson")
        assert wilson_interval(k, n, level) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_its_limits():
    assert all(map(math.isnan, wilson_interval(0, 0)))
    for arguments in ((4, 3), (-1, 3), (1, 3, 0.0), (1, 3, 1.0)):
        with pytest.raises(ValueError, match="must lie in"):
            wilson_interval(*arguments)
