"""Initialisations of the stock cells, written over the weights that torch drew.

Each changes only what it names: all other weights of a model stay those that torch draws from the same seed,
since the numbers come from a generator of their own.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from harness.cells.stock import STOCK_CELLS, StockCell, class_and_options, stock_cell_of

REMEMBER_GATE = {"lstm": "f", "gru": "z"}
"""The gate that keeps the state when it is 1: torch's GRU is h_t = (1 − z_t) n_t + z_t h_{t−1}."""


@dataclass(frozen=True)
class InitOptions:
    """Which initialisation, and its arguments.

    Attributes:
        name: a key of `INITIALISATIONS`.
        bias: of `forget_bias`: the effective bias of the gate, which torch adds from two vectors.
    """

    name: str = "torch"
    bias: float = 1.0

    @property
    def label(self) -> str:
        """The name, with the bias where that is an argument.

        >>> InitOptions("forget_bias", 2.0).label
        'forget_bias=2'
        """
        return f"{self.name}={self.bias:g}" if self.name == "forget_bias" else self.name


@dataclass(frozen=True)
class LayerWeights:
    """The weights of one layer in one direction, gate by gate, to be overwritten in place.

    Attributes:
        cell: the entry of the cell in the table.
        w_ih: (gates · H, D).
        w_hh: (gates · H, H).
        b_ih, b_hh: (gates · H,), or None without bias; torch adds the two.
    """

    cell: StockCell
    w_ih: Tensor
    w_hh: Tensor
    b_ih: Tensor | None
    b_hh: Tensor | None

    def gates_of(self, weights: Tensor) -> dict[str, Tensor]:
        """Views of the gates' blocks of H rows, by their letters."""
        return dict(zip(self.cell.gates, weights.chunk(self.cell.num_gates), strict=True))

    def set_biases(self, **effective: float | Tensor) -> None:
        """Sets all biases to 0, and the effective bias of the named gates."""
        if self.b_ih is None or self.b_hh is None:
            return
        self.b_ih.zero_()
        self.b_hh.zero_()
        for gate, value in effective.items():
            self.gates_of(self.b_ih)[gate].copy_(torch.as_tensor(value))

    def set_bias_of(self, gate: str, effective: float | Tensor) -> None:
        """Sets the effective bias of one gate; the others stay as they are."""
        if self.b_ih is not None and self.b_hh is not None:
            self.gates_of(self.b_ih)[gate].copy_(torch.as_tensor(effective))
            self.gates_of(self.b_hh)[gate].zero_()


Initialise = Callable[[LayerWeights, torch.Generator, InitOptions, int], None]
"""From a layer, a generator, the options and the sequence length T to changed weights."""


@dataclass(frozen=True)
class Initialisation:
    """One way to initialise, and the cells that it is defined for (names of `STOCK_CELLS`)."""

    about: str
    cells: tuple[str, ...]
    apply: Initialise
    needs_bias: bool = False


def initialise(
    cell: nn.Module, options: InitOptions, *, generator: torch.Generator, seq_len: int
) -> nn.Module:
    """Overwrites the weights of a stock cell, every layer and direction, in place; returns the cell.

    Args:
        cell: as torch drew it.
        options: with the name `torch` nothing changes.
        generator: draws the new weights, on the CPU.
        seq_len: steps T of the longest sequence, which `chrono` needs.

    Raises:
        ValueError: the initialisation is not defined for this cell; the message says for which it is.
    """
    reason = why_not_initialised(cell, options.name)
    if reason is not None:
        raise ValueError(reason)
    with torch.no_grad():
        for layer in _layers(cell) if options.name != "torch" else ():
            INITIALISATIONS[options.name].apply(layer, generator, options, seq_len)
    return cell


def why_not_initialised(cell: nn.Module, name: str) -> str | None:
    """Why an initialisation means nothing for a cell, or None when it can be applied."""
    chosen = INITIALISATIONS[name]
    if name == "torch":
        return None
    stock = stock_cell_of(cell, bidirectional=True)
    if stock is None or stock.name not in chosen.cells:
        known = ", ".join(chosen.cells)
        return f"init={name} is defined for {known}, not for this {class_and_options(cell)}; use init=torch"
    if chosen.needs_bias and not getattr(cell, "bias", True):
        return f"init={name} sets a bias, but the cell has bias=false; use init=torch or cell.bias=true"
    return None


def _layers(cell: nn.Module) -> Iterator[LayerWeights]:
    stock = stock_cell_of(cell, bidirectional=True)
    assert stock is not None and isinstance(cell, nn.RNNBase)
    directions = ("", "_reverse") if cell.bidirectional else ("",)
    for index, direction in itertools.product(range(cell.num_layers), directions):
        names = (f"{name}_l{index}{direction}" for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
        w_ih, w_hh, b_ih, b_hh = (getattr(cell, name, None) for name in names)
        assert w_ih is not None and w_hh is not None
        yield LayerWeights(stock, w_ih, w_hh, b_ih, b_hh)


def _torch(layer: LayerWeights, generator: torch.Generator, options: InitOptions, seq_len: int) -> None:
    """Nothing changes."""


def _orthogonal(layer: LayerWeights, generator: torch.Generator, options: InitOptions, seq_len: int) -> None:
    """A random orthogonal recurrent matrix for each gate (Saxe et al. 2014); all else as torch drew it."""
    for weights in layer.gates_of(layer.w_hh).values():
        weights.copy_(nn.init.orthogonal_(torch.empty(weights.shape), generator=generator))


def _keras(layer: LayerWeights, generator: torch.Generator, options: InitOptions, seq_len: int) -> None:
    """Keras's defaults for each gate: Glorot-uniform input matrices, orthogonal recurrent ones, biases 0.

    An LSTM's forget bias is 1. Keras itself draws one matrix for all gates at once, whose blocks have a
    smaller Glorot limit and are not orthogonal.
    """
    _glorot(layer, layer.w_ih, generator)
    _orthogonal(layer, generator, options, seq_len)
    layer.set_biases(**({"f": 1.0} if layer.cell.name == "lstm" else {}))


def _identity(layer: LayerWeights, generator: torch.Generator, options: InitOptions, seq_len: int) -> None:
    """The recurrent matrix is the identity and the biases are 0 (IRNN, Le et al. 2015)."""
    layer.w_hh.copy_(torch.eye(len(layer.w_hh)))
    layer.set_biases()


def _forget_bias(layer: LayerWeights, generator: torch.Generator, options: InitOptions, seq_len: int) -> None:
    """The effective bias of the gate that keeps the state is `bias` (Gers et al. 2000)."""
    layer.set_bias_of(REMEMBER_GATE[layer.cell.name], options.bias)


def _chrono(layer: LayerWeights, generator: torch.Generator, options: InitOptions, seq_len: int) -> None:
    """Biases for memories of 1 to T steps: b_f = log u, b_i = −b_f, u uniform on [1, T − 1].

    For a GRU b_z = log u. Tallec & Ollivier 2018, arXiv 1804.11188.
    """
    hidden = layer.w_hh.shape[1]
    u = 1 + torch.rand(hidden, generator=generator) * max(seq_len - 2, 0)
    layer.set_bias_of(REMEMBER_GATE[layer.cell.name], u.log())
    if layer.cell.name == "lstm":
        layer.set_bias_of("i", -u.log())


def _xavier(layer: LayerWeights, generator: torch.Generator, options: InitOptions, seq_len: int) -> None:
    """Glorot-uniform matrices for each gate, input and recurrent, and biases 0 (Glorot & Bengio 2010)."""
    _glorot(layer, layer.w_ih, generator)
    _glorot(layer, layer.w_hh, generator)
    layer.set_biases()


def _glorot(layer: LayerWeights, matrix: Tensor, generator: torch.Generator) -> None:
    """Each gate's block uniform on ±√(6 / (columns + H))."""
    for weights in layer.gates_of(matrix).values():
        weights.copy_(nn.init.xavier_uniform_(torch.empty(weights.shape), generator=generator))


_ALL = tuple(STOCK_CELLS)

INITIALISATIONS: dict[str, Initialisation] = {
    "torch": Initialisation("as torch.nn draws: uniform on ±1/√H, biases too", _ALL, _torch),
    "keras": Initialisation("Keras's defaults, gate by gate", _ALL, _keras),
    "orthogonal": Initialisation("orthogonal recurrent matrices", _ALL, _orthogonal),
    "identity": Initialisation("recurrent identity, biases 0", ("rnn_relu",), _identity),
    "forget_bias": Initialisation("a bias that keeps the state", ("lstm", "gru"), _forget_bias, True),
    "chrono": Initialisation("biases for memories of 1 to T steps", ("lstm", "gru"), _chrono, True),
    "xavier": Initialisation("Glorot-uniform matrices, biases 0", _ALL, _xavier),
}
"""Every initialisation, by name."""
