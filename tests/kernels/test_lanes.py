"""Vector tanh, sigmoid and ReLU against NumPy and mpmath; loops over rows, strides and planes."""

import mpmath
import numpy as np
import pytest
import torch
from numba import njit
from numba.core import types
from numba.extending import intrinsic

from harness.kernels import formulas
from harness.kernels.kind import kind_of, kind_tag
from harness.kernels.lanes import Real, emit_over_rows, sigmoid, tanh

F32, F64 = np.dtype(np.float32), np.dtype(np.float64)
DTYPES = [pytest.param(F32, id="float32"), pytest.param(F64, id="float64")]
MOST_ULP = {"tanh": {F32: 3.0, F64: 3.0}, "sigmoid": {F32: 2.5, F64: 2.5}}
"""The largest allowed error, in units in the last place of the exact result."""

SIGMOID_END = {F32: -88.72, F64: -709.78}
"""Where exp(−x) overflows and the sigmoid becomes 0."""


def applied(formula, names):
    """A compiled function that applies a formula to rows of the named buffers."""

    @intrinsic
    def step(typingctx, tag_type, rows, width, addresses, strides):
        several = types.UniTuple(types.intp, len(names))

        def codegen(context, builder, signature, args):
            emit_over_rows(builder, kind_of(tag_type).real, formula, names, *args[1:])
            return context.get_dummy_value()

        return types.void(tag_type, types.intp, types.intp, several, several), codegen

    @njit
    def run(tag, rows, width, addresses, strides):
        step(tag, rows, width, addresses, strides)

    return run


def _all_three(v):
    x = v.load("x")
    v.store("y", tanh(x), 0)
    v.store("y", sigmoid(x), 1)
    v.store("y", x.where_negative(0.0, x), 2)  # as in `formulas._relu_forward`


ALL_THREE = applied(_all_three, ("x", "y"))


def answers(x):
    """tanh, sigmoid and ReLU of a flat array."""
    count = len(x)
    padded = np.zeros(Real(x.dtype).padded(count), x.dtype)
    padded[:count] = x
    width = len(padded)
    y = np.empty((3, width), x.dtype)
    ALL_THREE(
        kind_tag("rnn_tanh", x.dtype), 1, width, (padded.ctypes.data, y.ctypes.data), (width, 3 * width)
    )
    return dict(zip(("tanh", "sigmoid", "relu"), y[:, :count], strict=True))


def grid(dtype):
    """Both signs: dense where the curves bend, every power of two down to the denormals, both limits."""
    info = np.finfo(dtype)
    dense = np.concatenate(
        [np.linspace(0, 1, 40_001), np.linspace(1, 20, 40_001), np.linspace(20, 120, 2001)]
    )
    if dtype == F64:
        dense = np.concatenate([dense[::20], np.linspace(600, 760, 801)])  # mpmath is slow
    tiny = np.ldexp(1.3, np.arange(int(np.log2(float(info.smallest_subnormal))), 1))
    ends = [87.0, 87.3, 88.0, 88.37, 88.5, 88.72, 88.73, 89.0, 90.0, 103.0, 104.0, 1e30, info.max, info.tiny]
    positive = np.concatenate([dense, tiny, ends, [info.smallest_subnormal]]).astype(dtype)
    return np.concatenate([-positive[::-1], positive])


def exact(name, x):
    """The exact results: NumPy's float64 for float32, mpmath's for float64."""
    if x.dtype == F32:
        wide = x.astype(np.float64)
        with np.errstate(over="ignore"):
            return np.tanh(wide) if name == "tanh" else 1 / (1 + np.exp(-wide))
    of = mpmath.tanh if name == "tanh" else (lambda v: 1 / (1 + mpmath.exp(-v)))
    with mpmath.workprec(200):
        # The remainder after rounding to float64 is returned too, so that errors below one unit are measured.
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
def test_tanh_of_small_numbers_is_the_number(dtype):
    x = (
        np.ldexp(1.0, np.arange(-40, -14)).astype(dtype)
        if dtype == F32
        else np.ldexp(1.0, np.arange(-80, -30))
    )
    x = np.concatenate([x, [np.finfo(dtype).tiny, np.finfo(dtype).smallest_subnormal]]).astype(dtype)
    np.testing.assert_array_equal(answers(x)["tanh"], x)
    np.testing.assert_array_equal(answers(-x)["tanh"], -x)


@pytest.mark.parametrize("dtype", DTYPES)
def test_large_arguments_give_the_exact_limits(dtype):
    far = np.array([1000.0, 1e30, np.finfo(dtype).max, np.inf], dtype)
    for x, tanh_limit, sigmoid_limit in ((far, 1.0, 1.0), (-far, -1.0, 0.0)):
        result = answers(x)
        assert (result["tanh"] == tanh_limit).all()
        assert (result["sigmoid"] == sigmoid_limit).all()
    at_zero = answers(np.array([0.0, -0.0], dtype))
    assert (at_zero["tanh"] == 0).all()
    assert (at_zero["sigmoid"] == 0.5).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_results_are_within_limits_and_monotonic_except_for_rounding(dtype):
    x = np.sort(grid(dtype))
    result = answers(x)
    assert np.abs(result["tanh"]).max() == 1
    assert (result["sigmoid"].min(), result["sigmoid"].max()) == (0, 1)
    for name in ("tanh", "sigmoid"):
        y = result[name]
        falls = y[:-1] - y[1:]
        assert (falls <= MOST_ULP[name][dtype] * np.spacing(np.abs(y[1:]))).all()
    # Beyond the end of the range they are constant.
    edge = {"tanh": 9.1 if dtype == F32 else 20.0, "sigmoid": 17.5 if dtype == F32 else 37.5}
    for name, least in edge.items():
        assert (result[name][x > least] == 1).all()
    assert (result["tanh"][x < -edge["tanh"]] == -1).all()
    assert (result["sigmoid"][x < SIGMOID_END[dtype] - 0.1] == 0).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_nan_stays_in_its_lane(dtype):
    x = np.linspace(-3, 3, 2 * Real(dtype).lanes).astype(dtype)
    clean = answers(x)
    for place in range(len(x)):
        with_nan = x.copy()
        with_nan[place] = np.nan
        for name, y in answers(with_nan).items():
            assert np.isnan(y[place]), name
            others = np.arange(len(x)) != place
            np.testing.assert_array_equal(y[others], clean[name][others])


def test_relu_equals_numpys():
    x = np.concatenate([grid(F64), [0.0, -0.0, np.inf, -np.inf]])
    np.testing.assert_array_equal(answers(x)["relu"], np.maximum(x, 0))


RELU_FORWARD = applied(formulas.RNN_RELU.forward, formulas.FORWARD)
RELU_BACKWARD = applied(formulas.RNN_RELU.backward, formulas.BACKWARD)


def test_the_relu_cell_keeps_nan_and_its_gradient_as_torch_does():
    lanes = Real(F64).lanes
    x = np.resize([np.nan, -1.0, 2.0, 0.0, -0.0, np.inf, -np.inf, 5.0], lanes)
    rows = dict.fromkeys({*formulas.FORWARD, *formulas.BACKWARD}) | {"s": x, "dh": np.full(lanes, 3.0)}
    rows = {name: np.zeros(lanes) if row is None else row for name, row in rows.items()}
    for run, names in ((RELU_FORWARD, formulas.FORWARD), (RELU_BACKWARD, formulas.BACKWARD)):
        places = tuple(rows[name].ctypes.data for name in names)
        run(kind_tag("rnn_relu", F64), 1, lanes, places, (lanes,) * len(names))
    np.testing.assert_array_equal(rows["h"], np.maximum(x, 0))  # NumPy's maximum keeps a NaN too
    state = torch.from_numpy(x.copy()).requires_grad_()
    state.relu().backward(torch.full_like(state, 3.0))
    np.testing.assert_array_equal(rows["da"], state.grad.numpy())


def test_strides_are_respected_and_gaps_between_rows_are_untouched():
    lanes = Real(F64).lanes
    rows, width = 3, 2 * lanes
    x = np.random.RandomState(0).randn(rows, width + 5)
    y = np.full((rows + 1, 3 * width + 7), 777.0)
    strides = (x.shape[1], y.shape[1])
    ALL_THREE(kind_tag("lstm", F64), rows, width, (x.ctypes.data, y.ctypes.data), strides)
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
