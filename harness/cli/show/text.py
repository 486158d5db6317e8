"""Samples as text."""

from __future__ import annotations

import numpy as np

from harness.cli.show.samples import about, label_text, pick
from harness.tasks import Task

STEPS_A_LINE = 20
HEAD, TAIL = 40, 20
"""Of a longer sequence of tokens the first 40 and the last 20 steps are printed: whole lines."""

COLUMNS = 7
"""Of a longer sequence of values this many steps are printed from each end."""

FEW = 6
"""So many steps at most stand out: a value other than 0, or a token seen once or twice."""

SHADES = " .:-=+*#%@"
NUMBERS_UP_TO = 8
"""With more features than this, values are printed as shades."""


def show(task: Task, count: int = 3) -> str:
    """Some validation samples as text, with their labels.

    Tokens are printed as ids and values rounded to 2 digits; with more than 8 features a value is a shade.
    Of long sequences the middle is left out, apart from steps that stand out, such as markers; one feature
    alone is printed at steps evenly apart. Padding is not printed.

    Args:
        task: its validation samples are made, nothing else.
        count: samples, at least 1, evenly spread over the split; fewer where there are fewer.

    Raises:
        ValueError: `count` is below 1.
    """
    blocks = [about(task.spec)]
    for sample in pick(task, count):
        length = "" if len(sample.x) == task.spec.seq_len else f" ({len(sample.x)} steps)"
        title = f"validation sample {sample.number}{length} -> {label_text(task.spec, sample)}"
        blocks.append("\n".join([title, *_lines(sample.x)]))
    return "\n\n".join(blocks)


def _lines(x: np.ndarray) -> list[str]:
    if x.ndim == 1:
        return _token_lines(x)
    return _shade_lines(x) if x.shape[1] > NUMBERS_UP_TO else _number_lines(x)


def _token_lines(x: np.ndarray) -> list[str]:
    """Lines of 20 ids, each with its first step."""
    width = len(str(x.max()))
    left_out = range(HEAD, len(x) - TAIL)
    starts = [*range(0, len(x), STEPS_A_LINE)]
    if left_out:
        starts = [*range(0, HEAD, STEPS_A_LINE), *range(len(x) - TAIL, len(x), STEPS_A_LINE)]
    margin = len(f"t={starts[-1]}")
    lines = []
    for start in starts:
        ids = " ".join(f"{token:{width}}" for token in x[start : start + STEPS_A_LINE])
        lines.append(f"  {f't={start}':{margin}}  {ids}")
    if left_out:
        rare = [f"{x[t]} at t={t}" for t in standing_out(x) if t in left_out]
        among = f", among them {', '.join(rare)}" if rare else ""
        lines.insert(HEAD // STEPS_A_LINE, f"  {'…':{margin}}  {len(left_out)} steps left out{among}")
    return lines


def _number_lines(x: np.ndarray) -> list[str]:
    """A table: a row for each feature, a column for each step that is shown."""
    steps = _shown_steps(x)
    rows = [["t", *map(str, steps)]]
    for feature, values in enumerate(x.T):
        digits = 0 if np.array_equal(values, np.round(values)) else 2
        # Adding 0 makes a 0 of −0, which is all that rounding leaves of −0.001.
        shown = [f"{round(float(values[t]), 2) + 0.0:.{digits}f}" for t in steps]
        rows.append([f"feature {feature}", *shown])
    width = max(len(text) for row in rows for text in row[1:])
    left_out = np.diff(steps, prepend=steps[0] - 1) > 1
    marked = left_out & ~left_out[1:].all()  # steps evenly apart speak for themselves
    lines = []
    for name, *texts in rows:
        line = f"  {name:9}"
        for gap, text in zip(marked, texts, strict=True):
            line += ("  …" if gap else "") + f"  {text:>{width}}"
        lines.append(line)
    return lines


def _shown_steps(x: np.ndarray) -> list[int]:
    if len(x) <= 2 * COLUMNS:
        return [*range(len(x))]
    special = standing_out(x)
    if x.shape[1] == 1 and not special:
        return np.linspace(0, len(x) - 1, 2 * COLUMNS).astype(int).tolist()
    return sorted({*range(COLUMNS), *special, *range(len(x) - COLUMNS, len(x))})


def _shade_lines(x: np.ndarray) -> list[str]:
    """A line for each step, a character for each feature."""
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


def standing_out(x: np.ndarray) -> list[int]:
    """Steps of rare tokens, or where a feature that is mostly 0 is not; none where they are many.

    >>> standing_out(np.array([3, 2, 3, 2, 0, 3, 2]))
    [4]
    >>> standing_out(np.array([[0.3, 0.0], [0.1, 1.0], [0.2, 0.0], [0.4, 0.0]]))
    [1]
    """
    if x.ndim == 1:
        ids, counts = np.unique(x, return_counts=True)
        steps = np.flatnonzero(np.isin(x, ids[counts <= 2]))
        return steps.tolist() if len(steps) <= FEW else []
    sparse = [np.flatnonzero(values) for values in x.T]
    return sorted({int(t) for steps in sparse if len(steps) <= min(FEW, len(x) // 2) for t in steps})
