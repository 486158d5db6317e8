"""The number of floating-point operations in the matrix products of a stock cell."""

from __future__ import annotations

from typing import NamedTuple


class Flops(NamedTuple):
    """Operations of the forward and the backward pass of a batch; a multiply-add counts as two."""

    forward: int
    backward: int

    @property
    def step(self) -> int:
        """Both passes."""
        return self.forward + self.backward


def cell_flops(
    *,
    gates: int,
    seq_len: int,
    batch_size: int,
    input_size: int,
    hidden_size: int,
    num_layers: int = 1,
    directions: int = 1,
    input_grad: bool = False,
) -> Flops:
    """The operations of a stock cell's matrix products, without elementwise functions, head and optimiser.

    The forward pass of a layer of D inputs takes 2·T·B·G·H·(D + H). The backward pass takes the same for the
    gradients of the weights, and the same for those of inputs and states, minus what is not computed: the
    gradients of the first layer's inputs, and of each layer's state before the first step.

    Args:
        gates: G, blocks of H rows in the weights, see `harness.cells.gates_of`.
        seq_len: T, padding included.
        batch_size: B.
        input_size: D of the first layer.
        hidden_size: H, and D of the other layers in one direction.
        num_layers: stacked layers.
        directions: 2 for a cell that reads in both: each layer twice, on 2·H inputs above the first.
        input_grad: whether the gradient of the inputs is computed, as for a learned embedding.

    >>> cell_flops(gates=1, seq_len=1, batch_size=1, input_size=1, hidden_size=1)
    Flops(forward=4, backward=4)
    >>> cell_flops(gates=4, seq_len=784, batch_size=100, input_size=1, hidden_size=128).step
    30975590400
    """
    forward = backward = 0
    for layer in range(num_layers):
        size = input_size if layer == 0 else directions * hidden_size
        one_input = 2 * batch_size * gates * hidden_size * size
        one_state = 2 * batch_size * gates * hidden_size * hidden_size
        forward += seq_len * (one_input + one_state)
        backward += seq_len * (one_input + one_state)  # weights
        backward += (seq_len - 1) * one_state
        if layer > 0 or input_grad:
            backward += seq_len * one_input
    return Flops(directions * forward, directions * backward)
