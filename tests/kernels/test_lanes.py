"""Vector tanh, sigmoid and relu against NumPy and mpmath; the loops over rows, their strides and planes."""

import mpmath
import numpy as np
import pytest
import torch
from numba import njit
from numba.core import types
from numba.extending import intrinsic

from harness.kernels import formulas
from harness.kernels.kind import kind_of, marker
from harness.kernels.lanes import Real, emit_over_rows, sigmoid, tanh

F32, F64 = np.dtype(np.float32), np.dtype(np.float64)
DTYPES = [pytest.param(F32, id="float32"), pytest.param(F64, id="float64")]
MOST_ULP = {"tanh": {F32: 3.0, F64: 3.0}, "sigmoid": {F32: 2.5, F64: 2.5}}
"""The largest error that is allowed, in units in the last place of the right answer."""

SIGMOID_END = {F32: -88.72, F64: -709.78}
"""Where exp(−x) becomes infinite, and the sigmoid 0."""


def applied(formula, names):
    """Compiled code that applies a formula to rows of these buffers."""

    @intrinsic
    def step(typingctx, kind, rows, width, addresses, strides):
        several = types.UniTuple(types.intp, len(names))

        def codegen(context, builder, signature, args):
            emit_over_rows(builder, kind_of(kind).real, formula, names, *args[1:])
            return context.get_dummy_value()

        return types.void(kind, types.intp, types.intp, several, several), codegen

    @njit
    def run(kind, rows, width, addresses, strides):
        step(kind, rows, width, addresses, strides)

    return run


def _all_three(v):
    x = v.load("x")
    v.store("y", tanh(x), 0)
    v.store("y", sigmoid(x), 1)
    v.store("y", x.where_negative(0.0, x), 2)  # as in `formulas._relu_forward`


ALL_THREE = applied(_all_three, ("x", "y"))


def answers(x):
    """tanh, sigmoid and relu of a flat array."""
    count = len(x)
    padded = np.zeros(Real(x.dtype).padded(count), x.dtype)
    padded[:count] = x
    width = len(padded)
    y = np.empty((3, width), x.dtype)
    ALL_THREE(marker("rnn_tanh", x.dtype), 1, width, (padded.ctypes.data, y.ctypes.data), (width, 3 * width))
    return dict(zip(("tanh", "sigmoid", "relu"), y[:, :count], strict=True))


def grid(dtype):
    """Both signs: dense where the curves bend, every power of two down to the denormals, both ends."""
    info = np.finfo(dtype)
    dense = np.concatenate(
        [np.linspace(0, 1, 40_001), np.linspace(1, 20, 40_001), np.linspace(20, 120, 2001)]
    )
    if dtype == F64:
        dense = np.concatenate([dense[::20], np.linspace(600, 760, 801)])  # mpmath takes its time
    tiny = np.ldexp(1.3, np.arange(int(np.log2(float(info.smallest_subnormal))), 1))
    ends = [87.0, 87.3, 88.0, 88.37, 88.5, 88.72, 88.73, 89.0, 90.0, 103.0, 104.0, 1e30, info.max, info.tiny]
    positive = np.concatenate([dense, tiny, ends, [info.smallest_subnormal]]).astype(dtype)
    return np.concatenate([-positive[::-1], positive])


def exact(name, x):
    """The right answers: NumPy's float64 for float32, mpmath's for float64."""
    if x.dtype == F32:
        wide = x.astype(np.float64)
        with np.errstate(over="ignore"):
            return np.tanh(wide) if name == "tanh" else 1 / (1 + np.exp(-wide))
    of = mpmath.tanh if name == "tanh" else (lambda v: 1 / (1 + mpmath.exp(-v)))
    with mpmath.workprec(200):
        # The rest after rounding to float64 is kept apart, so that errors below one unit are seen.
        values = [of(mpmath.mpf(float(v))) for v in x]
        rounded = np.array([float(v) for v in values])
        rest = np.array([float(v - mpmath.mpf(r)) for v, r in zip(values, rounded.tolist(), strict=True)])
    return rounded, rest


def worst_ulp(name, x):
    right = exact(name, x)
    rounded, rest = right if isinstance(right, tuple) else (right, 0.0)
    unit = np.spacing(np.abs(rounded).astype(x.dtype)).astype(np.float64)
    error = np.abs((answers(x)[name].astype(np.float64) - rounded) - rest) / unit
    return float(error.max()), float(x[error.argmax()])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["tanh", "sigmoid"])
def test_errors_stay_within_a_few_units_in_the_last_place(name, dtype):
    x = grid(dtype)
    if name == "sigmoid":
        x = x[x.astype(np.float64) > SIGMOID_END[dtype]]
    worst, where = worst_ulp(name, x)
    assert 0.5 <= worst < MOST_ULP[name][dtype], where


@pytest.mark.parametrize("dtype", DTYPES)
def test_small_numbers_are_their_own_tanh(dtype):
    x = (
        np.ldexp(1.0, np.arange(-40, -14)).astype(dtype)
        if dtype == F32
        else np.ldexp(1.0, np.arange(-80, -30))
    )
    x = np.concatenate([x, [np.finfo(dtype).tiny, np.finfo(dtype).smallest_subnormal]]).astype(dtype)
    np.testing.assert_array_equal(answers(x)["tanh"], x)
    np.testing.assert_array_equal(answers(-x)["tanh"], -x)


@pytest.mark.parametrize("dtype", DTYPES)
def test_far_out_they_are_exactly_at_their_limits(dtype):
    far = np.array([1000.0, 1e30, np.finfo(dtype).max, np.inf], dtype)
    for x, tanh_limit, sigmoid_limit in ((far, 1.0, 1.0), (-far, -1.0, 0.0)):
        result = answers(x)
        assert (result["tanh"] == tanh_limit).all()
        assert (result["sigmoid"] == sigmoid_limit).all()
    at_zero = answers(np.array([0.0, -0.0], dtype))
    assert (at_zero["tanh"] == 0).all()
    assert (at_zero["sigmoid"] == 0.5).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_they_stay_within_their_limits_and_rise_but_for_rounding(dtype):
    x = np.sort(grid(dtype))
    result = answers(x)
    assert np.abs(result["tanh"]).max() == 1
    assert (result["sigmoid"].min(), result["sigmoid"].max()) == (0, 1)
    for name in ("tanh", "sigmoid"):
        y = result[name]
        falls = y[:-1] - y[1:]
        assert (falls <= MOST_ULP[name][dtype] * np.spacing(np.abs(y[1:]))).all()
    # From the end of the range on there is no step back at all.
    edge = {"tanh": 9.1 if dtype == F32 else 20.0, "sigmoid": 17.5 if dtype == F32 else 37.5}
    for name, least in edge.items():
        assert (result[name][x > least] == 1).all()
    assert (result["tanh"][x < -edge["tanh"]] == -1).all()
    assert (result["sigmoid"][x < SIGMOID_END[dtype] - 0.1] == 0).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_nan_stays_nan_in_its_lane_and_in_no_other(dtype):
    x = np.linspace(-3, 3, 2 * Real(dtype).lanes).astype(dtype)
    clean = answers(x)
    for place in range(len(x)):
        spoilt = x.copy()
        spoilt[place] = np.nan
        for name, y in answers(spoilt).items():
            assert np.isnan(y[place]), name
            others = np.arange(len(x)) != place
            np.testing.assert_array_equal(y[others], clean[name][others])


def test_relu_is_numpys():
    x = np.concatenate([grid(F64), [0.0, -0.0, np.inf, -np.inf]])
    np.testing.assert_array_equal(answers(x)["relu"], np.maximum(x, 0))


RELU_FORWARD = applied(formulas.RNN_RELU.forward, formulas.FORWARD)
RELU_BACKWARD = applied(formulas.RNN_RELU.backward, formulas.BACKWARD)


def test_the_relu_cell_keeps_nan_and_hands_its_gradient_on_as_torch_does():
    lanes = Real(F64).lanes
    x = np.resize([np.nan, -1.0, 2.0, 0.0, -0.0, np.inf, -np.inf, 5.0], lanes)
    rows = dict.fromkeys({*formulas.FORWARD, *formulas.BACKWARD}) | {"s": x, "dh": np.full(lanes, 3.0)}
    rows = {name: np.zeros(lanes) if row is None else row for name, row in rows.items()}
    for run, names in ((RELU_FORWARD, formulas.FORWARD), (RELU_BACKWARD, formulas.BACKWARD)):
        places = tuple(rows[name].ctypes.data for name in names)
        run(marker("rnn_relu", F64), 1, lanes, places, (lanes,) * len(names))
    np.testing.assert_array_equal(rows["h"], np.maximum(x, 0))  # NumPy's maximum keeps a NaN too
    state = torch.from_numpy(x.copy()).requires_grad_()
    state.relu().backward(torch.full_like(state, 3.0))
    np.testing.assert_array_equal(rows["da"], state.grad.numpy())


def test_rows_are_as_far_apart_as_the_strides_say_and_nothing_between_is_touched():
    lanes = Real(F64).lanes
    rows, width = 3, 2 * lanes
    x = np.random.RandomState(0).randn(rows, width + 5)
    y = np.full((rows + 1, 3 * width + 7), 777.0)
    strides = (x.shape[1], y.shape[1])
    ALL_THREE(marker("lstm", F64), rows, width, (x.ctypes.data, y.ctypes.data), strides)
    used = x[:, :width]
    expected = [np.tanh(used), 1 / (1 + np.exp(-used)), np.maximum(used, 0)]
    np.testing.assert_allclose(y[:rows, : 3 * width], np.concatenate(expected, axis=1), rtol=1e-14)
    assert (y[:rows, 3 * width :] == 777).all()
    assert (y[rows] == 777).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_padding_fills_whole_registers(dtype):
    real = Real(dtype)
    for count in range(1, 70):
        registers = -(-count * dtype.itemsize // (real.lanes * dtype.itemsize))
        assert real.padded(count) == registers * real.lanes
        assert 0 <= real.padded(count) - count < real.lanes
