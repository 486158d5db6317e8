"""Recurrent cells: the table of stock cells, and checks of any cell with the interface of `torch.nn.RNN`."""

from harness.cells.contract import make_cell, output_size
from harness.cells.init import INITIALISATIONS, InitOptions, initialise, why_not_initialised
from harness.cells.stock import (
    STOCK_CELLS,
    StockCell,
    gates_of,
    is_stock,
    lstm_output_gate,
    split_layers,
    stock_cell_made_by,
    stock_cell_of,
)

__all__ = [
    "INITIALISATIONS",
    "STOCK_CELLS",
    "InitOptions",
    "StockCell",
    "gates_of",
    "initialise",
    "is_stock",
    "lstm_output_gate",
    "make_cell",
    "output_size",
    "split_layers",
    "stock_cell_made_by",
    "stock_cell_of",
    "why_not_initialised",
]
