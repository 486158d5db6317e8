"""Sine waves whose bytes are the same on every machine: whole numbers of cycles, read from one table."""

from __future__ import annotations

import numpy as np

PHASES_PER_STEP = 256
"""Entries of the sine table for each step of a sequence."""

CHUNK_VALUES = 2**16
"""Values read from the table at a time, to bound the memory of their indices."""


def sine_table(seq_len: int) -> np.ndarray:
    """(256 T,) float32: one period of the sine, rounded to multiples of 2⁻¹².

    The sine is NumPy's in float64. It is never half-way between two multiples (at a rational part of a
    period the sine is irrational, 0, ±1/2 or ±1), so an error in its last bits does not change the table.

    >>> sine_table(1)[[0, 32, 64, 192]].tolist()
    [0.0, 0.70703125, 1.0, -1.0]
    """
    period = np.arange(PHASES_PER_STEP * seq_len) / (PHASES_PER_STEP * seq_len)
    return (np.round(np.sin(2 * np.pi * period) * 2**12) / 2**12).astype(np.float32)


def add_waves(
    x_NT: np.ndarray, table: np.ndarray, starts_N: np.ndarray, cycles_N: np.ndarray, amplitudes_N: np.ndarray
) -> None:
    """Adds to each row a sine with a whole number of cycles in T steps.

    Args:
        x_NT: float32 rows, changed in place.
        table: `sine_table(T)`.
        starts_N: table index of the first step.
        cycles_N: cycles in the T steps.
        amplitudes_N: float32.
    """
    n, seq_len = x_NT.shape
    rows = max(1, CHUNK_VALUES // seq_len)
    steps_T = np.arange(seq_len)
    for start in range(0, n, rows):
        part = slice(start, start + rows)
        # Reduced modulo T first: the product stays a small integer at any sequence length.
        shifts_NT = (cycles_N[part, None] * steps_T) % seq_len
        indices_NT = (starts_N[part, None] + PHASES_PER_STEP * shifts_NT) % len(table)
        x_NT[part] += table[indices_NT] * amplitudes_N[part, None]
