"""A finding: what the runs of a folder show, as a sentence with its numbers, and the figure that shows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Topic = Literal["memory", "accuracy", "choice", "gradient", "gates", "cost", "caution"]
"""Which question it answers: who solves what, who is more accurate, what initialisation and learning rate do,
where gradients vanish, how long gates keep the state, what it costs; `caution`: what these runs do not allow
to say."""

TOPICS: tuple[Topic, ...] = get_args(Topic)
"""In the order in which a reader asks."""


@dataclass(frozen=True)
class Finding:
    """One statement that the data carry."""

    topic: Topic
    text: str
    """Whole sentences in plain text, with numbers, n and budget."""
    figure: str = ""
    """Name of the figure file that shows it, without its ending; empty: none does."""
