"""RNN, LSTM and GRU as the papers write them, step by step, with every gate returned.

The readable twin of the modules of `torch.nn`, with which it shares its weights: kernels and probes are
tested against it. `docs/cells.md` shows each equation beside its line. σ is the logistic function, ∘ the
product unit by unit. Of a gate i, `w.inp("i", x)` is W_i x + b_i and `w.rec("i", h)` is U_i h + d_i; torch
has both biases, and their sum acts as one but in the n of a GRU.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Self

import torch
from torch import Tensor, nn

from harness.cells.stock import STOCK_CELLS, stock_cell_of

State = tuple[Tensor, ...]
"""(h,), or (h, c) of an LSTM; each (B, H)."""


class Step(NamedTuple):
    """What a cell computes at one step."""

    state: State
    gates: dict[str, Tensor]
    """(B, H) each, by letter, candidates (g of an LSTM, n of a GRU) included; none of a plain RNN."""


@dataclass(frozen=True, eq=False)
class Weights:
    """The weights of one layer by the letters of its gates; an RNN's single block has the letter h."""

    W: dict[str, Tensor]
    """(H, D), on the input."""
    U: dict[str, Tensor]
    """(H, H), on the state before."""
    b: dict[str, Tensor]
    """(H,), beside W; empty without biases."""
    d: dict[str, Tensor]
    """(H,), beside U; empty without biases."""

    def inp(self, gate: str, x: Tensor) -> Tensor:
        """W x + b of a gate, (B, H), from x (B, D)."""
        product = x @ self.W[gate].T
        return product + self.b[gate] if self.b else product

    def rec(self, gate: str, h: Tensor) -> Tensor:
        """U h + d of a gate, (B, H), from h (B, H)."""
        product = h @ self.U[gate].T
        return product + self.d[gate] if self.d else product


def rnn_tanh_step(w: Weights, x: Tensor, state: State) -> Step:
    """Elman 1990, with tanh."""
    (h,) = state
    h = torch.tanh(w.inp("h", x) + w.rec("h", h))
    return Step((h,), {})


def rnn_relu_step(w: Weights, x: Tensor, state: State) -> Step:
    """Elman 1990, with ReLU."""
    (h,) = state
    h = torch.relu(w.inp("h", x) + w.rec("h", h))
    return Step((h,), {})


def lstm_step(w: Weights, x: Tensor, state: State) -> Step:
    """Hochreiter & Schmidhuber 1997, with the forget gate of Gers et al. 2000."""
    h, c = state
    i = torch.sigmoid(w.inp("i", x) + w.rec("i", h))
    f = torch.sigmoid(w.inp("f", x) + w.rec("f", h))
    g = torch.tanh(w.inp("g", x) + w.rec("g", h))
    o = torch.sigmoid(w.inp("o", x) + w.rec("o", h))
    c = f * c + i * g
    h = o * torch.tanh(c)
    return Step((h, c), {"i": i, "f": f, "g": g, "o": o})


def gru_step(w: Weights, x: Tensor, state: State) -> Step:
    """Cho et al. 2014 in the form of cuDNN and torch: the reset gate acts after the recurrent product."""
    (h,) = state
    r = torch.sigmoid(w.inp("r", x) + w.rec("r", h))
    z = torch.sigmoid(w.inp("z", x) + w.rec("z", h))
    n = torch.tanh(w.inp("n", x) + r * w.rec("n", h))
    h = (1 - z) * n + z * h
    return Step((h,), {"r": r, "z": z, "n": n})


def gru_reset_before_step(w: Weights, x: Tensor, state: State) -> Step:
    """Cho et al. 2014 as printed: the reset gate acts on the state, before the recurrent product."""
    (h,) = state
    r = torch.sigmoid(w.inp("r", x) + w.rec("r", h))
    z = torch.sigmoid(w.inp("z", x) + w.rec("z", h))
    n = torch.tanh(w.inp("n", x) + w.rec("n", r * h))
    h = (1 - z) * n + z * h
    return Step((h,), {"r": r, "z": z, "n": n})


StepFunction = Callable[[Weights, Tensor, State], Step]
"""From the weights, the input (B, D) and the state before to a step."""

STEPS: dict[str, StepFunction] = {
    "rnn_tanh": rnn_tanh_step,
    "rnn_relu": rnn_relu_step,
    "lstm": lstm_step,
    "gru": gru_step,
}
"""The equations of each stock cell, by its name in `STOCK_CELLS`."""


class Unrolled(NamedTuple):
    """Every step of one layer."""

    states: tuple[Tensor, ...]
    """h, and c of an LSTM; each (B, T, H)."""
    gates: dict[str, Tensor]
    """(B, T, H) each, by letter."""
    last: State


def unroll(step: StepFunction, w: Weights, x_BTD: Tensor, state: State) -> Unrolled:
    """Applies `step` to each step of the input in turn, beginning in `state`."""
    steps = []
    for x_BD in x_BTD.unbind(1):
        steps.append(step(w, x_BD, state))
        state = steps[-1].state
    states = tuple(torch.stack(parts, dim=1) for parts in zip(*(one.state for one in steps), strict=True))
    letters = steps[0].gates
    return Unrolled(states, {k: torch.stack([one.gates[k] for one in steps], dim=1) for k in letters}, state)


def zero_state(layer: nn.RNNBase, x_BTD: Tensor) -> State:
    """The state before the first step: zeros, (B, H) each."""
    stock = stock_cell_of(layer)
    zeros = x_BTD.new_zeros(len(x_BTD), layer.hidden_size)
    return (zeros, zeros) if stock is not None and stock.has_cell_state else (zeros,)


def weights_of(layer: nn.Module) -> Weights:
    """Views of the parameters of a stock cell of one layer, so gradients reach them.

    Raises:
        ValueError: the module is no stock cell, or has several layers, see `split_layers`.
    """
    stock = stock_cell_of(layer)
    if stock is None or not isinstance(layer, nn.RNNBase) or layer.num_layers != 1:
        known = ", ".join(STOCK_CELLS)
        raise ValueError(
            f"the equations are those of one layer of {known} in one direction, not of {layer}; give the "
            "layers of a stacked cell one by one, as split_layers makes them"
        )
    return _by_letter(stock.gates, dict(layer.named_parameters()))


def unroll_layer(layer: nn.RNNBase, x_BTD: Tensor) -> Unrolled:
    """Every step of one layer of a stock cell, from a state of zeros; x is (B, T, D)."""
    stock = stock_cell_of(layer)
    w = weights_of(layer)
    assert stock is not None  # weights_of has seen to it
    return unroll(STEPS[stock.name], w, x_BTD, zero_state(layer, x_BTD))


class EquationCell(nn.Module):
    """One layer computed by the equations, with constructor, call and parameters of its twin in `torch.nn`.

    A `state_dict` of either can be loaded into the other. `from_torch` and `to_torch` share the parameters
    themselves: what trains one trains both.
    """

    name: ClassVar[str]
    """Of the twin, in `STOCK_CELLS`."""
    step: ClassVar[StepFunction]

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True, batch_first: bool = True):
        """Draws the weights as torch does. x is (B, T, D) with `batch_first`, else (T, B, D)."""
        super().__init__()
        twin = STOCK_CELLS[self.name]
        options = {"nonlinearity": twin.nonlinearity} if twin.nonlinearity else {}
        make: Any = twin.torch_class
        self._share(make(input_size, hidden_size, bias=bias, batch_first=batch_first, **options))

    @classmethod
    def from_torch(cls, layer: nn.RNNBase) -> Self:
        """The equations with the very parameters of a module of `torch.nn` of one layer.

        Raises:
            ValueError: the module is not the twin of this class, or has several layers.
        """
        weights_of(layer)
        stock = stock_cell_of(layer)
        if stock is None or stock.name != cls.name:
            raise ValueError(f"the twin of {cls.__name__} is {cls.name}, not {layer}")
        cell = cls.__new__(cls)
        nn.Module.__init__(cell)
        cell._share(layer)
        return cell

    def to_torch(self) -> nn.RNNBase:
        """A module of `torch.nn` with the very parameters of this one."""
        twin = STOCK_CELLS[self.name]
        options = {"nonlinearity": twin.nonlinearity} if twin.nonlinearity else {}
        make: Any = twin.torch_class
        with torch.device("meta"):  # its own weights are never used: allocate none
            layer = make(
                self.input_size, self.hidden_size, bias=self.bias, batch_first=self.batch_first, **options
            )
        for name, parameter in self.named_parameters():
            setattr(layer, name, parameter)
        return layer

    @property
    def weights(self) -> Weights:
        """Views of the parameters, by letter."""
        return _by_letter(STOCK_CELLS[self.name].gates, dict(self.named_parameters()))

    def unroll(self, x_BTD: Tensor, state: State | None = None) -> Unrolled:
        """Every step with its gates, beginning in `state`, (B, H) each; None: zeros."""
        zeros = x_BTD.new_zeros(len(x_BTD), self.hidden_size)
        start = (zeros,) * (2 if STOCK_CELLS[self.name].has_cell_state else 1)
        return unroll(type(self).step, self.weights, x_BTD, start if state is None else state)

    def forward(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """Output and last state, in the shapes of the twin: a state is (1, B, H), of an LSTM a pair."""
        x_BTD = x if self.batch_first else x.transpose(0, 1)
        parts = (state,) if isinstance(state, Tensor) else state
        whole = self.unroll(x_BTD, None if parts is None else tuple(part[0] for part in parts))
        output = whole.states[0] if self.batch_first else whole.states[0].transpose(0, 1)
        last = tuple(part[None] for part in whole.last)
        return output, last if len(last) > 1 else last[0]

    def _share(self, layer: nn.RNNBase) -> None:
        self.input_size, self.hidden_size = layer.input_size, layer.hidden_size
        self.bias, self.batch_first = bool(layer.bias), layer.batch_first
        for name, parameter in layer.named_parameters():
            self.register_parameter(name, parameter)


class RNN(EquationCell):
    """The twin of `torch.nn.RNN` with tanh."""

    name, step = "rnn_tanh", rnn_tanh_step


class ReluRNN(EquationCell):
    """The twin of `torch.nn.RNN` with ReLU."""

    name, step = "rnn_relu", rnn_relu_step


class LSTM(EquationCell):
    """The twin of `torch.nn.LSTM`."""

    name, step = "lstm", lstm_step


class GRU(EquationCell):
    """The twin of `torch.nn.GRU`: the reset gate acts after the recurrent product."""

    name, step = "gru", gru_step


class GRUResetBefore(EquationCell):
    """A GRU whose reset gate acts before the recurrent product; its weights have the shapes of `nn.GRU`.

    `nn.GRU` with these weights computes something else, unless the recurrent matrix of n is diagonal and its
    bias 0.
    """

    name, step = "gru", gru_reset_before_step


def _by_letter(letters: tuple[str, ...], parameters: dict[str, nn.Parameter]) -> Weights:
    def blocks(name: str) -> dict[str, Tensor]:
        if name not in parameters:
            return {}
        return dict(zip(letters, parameters[name].chunk(len(letters)), strict=True))

    return Weights(*(blocks(f"{name}_l0") for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")))
