"""Samples as text."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.cli.show.samples import describe_task, label_text, spread_samples, visible
from harness.tasks import Task

STEPS_PER_LINE = 20
HEAD, TAIL = 40, 20
"""A sequence of more tokens than these together is printed in part: its first 40 and last 20 steps."""

COLUMNS_PER_END = 7
"""Steps that are printed from each end of a sequence of values, where the sequence is longer than both."""

MOST_RARE_STEPS = 6
"""With more steps than this that hold a rare token, or a value other than 0, none of them counts as rare."""

SHADES = " .:-=+*#%@"
MOST_NUMBER_ROWS = 8
"""With more features than this, a value is printed as a shade instead of a number."""


def samples_as_text(task: Task, count: int = 3) -> str:
    """The task in one line, and some validation samples with their labels.

    Tokens are printed as the symbols that they stand for, else as ids; values with 2 decimals; with more
    than 8 features a value is a shade. The middle of a long sequence is left out, except rare steps such as
    markers; a single dense feature is printed at equally spaced steps. Padding is not printed.

    Args:
        task: only its validation samples are made.
        count: samples, at least 1, at equal distances in the split; fewer where the split has fewer.

    Raises:
        ValueError: `count` is below 1.
    """
    blocks = [describe_task(task.spec)]
    for sample in spread_samples(task, count):
        length = "" if len(sample.x) == task.spec.seq_len else f" ({len(sample.x)} steps)"
        title = f"validation sample {sample.number}{length} -> {label_text(task.spec, sample)}"
        blocks.append("\n".join([title, *_lines(sample.x, task.spec.symbols)]))
    return "\n\n".join(blocks)


def _lines(x: np.ndarray, symbols: Sequence[str] | None) -> list[str]:
    if x.ndim == 1:
        return _token_lines(x, symbols)
    return _shade_lines(x) if x.shape[1] > MOST_NUMBER_ROWS else _number_lines(x)


def _token_lines(x: np.ndarray, symbols: Sequence[str] | None) -> list[str]:
    """Lines of 20 symbols, or ids where they have no names; each line begins with its first step.

    Of an alphabet with a blank or a newline, which a text has, the symbols stand side by side.
    """
    shown = [visible(symbols[token]) if symbols else str(token) for token in x]
    is_text = symbols is not None and any(symbol.isspace() for symbol in symbols)
    width = 0 if is_text else max(map(len, shown))
    between = "" if is_text and max(map(len, shown)) == 1 else " "
    left_out = range(HEAD, len(x) - TAIL)
    starts = [*range(0, len(x), STEPS_PER_LINE)]
    if left_out:
        starts = [*range(0, HEAD, STEPS_PER_LINE), *range(len(x) - TAIL, len(x), STEPS_PER_LINE)]
    margin = len(f"t={starts[-1]}")
    lines = []
    for start in starts:
        line = between.join(f"{one:>{width}}" for one in shown[start : start + STEPS_PER_LINE])
        lines.append(f"  {f't={start}':{margin}}  {line}".rstrip())
    if left_out:
        rare = [f"{shown[t]} at t={t}" for t in rare_steps(x) if t in left_out]
        among = f", among them {', '.join(rare)}" if rare else ""
        lines.insert(HEAD // STEPS_PER_LINE, f"  {'…':{margin}}  {len(left_out)} steps left out{among}")
    return lines


def _number_lines(x: np.ndarray) -> list[str]:
    """A table with a row per feature and a column per shown step."""
    steps = _shown_steps(x)
    rows = [["t", *map(str, steps)]]
    for feature, values in enumerate(x.T):
        digits = 0 if np.array_equal(values, np.round(values)) else 2
        # Rounding −0.001 gives −0; adding 0 gives 0.
        shown = [f"{round(float(values[t]), 2) + 0.0:.{digits}f}" for t in steps]
        rows.append([f"feature {feature}", *shown])
    width = max(len(text) for row in rows for text in row[1:])
    left_out = np.diff(steps, prepend=steps[0] - 1) > 1
    gaps = left_out & ~left_out[1:].all()  # equally spaced steps need no "…" between them
    lines = []
    for name, *texts in rows:
        line = f"  {name:9}"
        for gap, text in zip(gaps, texts, strict=True):
            line += ("  …" if gap else "") + f"  {text:>{width}}"
        lines.append(line)
    return lines


def _shown_steps(x: np.ndarray) -> list[int]:
    if len(x) <= 2 * COLUMNS_PER_END:
        return [*range(len(x))]
    rare = rare_steps(x)
    if x.shape[1] == 1 and not rare:
        return np.linspace(0, len(x) - 1, 2 * COLUMNS_PER_END).astype(int).tolist()
    return sorted({*range(COLUMNS_PER_END), *rare, *range(len(x) - COLUMNS_PER_END, len(x))})


def _shade_lines(x: np.ndarray) -> list[str]:
    """A line per step, a character per feature."""
    low, high = float(x.min()), float(x.max())
    level = (x - low) / (high - low) if high > low else np.zeros_like(x)
    shades = np.array([*SHADES])[np.minimum((level * len(SHADES)).astype(int), len(SHADES) - 1)]
    scale = f"from {low:.2f} {SHADES[0]!r} to {high:.2f} {SHADES[-1]!r}"
    margin = len(f"t={len(x) - 1}")
    lines = []
    for t, row in enumerate(shades):
        text = "".join(row)
        text = text if len(text) <= 100 else f"{text[:50]}…{text[-49:]}"
        lines.append(f"  {f't={t}':{margin}}  |{text}|")
    if len(x) > HEAD + TAIL:
        lines[HEAD:-TAIL] = [f"  {'…':{margin}}  {len(x) - HEAD - TAIL} steps left out"]
    return [f"  {x.shape[1]} features from left to right, {scale}", *lines]


def rare_steps(x: np.ndarray) -> list[int]:
    """Steps with a token that occurs at most twice, or where a feature that is mostly 0 is not.

    Empty where there are more than `MOST_RARE_STEPS` of them.


    >>> rare_steps(np.array([3, 2, 3, 2, 0, 3, 2]))
    [4]
    >>> rare_steps(np.array([[0.3, 0.0], [0.1, 1.0], [0.2, 0.0], [0.4, 0.0]]))
    [1]
    """
    if x.ndim == 1:
        ids, counts = np.unique(x, return_counts=True)
        steps = np.flatnonzero(np.isin(x, ids[counts <= 2]))
        return steps.tolist() if len(steps) <= MOST_RARE_STEPS else []
    sparse = [np.flatnonzero(values) for values in x.T]
    return sorted(
        {int(t) for steps in sparse if len(steps) <= min(MOST_RARE_STEPS, len(x) // 2) for t in steps}
    )
