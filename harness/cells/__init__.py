"""Recurrent cells: the table of stock cells, and checks of any cell with the interface of `torch.nn.RNN`."""

from harness.cells.bidirectional import is_bidirectional, last_of_both, outputs_of, why_needs_one_length
from harness.cells.contract import make_cell, output_size, revision_of
from harness.cells.examine import CellContract, examine, is_tested_cell, why_padding_enters
from harness.cells.init import INITIALISATIONS, InitOptions, initialise, why_not_initialised
from harness.cells.random_state import seeded
from harness.cells.seq_len import gets_seq_len, why_not_other_lengths, with_seq_len
from harness.cells.stock import (
    STOCK_CELLS,
    StockCell,
    class_and_options,
    gates_of,
    has_hooks,
    is_stock,
    is_torch_cell,
    lstm_output_gate,
    split_layers,
    stock_cell_made_by,
    stock_cell_of,
)
from harness.cells.tokens import reads_tokens

__all__ = [
    "INITIALISATIONS",
    "STOCK_CELLS",
    "CellContract",
    "InitOptions",
    "StockCell",
    "class_and_options",
    "examine",
    "gates_of",
    "gets_seq_len",
    "has_hooks",
    "initialise",
    "is_bidirectional",
    "is_stock",
    "is_tested_cell",
    "is_torch_cell",
    "last_of_both",
    "lstm_output_gate",
    "make_cell",
    "output_size",
    "outputs_of",
    "reads_tokens",
    "revision_of",
    "seeded",
    "split_layers",
    "stock_cell_made_by",
    "stock_cell_of",
    "why_needs_one_length",
    "why_not_initialised",
    "why_not_other_lengths",
    "why_padding_enters",
    "with_seq_len",
]
