"""The gates of the cells, one step forward and one back, over registers full of units.

Buffers, each a row a sequence: `s` holds a step's planes (before: the input's share of the gates, bias
included; after: what the way back needs), `g` the previous state's share of the gates, `h0` and `h` the
hidden state before and after the step, `c0` and `c` that of an LSTM's cell. On the way back `dh` and `dc`
hold ∂L/∂h and ∂L/∂c of the step and then what the previous step gets without a matrix, `total` ∂L/∂c,
`da` the gradient of the gates before their nonlinearity.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from harness.kernels.lanes import Rows, sigmoid, tanh

FORWARD = ("s", "g", "h0", "h", "c0", "c")
BACKWARD = ("s", "h0", "h", "c0", "c", "dh", "dc", "total", "da")


@dataclass(frozen=True)
class Gates:
    """One kind of cell.

    Attributes:
        count: gates; the input's share of them are planes 0 to count − 1 of `s` and `da`.
        planes: planes of `s` and `da`.
        state_plane: the first plane of `da` that belongs to the state's share; there are `count`.
        shift: torch's gates in their order, moved by so many places, are the input's share here.
        keeps: whether the way back needs `s`.
        has_c: whether there is a cell state.
        carries: whether the previous step gets a part of `dh` without a matrix.
    """

    name: str
    count: int
    planes: int
    state_plane: int
    shift: int
    keeps: bool
    has_c: bool
    carries: bool
    forward: Callable[[Rows], None]
    backward: Callable[[Rows], None]


def _tanh_forward(v: Rows) -> None:
    v.store("h", tanh(v.load("s") + v.load("g")))


def _tanh_backward(v: Rows) -> None:
    h = v.load("h")
    v.store("da", v.load("dh") * (1.0 - h * h))


def _relu_forward(v: Rows) -> None:
    a = v.load("s") + v.load("g")
    v.store("h", a.where_negative(0.0, a))  # a NaN is not below 0: it stays one


def _relu_backward(v: Rows) -> None:
    v.store("da", v.load("h").where_positive(v.load("dh"), 0.0))


def _lstm_forward(v: Rows) -> None:
    i, f, o = (sigmoid(v.load("s", plane) + v.load("g", plane)) for plane in (0, 1, 3))
    g = tanh(v.load("s", 2) + v.load("g", 2))
    c = f * v.load("c0") + i * g
    for plane, gate in enumerate((i, f, g, o)):
        v.store("s", gate, plane)
    v.store("c", c)
    v.store("h", o * tanh(c))


def _lstm_backward(v: Rows) -> None:
    i, f, g, o = (v.load("s", plane) for plane in range(4))
    dh, tanh_c = v.load("dh"), tanh(v.load("c"))
    dc = v.load("dc") + dh * o * (1.0 - tanh_c * tanh_c)
    v.store("total", dc)
    v.store("dc", dc * f)
    v.store("da", dc * g * i * (1.0 - i), 0)
    v.store("da", dc * v.load("c0") * f * (1.0 - f), 1)
    v.store("da", dc * i * (1.0 - g * g), 2)
    v.store("da", dh * tanh_c * o * (1.0 - o), 3)


def _gru_forward(v: Rows) -> None:
    """s: n, r, z and W_hn h + b_hn; g: r, z, n, as torch orders them."""
    r, z = sigmoid(v.load("s", 1) + v.load("g", 0)), sigmoid(v.load("s", 2) + v.load("g", 1))
    state_n = v.load("g", 2)
    n = tanh(v.load("s", 0) + r * state_n)
    for plane, value in enumerate((n, r, z, state_n)):
        v.store("s", value, plane)
    v.store("h", n + z * (v.load("h0") - n))


def _gru_backward(v: Rows) -> None:
    """da: n of the input's share, r, z, n of the state's share."""
    n, r, z, state_n = (v.load("s", plane) for plane in range(4))
    dh = v.load("dh")
    da_n = dh * (1.0 - z) * (1.0 - n * n)
    v.store("dh", dh * z)
    v.store("da", da_n, 0)
    v.store("da", da_n * state_n * r * (1.0 - r), 1)
    v.store("da", dh * (v.load("h0") - n) * z * (1.0 - z), 2)
    v.store("da", da_n * r, 3)


def _rnn(name: str, forward: Callable[[Rows], None], backward: Callable[[Rows], None]) -> Gates:
    return Gates(
        name=name, count=1, planes=1, state_plane=0, shift=0, keeps=False, has_c=False, carries=False,
        forward=forward, backward=backward,
    )  # fmt: skip


RNN_TANH = _rnn("rnn_tanh", _tanh_forward, _tanh_backward)
"""Elman 1990: h = tanh(W_ih x + b_ih + W_hh h + b_hh)."""

RNN_RELU = _rnn("rnn_relu", _relu_forward, _relu_backward)
"""The same with max(0, ·)."""

LSTM = Gates(
    name="lstm", count=4, planes=4, state_plane=0, shift=0, keeps=True, has_c=True, carries=False,
    forward=_lstm_forward, backward=_lstm_backward,
)  # fmt: skip
"""Hochreiter & Schmidhuber 1997, with the forget gate of Gers et al. 2000: gates i, f, g, o."""

GRU = Gates(
    name="gru", count=3, planes=4, state_plane=1, shift=1, keeps=True, has_c=False, carries=True,
    forward=_gru_forward, backward=_gru_backward,
)  # fmt: skip
"""Cho et al. 2014, in the form of cuDNN: n = tanh(W_in x + b_in + r (W_hn h + b_hn))."""
