"""The formulas of the stock cells: one time step forward and one backward, over registers of units.

Buffers have one row per sequence. `s` holds the planes of a step: before it the input's part of the
pre-activations, bias included; after it what the backward pass needs. `g` holds the state's part of the
pre-activations, `h0` and `h` the hidden state before and after the step, `c0` and `c` the cell state of an
LSTM. In the backward pass `dh` and `dc` hold ∂L/∂h and ∂L/∂c of the step, and after it the part that reaches
the previous step without a matrix; `total` holds ∂L/∂c, `da` the gradient of the pre-activations.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from harness.cells.stock import STOCK_CELLS, StockCell
from harness.kernels.lanes import Rows, sigmoid, tanh

FORWARD = ("s", "g", "h0", "h", "c0", "c")
BACKWARD = ("s", "h0", "h", "c0", "c", "dh", "dc", "total", "da")


@dataclass(frozen=True)
class CellFormulas:
    """The formulas of one stock cell and the layout of their buffers.

    Attributes:
        cell: what the cell is: its name, gates and states.
        forward: one step of the forward pass.
        backward: one step of the backward pass.
        input_order: the gates in planes 0 to num_gates − 1 of `s` and `da`, which are the input's part:
            torch's order, rotated.
        planes: planes of `s` and `da`.
        state_plane: first plane of `da` that belongs to the state's part, num_gates planes in torch's order.
        keeps_planes: whether the backward pass needs `s`.
        carries: whether a part of `dh` reaches the previous step without a matrix.
    """

    cell: StockCell
    forward: Callable[[Rows], None]
    backward: Callable[[Rows], None]
    input_order: tuple[str, ...]
    planes: int
    state_plane: int = 0
    keeps_planes: bool = True
    carries: bool = False

    @cached_property
    def num_gates(self) -> int:
        """Gates of the cell."""
        return self.cell.num_gates

    @cached_property
    def has_cell_state(self) -> bool:
        """Whether the cell has a cell state."""
        return self.cell.has_cell_state

    @cached_property
    def shift(self) -> int:
        """Places by which torch's order of the gates is rotated to give `input_order`."""
        return self.input_order.index(self.cell.gates[0])


def _tanh_forward(v: Rows) -> None:
    v.store("h", tanh(v.load("s") + v.load("g")))


def _tanh_backward(v: Rows) -> None:
    h = v.load("h")
    v.store("da", v.load("dh") * (1.0 - h * h))


def _relu_forward(v: Rows) -> None:
    a = v.load("s") + v.load("g")
    v.store("h", a.where_negative(0.0, a))  # a NaN is not below 0 and stays NaN


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
    """s: n, r, z and W_hn h + b_hn; g: r, z, n (torch's order)."""
    r, z = sigmoid(v.load("s", 1) + v.load("g", 0)), sigmoid(v.load("s", 2) + v.load("g", 1))
    state_n = v.load("g", 2)
    n = tanh(v.load("s", 0) + r * state_n)
    for plane, value in enumerate((n, r, z, state_n)):
        v.store("s", value, plane)
    v.store("h", n + z * (v.load("h0") - n))


def _gru_backward(v: Rows) -> None:
    """da: n of the input's part, then r, z, n of the state's part; r and z belong to both."""
    n, r, z, state_n = (v.load("s", plane) for plane in range(4))
    dh = v.load("dh")
    da_n = dh * (1.0 - z) * (1.0 - n * n)
    v.store("dh", dh * z)
    v.store("da", da_n, 0)
    v.store("da", da_n * state_n * r * (1.0 - r), 1)
    v.store("da", dh * (v.load("h0") - n) * z * (1.0 - z), 2)
    v.store("da", da_n * r, 3)


def _rnn(name: str, forward: Callable[[Rows], None], backward: Callable[[Rows], None]) -> CellFormulas:
    cell = STOCK_CELLS[name]
    return CellFormulas(cell, forward, backward, cell.gates, planes=1, keeps_planes=False)


RNN_TANH = _rnn("rnn_tanh", _tanh_forward, _tanh_backward)
"""Elman 1990: h = tanh(W_ih x + b_ih + W_hh h + b_hh)."""

RNN_RELU = _rnn("rnn_relu", _relu_forward, _relu_backward)
"""The same with max(0, ·)."""

LSTM = CellFormulas(STOCK_CELLS["lstm"], _lstm_forward, _lstm_backward, ("i", "f", "g", "o"), planes=4)
"""Hochreiter & Schmidhuber 1997, with the forget gate of Gers et al. 2000."""

GRU = CellFormulas(
    STOCK_CELLS["gru"], _gru_forward, _gru_backward, ("n", "r", "z"), planes=4, state_plane=1, carries=True
)
"""Cho et al. 2014, in the form of cuDNN: n = tanh(W_in x + b_in + r (W_hn h + b_hn))."""

FORMULAS = {formulas.cell.name: formulas for formulas in (RNN_TANH, RNN_RELU, LSTM, GRU)}
"""The formulas of each stock cell, by its name."""
