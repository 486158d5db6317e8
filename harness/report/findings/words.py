"""Words that the sentences of findings share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from harness.report.figure_files import name_part
from harness.report.training_words import training_sentences
from harness.results.repeats import IDENTITY, labelled

MOST_BLOCKS = 3
"""Groups of comparable runs of one task up to which each gets sentences; of more, the tables tell."""


def listed(words: Iterable[str]) -> str:
    """`a`, `a and b`, `a, b and c`.

    >>> listed(["gru", "lstm", "rnn"])
    'gru, lstm and rnn'
    """
    words = list(words)
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)


def counted(numbers: Iterable[int], word: str) -> str:
    """`5 seeds`, `1 seed`, `3 to 5 seeds`: how many there are of something.

    >>> counted([5, 5], "seed"), counted([1], "seed"), counted([3, 5], "seed")
    ('5 seeds', '1 seed', '3 to 5 seeds')
    """
    values = sorted(set(numbers))
    plural = "" if values == [1] else "s"
    ends = str(values[0]) if len(values) == 1 else f"{values[0]} to {values[-1]}"
    return f"{ends} {word}{plural}"


def medians_over(numbers: Iterable[int]) -> str:
    """What the numbers of a sentence are, by the number of seeds of each cell.

    >>> medians_over([5, 5]), medians_over([1, 1]), medians_over([1])
    ('Medians of 5 seeds.', 'One seed each.', 'One seed.')
    """
    numbers = list(numbers)
    if set(numbers) != {1}:
        return f"Medians of {counted(numbers, 'seed')}."
    return "One seed." if len(numbers) == 1 else "One seed each."


def blocks(runs: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """The runs that differ in cell, length and seed only, with the words for what they share.

    Args:
        runs: as `labelled` returns them.
    """
    keys = [*IDENTITY, "size", "condition"]
    for (task, variant, source, size, condition), group in runs.groupby(keys, dropna=False, observed=True):
        data = "" if source == "generated" else f", {source}"
        parts = [f"{task} ({variant}{data})", str(size), *([str(condition)] if condition else [])]
        yield ", ".join(parts), group


def few_blocks(runs: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """The `blocks` of each task that has at most `MOST_BLOCKS` of them."""
    for _, of_task in runs.groupby("task", sort=False):
        of_task_blocks = list(blocks(of_task))
        if len(of_task_blocks) <= MOST_BLOCKS:
            yield from of_task_blocks


def inits_as_cells(runs: pd.DataFrame) -> pd.DataFrame:
    """The runs labelled so that initialisations stand side by side like cells: `gru keras`, `gru torch`.

    Args:
        runs: as `labelled` returns them, at least one.
    """
    runs = labelled(runs.drop(columns=["label", "condition", "size"]), ignore=["init"])
    if runs["init"].nunique() == 1:
        return runs
    return runs.assign(label=runs["label"] + " " + runs["init"])


def trained(runs: pd.DataFrame) -> str:
    """How the runs of a sentence were trained, in brackets."""
    budget, _, rates = training_sentences(runs).partition(". ")
    return f"({budget}; {rates[:1].lower()}{rates[1:].rstrip('.')}.)"


def pattern_groups(by_cell: Mapping[str, Any]) -> list[tuple[list[str], Any]]:
    """Cells with the same outcome together, in the order of their first cell.

    >>> pattern_groups({"gru": 1, "lstm": 1, "rnn": 0})
    [(['gru', 'lstm'], 1), (['rnn'], 0)]
    """
    groups: list[tuple[list[str], Any]] = []
    for cell, outcome in by_cell.items():
        for cells, known in groups:
            if known == outcome:
                cells.append(cell)
                break
        else:
            groups.append(([cell], outcome))
    return groups


def figure_named(drawn: Sequence[str], *wanted: str) -> str:
    """The first figure that was drawn and is, or starts with, one of the wanted names; empty: none.

    >>> figure_named(["gradient_flow-adding-init-torch"], "solved", "gradient_flow-adding")
    'gradient_flow-adding-init-torch'
    """
    return next((name for want in wanted for name in drawn if name == want or name.startswith(want)), "")


def figure_of_task(drawn: Sequence[str], kind: str, block: pd.DataFrame) -> str:
    """The figure of this kind of the task of a block; of several the one that names its variant or condition.

    Args:
        drawn: names of figures; those of a task are made of `kind`, the task and what else tells them apart.
        kind: the beginning of the name.
        block: runs that differ in cell, length and seed only.
    """
    first = block.iloc[0]
    parts = [name_part(first[name]) for name in (*IDENTITY, "condition")]
    own = [name for name in drawn if f"{name}-".startswith(f"{kind}-{parts[0]}-")]
    return max(own, key=lambda name: sum(part != "" and part in name for part in parts[1:]), default="")
