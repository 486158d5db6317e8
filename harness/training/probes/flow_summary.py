"""What a curve of the gradient flow says in a number: decades, reach, the slope of a line, half-life.

The curve is ‖∂ℓ/∂h_t‖ by the time step t, of one layer in one training step. "Back" counts from the last
time step T − 1 towards 0.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.training.probes.probe import MOMENTS

REACH_LEVEL = 0.1
"""The share of its last value that a curve falls below at its reach."""

LINE_R2 = 0.95
"""The R² from which on a half-life is quoted."""


@dataclass(frozen=True)
class FlowCurve:
    """Norms above 0 at rising time steps, of which the first is 0 and the last T − 1."""

    t: tuple[int, ...]
    norm: tuple[float, ...]
    """An exact 0 is replaced by the largest norm that it can stand for."""
    zero: tuple[bool, ...]
    """Where it was an exact 0."""


def make_curve(points: Iterable[tuple[int, float, float | None]], seq_len: int) -> FlowCurve | None:
    """The curve through points (t, norm, the largest norm that a norm of 0 can stand for).

    None where 0 or T − 1 is not among them, a norm is not finite, or the last norm is 0: nothing to compare
    the others with.

    >>> make_curve([(1, 0.5, None), (0, 0.0, 1e-38)], 2)
    FlowCurve(t=(0, 1), norm=(1e-38, 0.5), zero=(True, False))
    """
    table = sorted(points, key=lambda point: point[0])
    ends = [point for point in table if point[0] in (0, seq_len - 1)]
    if len(ends) < min(seq_len, 2) or not all(math.isfinite(norm) for _, norm, _ in table):
        return None
    if table[-1][1] == 0:
        return None
    norms = []
    for t, norm, at_most in table:
        if norm == 0 and at_most is None:
            raise ValueError(f"the norm at t = {t} is 0 without the largest norm that it can stand for")
        norms.append(norm if norm > 0 or at_most is None else at_most)
    return FlowCurve(
        tuple(t for t, _, _ in table), tuple(norms), tuple(norm == 0 for _, norm, _ in table)
    )  # fmt: skip


def nearest_step(steps: Iterable[int], best_step: int | None) -> int | None:
    """The probed step nearest to `best_step`, of two the earlier; None without a best step.

    >>> nearest_step([1, 50, 100], 75), nearest_step([1, 50, 100], None)
    (50, None)
    """
    if best_step is None:
        return None
    return min(sorted(steps), key=lambda step: abs(step - best_step), default=None)


def decades(curve: FlowCurve) -> tuple[float, bool]:
    """log10 of the first norm over the last, and whether it is an upper bound: the first norm was 0.

    >>> decades(FlowCurve((0, 9), (1e-5, 1e-2), (False, False)))
    (-3.0, False)
    """
    return math.log10(curve.norm[0]) - math.log10(curve.norm[-1]), curve.zero[0]


def reach(curve: FlowCurve) -> tuple[float, bool]:
    """Steps back until the curve first falls below a tenth of its last value; T when it never does.

    Between recorded points log10 of the norm is taken as a straight line.

    Returns:
        The steps, and whether they are an upper bound: the norm beyond the crossing was 0, or there is no
        crossing because of what a norm of 0 can stand for.

    >>> reach(FlowCurve((0, 10), (1e-2, 1.0), (False, False)))
    (5.0, False)
    """
    last = curve.t[-1]
    log_norm = [math.log10(norm) for norm in curve.norm]
    level = log_norm[-1] + math.log10(REACH_LEVEL)
    points = list(zip(curve.t, log_norm, curve.zero, strict=True))[::-1]
    passed_zero = False
    for (t, y, _), (t_before, y_before, zero) in itertools.pairwise(points):
        if y_before < level:
            crossing = t - (t - t_before) * (y - level) / (y - y_before)
            return last - crossing, zero or passed_zero
        passed_zero |= zero
    return float(last + 1), passed_zero


def log_line(curve: FlowCurve) -> tuple[float | None, float | None]:
    """Slope per step back and R² of the least-squares line through log10 of the norms.

    Both are None with a norm of 0 among the points: a line through the others would be too flat. The slope is
    None with fewer than two points, R² with fewer than three, or where all norms are equal.

    >>> log_line(FlowCurve((0, 1, 2), (1e-4, 1e-3, 1e-2), (False, False, False)))
    (-1.0, 1.0)
    """
    if len(curve.t) < 2 or any(curve.zero):
        return None, None
    t, y = np.array(curve.t, dtype=float), np.log10(curve.norm)
    slope = float(((t - t.mean()) * (y - y.mean())).sum() / ((t - t.mean()) ** 2).sum())
    around_mean = float(((y - y.mean()) ** 2).sum())
    if len(t) < 3 or np.ptp(y) == 0:
        return -slope, None
    around_line = float(((y - y.mean() - slope * (t - t.mean())) ** 2).sum())
    return -slope, 1 - around_line / around_mean


def half_life(slope: float | None, r2: float | None) -> float | None:
    """Steps back over which the norm halves; None where it does not fall or the curve is no line.

    >>> round(half_life(-0.1, 0.99), 3), half_life(-0.1, 0.9), half_life(0.1, 0.99)
    (3.01, None, None)
    """
    if slope is None or r2 is None or slope >= 0 or r2 < LINE_R2:
        return None
    return math.log10(2) / -slope


def flow_columns(curves: Mapping[str, FlowCurve | None]) -> dict[str, Any]:
    """The columns of a run's row from its curves at the probed steps nearest to `MOMENTS`; of None: empty."""
    columns: dict[str, Any] = {}
    bounds = {"decades": [], "reach": []}  # type: dict[str, list[str]]
    for name, measure in (("decades", decades), ("reach", reach)):
        for moment in MOMENTS:
            curve = curves[moment]
            value, is_bound = (None, False) if curve is None else measure(curve)
            columns[f"gradflow_{name}_{moment}"] = value
            bounds[name] += [moment] if is_bound else []
    start, end = (
        (None, None) if curve is None else log_line(curve) for curve in (curves["init"], curves["end"])
    )
    return columns | {
        "gradflow_underflow": ",".join([*bounds["decades"], *(f"reach_{name}" for name in bounds["reach"])]),
        "gradflow_slope_init": start[0],
        "gradflow_r2_init": start[1],
        "gradflow_half_life": half_life(*start),
        "gradflow_slope": end[0],
        "gradflow_r2": end[1],
    }
