"""Sine waves whose bytes are the same on every machine: whole numbers of cycles, read from one table."""

from __future__ import annotations

import numpy as np

PHASES = 256
"""Places in the table for each step of a sequence."""

CHUNK = 2**16
"""Values read from the table at a time, so that the places take no memory to speak of."""


def sine_table(seq_len: int) -> np.ndarray:
    """(256 T,) float32: one turn of the sine, rounded to multiples of 2⁻¹².

    The sine is NumPy's float64 one. It is never half-way between two multiples (at a rational part of a
    turn the sine is irrational, 0, ±1/2 or ±1), so an error in its last bits does not change the table.

    >>> sine_table(1)[[0, 32, 64, 192]].tolist()
    [0.0, 0.70703125, 1.0, -1.0]
    """
    turn = np.arange(PHASES * seq_len) / (PHASES * seq_len)
    return (np.round(np.sin(2 * np.pi * turn) * 2**12) / 2**12).astype(np.float32)


def add_waves(
    x_NT: np.ndarray, table: np.ndarray, starts_N: np.ndarray, cycles_N: np.ndarray, loud_N: np.ndarray
) -> None:
    """Adds to each row a sine of a whole number of cycles in T steps.

    Args:
        x_NT: float32 rows, changed in place.
        table: `sine_table(T)`.
        starts_N: place in the table of the first step.
        cycles_N: cycles in the T steps.
        loud_N: amplitude, float32.
    """
    n, seq_len = x_NT.shape
    rows = max(1, CHUNK // seq_len)
    steps_T = np.arange(seq_len)
    for start in range(0, n, rows):
        part = slice(start, start + rows)
        # The product is reduced to T steps first: it stays a small integer however long the sequence is.
        turns_NT = (cycles_N[part, None] * steps_T) % seq_len
        places_NT = (starts_N[part, None] + PHASES * turns_NT) % len(table)
        x_NT[part] += table[places_NT] * loud_N[part, None]
