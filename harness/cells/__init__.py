"""Recurrent cells: building any that looks like `torch.nn.RNN`, and taking the stock ones apart."""

from harness.cells.contract import make_cell, output_size
from harness.cells.stock import is_stock, lstm_output_gate, split_layers

__all__ = ["is_stock", "lstm_output_gate", "make_cell", "output_size", "split_layers"]
