"""The tiled matrix product against NumPy; sums of whole numbers are exact and must be equal."""

import itertools

import numpy as np
import pytest
from numba import njit

from harness.kernels.kind import kind_tag
from harness.kernels.lanes import Real
from harness.kernels.product import HEIGHTS, product

DTYPES = [np.float32, np.float64]
MOST_ROWS = 2 * HEIGHTS[0] + sum(HEIGHTS[1:])
DEPTHS = (0, 1, 2, 17)
GUARD = 777.0


@njit
def run(tag, m, n, depth, out, out_ld, init, init_ld, a, a_i, a_k, b, b_ld, packed=False):
    product(tag, m, n, depth, out, out_ld, init, init_ld, a, a_i, a_k, b, b_ld, packed)


def lanes(dtype):
    return Real(np.dtype(dtype)).lanes


def whole_numbers(shape, dtype, seed):
    return np.random.RandomState(seed).randint(-8, 9, shape).astype(dtype)


def framed(values, ld, fill=np.nan):
    """The rows of `values` with stride `ld`, `fill` between them and in a row before and after."""
    rows, columns = values.shape
    buffer = np.full((rows + 2, ld), fill, values.dtype)
    buffer[1:-1, :columns] = values
    return buffer


def place(buffer):
    """Address of the first row in the frame."""
    return buffer[1:].ctypes.data


def check(dtype, m, n, depth, start, a_layout):
    a, b = whole_numbers((m, depth), dtype, 0), whole_numbers((depth, n), dtype, 1)
    first = whole_numbers((m, n), dtype, 2)
    out = framed(np.full((m, n), GUARD, dtype), n + 3, GUARD)
    init, init_ld = None, 0
    if start == "matrix":
        init, init_ld = framed(first, n + 5), n + 5  # NaN where nothing may be read
    elif start == "bias":
        init = framed(first[:1], n)
        first = np.repeat(first[:1], m, axis=0)
    elif start == "in place":
        out[1:-1, :n] = first
        init, init_ld = out, n + 3
    else:
        first = np.zeros_like(first)
    if a_layout == "rows":
        left, a_i, a_k = framed(a, depth + 2), depth + 2, 1
    elif a_layout == "columns":
        left, a_i, a_k = framed(np.ascontiguousarray(a.T), m + 2), 1, m + 2
    else:  # one number, repeated
        left, a_i, a_k = framed(np.full((1, 1), 3, dtype), 1), 0, 0
        a = np.full((m, depth), 3, dtype)
    right = framed(b, n + 1)
    run(kind_tag("rnn_tanh", np.dtype(dtype)), m, n, depth, place(out), n + 3,
        0 if init is None else place(init), init_ld, place(left), a_i, a_k, place(right), n + 1)  # fmt: skip
    expected = np.full((m + 2, n + 3), GUARD, dtype)
    expected[1:-1, :n] = first + a @ b
    np.testing.assert_array_equal(out, expected, err_msg=f"{dtype} {m} {n} {depth} {start} {a_layout}")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("a_layout", ["rows", "columns", "one number"])
@pytest.mark.parametrize("start", ["zeros", "bias", "matrix", "in place"])
def test_every_shape_equals_numpy_and_nothing_else_is_written(dtype, start, a_layout):
    for m, registers, depth in itertools.product(range(1, MOST_ROWS + 1), range(1, 6), DEPTHS):
        check(dtype, m, registers * lanes(dtype), depth, start, a_layout)


@pytest.mark.parametrize("dtype", DTYPES)
def test_without_rows_or_columns_nothing_is_written(dtype):
    out = np.full((3, 64), GUARD, dtype)
    numbers = np.ones((3, 64), dtype)
    for m, n in ((0, lanes(dtype)), (3, 0), (0, 0)):
        run(kind_tag("gru", np.dtype(dtype)), m, n, 3, out.ctypes.data, 64, 0, 0, numbers.ctypes.data, 64, 1,
            numbers.ctypes.data, 64)  # fmt: skip
    assert (out == GUARD).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_long_sum_of_real_numbers_is_within_the_rounding_error(dtype):
    draw = np.random.RandomState(3)
    m, n, depth = sum(HEIGHTS), 3 * lanes(dtype), 1000
    a, b = draw.randn(m, depth).astype(dtype), draw.randn(depth, n).astype(dtype)
    out = np.empty((m, n), dtype)
    run(kind_tag("rnn_tanh", np.dtype(dtype)), m, n, depth, out.ctypes.data, n, 0, 0, a.ctypes.data, depth, 1,
        b.ctypes.data, n)  # fmt: skip
    exact = a.astype(np.longdouble) @ b.astype(np.longdouble)
    bound = depth * np.finfo(dtype).eps * (np.abs(a).astype(np.float64) @ np.abs(b).astype(np.float64))
    assert (np.abs(out - exact) < bound).all()
    assert not np.array_equal(out, exact.round())


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_nan_and_infinity_reach_their_own_row_only(value):
    dtype = np.dtype(np.float64)
    m, n, depth = sum(HEIGHTS) + 1, 3 * lanes(dtype), 5
    b = np.ones((depth, n))
    for row in range(m):
        a, out = np.ones((m, depth)), np.empty((m, n))
        a[row, 3] = value
        run(kind_tag("rnn_tanh", dtype), m, n, depth, out.ctypes.data, n, 0, 0, a.ctypes.data, depth, 1,
            b.ctypes.data, n)  # fmt: skip
        np.testing.assert_array_equal(out, np.repeat(a.sum(1)[:, None], n, axis=1))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("registers", [1, 2, 3, 5])
def test_a_matrix_in_panels_gives_the_same_product(dtype, registers):
    m, n, depth, width = 17, registers * lanes(dtype), 6, 2 * lanes(dtype)
    a, b = whole_numbers((m, depth), dtype, 1), whole_numbers((depth, n), dtype, 2)
    filled = np.zeros((depth, -(-n // width) * width), dtype)
    filled[:, :n] = b
    panels = np.ascontiguousarray(filled.reshape(depth, -1, width).transpose(1, 0, 2))
    out = np.full((m, n), GUARD, dtype)
    tag = kind_tag("gru", np.dtype(dtype))
    run(tag, m, n, depth, out.ctypes.data, n, 0, 0, a.ctypes.data, depth, 1, panels.ctypes.data, width, True)
    np.testing.assert_array_equal(out, a @ b)
