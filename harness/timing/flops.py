"""How many floating-point operations the matrix products of a stock cell take."""

from __future__ import annotations

from typing import NamedTuple

from torch import nn

GATES = {nn.RNN: 1, nn.GRU: 3, nn.LSTM: 4}
"""Blocks of H rows in the weights of a layer."""


class Flops(NamedTuple):
    """Operations of one pass over a batch; a multiplication and its addition are two."""

    forward: int
    backward: int

    @property
    def step(self) -> int:
        """Both ways."""
        return self.forward + self.backward


def cell_flops(
    *,
    gates: int,
    seq_len: int,
    batch_size: int,
    input_size: int,
    hidden_size: int,
    num_layers: int = 1,
    input_grad: bool = False,
) -> Flops:
    """The operations of a stock cell's matrix products; gates' functions, head and optimiser are left out.

    Forward, a layer of D inputs takes 2·T·B·G·H·(D + H). Backward takes the same once for the gradients of
    the weights, and once for those of inputs and states, less what nobody asks for: the gradients of the
    first layer's inputs, and of each layer's state before the first step.

    Args:
        gates: G, blocks of H rows in the weights: RNN 1, GRU 3, LSTM 4.
        seq_len: T, padding included.
        batch_size: B.
        input_size: D of the first layer.
        hidden_size: H, and D of the other layers.
        num_layers: stacked layers.
        input_grad: whether the inputs' gradient is asked, as by a learned embedding.

    >>> cell_flops(gates=1, seq_len=1, batch_size=1, input_size=1, hidden_size=1)
    Flops(forward=4, backward=4)
    >>> cell_flops(gates=4, seq_len=784, batch_size=100, input_size=1, hidden_size=128).step
    30975590400
    """
    forward = backward = 0
    for layer in range(num_layers):
        size = input_size if layer == 0 else hidden_size
        one_input = 2 * batch_size * gates * hidden_size * size
        one_state = 2 * batch_size * gates * hidden_size * hidden_size
        forward += seq_len * (one_input + one_state)
        backward += seq_len * (one_input + one_state)  # weights
        backward += (seq_len - 1) * one_state
        if layer > 0 or input_grad:
            backward += seq_len * one_input
    return Flops(forward, backward)
