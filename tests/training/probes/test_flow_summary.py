"""Decades, reach, slope and half-life of curves worked by hand, and against brute force."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.training.probes.flow_summary import (
    FlowCurve,
    decades,
    flow_columns,
    half_life,
    log_line,
    make_curve,
    nearest_step,
    reach,
)

TINY = 1e-36


def curve(logs, zeros=(), times=None):
    """A curve from log10 of its norms at t = 0, 1, …; `zeros` are the t with a norm of 0."""
    times = range(len(logs)) if times is None else times
    return FlowCurve(
        tuple(times), tuple(10.0**y for y in logs), tuple(t in zeros for t in times)
    )  # fmt: skip


def test_hand_worked_curves():
    falling = curve([-6.0, -4.0, -1.5, -1.0, 0.0])
    assert decades(falling) == (pytest.approx(-6), False)
    assert reach(falling) == (pytest.approx(1), False)  # exactly a tenth at t = 3 is not below it yet
    gap = curve([-6.0, -3.0, 2.0], times=[0, 10, 20])  # falls below 1 between 10 and 20, 4 steps back
    assert reach(gap) == (pytest.approx(2), False)
    dip = curve([0.0, -3.0, 0.5, 0.0])  # recovers at t = 0, but it is the first fall that counts
    assert decades(dip) == (pytest.approx(0), False)
    assert reach(dip) == (pytest.approx(1 + 1.5 / 3.5), False)


@pytest.mark.parametrize("logs", [[0.0] * 9, [-0.9] * 8 + [0.0], [5.0, 4.0, 3.0, 0.0], [2.0]])
def test_a_curve_that_never_falls_below_a_tenth_reaches_back_over_the_whole_sequence(logs):
    assert reach(curve(logs)) == (len(logs), False)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), steps=st.integers(1, 60), points=st.integers(2, 16))
def test_reach_equals_a_walk_back_in_small_steps(seed, steps, points):
    rng = np.random.default_rng(seed)
    times = np.unique(np.linspace(0, steps, points).round().astype(int))
    logs = np.cumsum(rng.normal(0.2, 0.5, len(times)))
    back = np.arange(0, steps + 1e-9, 1e-3)
    below = np.interp(steps - back, times, logs) < logs[-1] - 1
    expected = back[below.argmax()] if below.any() else steps + 1
    measured, is_bound = reach(curve(logs, times=times.tolist()))
    assert not is_bound
    if measured <= steps or below.any():
        assert measured == pytest.approx(expected, abs=2e-3)
    else:
        assert measured == expected


@settings(max_examples=60, deadline=None)
@given(
    line=st.lists(
        st.tuples(st.integers(0, 500), st.floats(-40, 5)), min_size=3, max_size=16, unique_by=lambda p: p[0]
    )
)
def test_the_line_is_that_of_numpy_and_its_r2_the_squared_correlation(line):
    times, logs = zip(*sorted(line), strict=True)
    slope, r2 = log_line(curve(logs, times=times))
    assert slope == pytest.approx(-np.polyfit(times, logs, 1)[0], rel=1e-6, abs=1e-9)
    if np.ptp(logs) > 1e-3:
        assert r2 == pytest.approx(np.corrcoef(times, logs)[0, 1] ** 2, abs=1e-6)


def test_a_line_needs_points_above_zero_and_r2_three_that_differ():
    assert log_line(curve([-36.0, -1.0, 0.0], zeros=[0])) == (None, None)
    assert log_line(curve([0.0])) == (None, None)
    assert log_line(curve([-2.0, 0.0])) == (-2, None)
    assert log_line(curve([1.0, 1.0, 1.0])) == (0, None)


def test_a_half_life_is_quoted_only_of_a_falling_line():
    for slope in (-0.001, -0.3, -2.0):
        assert 10 ** (slope * half_life(slope, 0.95)) == pytest.approx(0.5)
        assert half_life(slope, 0.9499) is half_life(slope, None) is None
    assert half_life(0.0, 1.0) is half_life(0.2, 1.0) is half_life(None, None) is None


def test_an_exact_zero_stands_for_its_bound_and_makes_one():
    points = [(t, 10.0 ** (3 * t - 9) if t > 1 else 0.0, TINY if t <= 1 else None) for t in range(4)]
    zeros = make_curve(points, 4)
    assert zeros == FlowCurve((0, 1, 2, 3), (TINY, TINY, 1e-3, 1.0), (True, True, False, False))
    assert decades(zeros) == (pytest.approx(-36), True)
    assert reach(zeros) == (pytest.approx(1 / 3), False)  # it crosses between two norms above 0
    cliff = curve([-36.0, -36.0, -0.5, 0.0], zeros=[0, 1])
    assert reach(cliff) == (pytest.approx(1 + 0.5 / 35.5), True)  # it may cross earlier
    small = curve([-36.0, -36.5], zeros=[0])
    assert decades(small) == (pytest.approx(0.5), True)
    assert reach(small) == (2, True)  # whether it falls cannot be told


def test_points_that_cannot_be_compared_make_no_curve():
    good = [(0, 1e-3, None), (2, 1.0, None)]
    assert make_curve(good, 3) is not None
    assert make_curve(good[1:], 3) is make_curve(good[:1], 3) is make_curve([], 3) is None
    assert make_curve([(0, 0.0, TINY), (2, 0.0, TINY)], 3) is None
    for norm in (math.inf, math.nan):
        assert make_curve([(0, norm, None), (2, 1.0, None)], 3) is None
    assert make_curve([(0, 0.5, None)], 1) == FlowCurve((0,), (0.5,), (False,))
    with pytest.raises(ValueError, match="the norm at t = 0 is 0 without the largest norm"):
        make_curve([(0, 0.0, None), (2, 1.0, None)], 3)


def test_the_nearest_probed_step_is_the_earlier_of_two():
    assert [nearest_step({200, 1, 100}, best) for best in (0, 50, 51, 150, 151, 999)] == [
        1, 1, 100, 100, 200, 200,
    ]  # fmt: skip
    assert nearest_step([1, 100], None) is nearest_step([], 3) is None


def test_the_columns_name_the_bounds():
    cliff, plain = curve([-36.0, -0.5, 0.0], zeros=[0]), curve([-4.0, -2.0, 0.0])
    columns = flow_columns({"init": cliff, "best": None, "end": plain})
    assert columns["gradflow_underflow"] == "init,reach_init"
    assert columns["gradflow_decades_best"] is columns["gradflow_reach_best"] is None
    assert (columns["gradflow_slope_init"], columns["gradflow_half_life"]) == (None, None)
    assert columns["gradflow_slope"] == pytest.approx(-2) and columns["gradflow_r2"] == pytest.approx(1)
    assert columns["gradflow_reach_end"] == pytest.approx(0.5)
