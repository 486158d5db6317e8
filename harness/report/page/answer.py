"""The first section: findings in the order of their topics, each beside the figure that shows it."""

from __future__ import annotations

import itertools
import typing
from collections.abc import Sequence
from dataclasses import dataclass

from harness.report.findings.finding import Finding, Topic
from harness.report.page.static_figures import StaticFigure

TOPIC_WORDS: dict[Topic, str] = {
    "memory": "Which cell solves what, and up to which length?",
    "accuracy": "Which cell is more accurate?",
    "choice": "What do initialisation and learning rate do?",
    "gradient": "Where do gradients vanish?",
    "gates": "How long do gates keep the state?",
    "cost": "What does it cost?",
    "caution": "What these runs do not show",
}


@dataclass(frozen=True)
class Statement:
    """Findings that one figure shows."""

    texts: tuple[str, ...]
    figure: StaticFigure | None
    """Shown beside them; None: no figure shows them, or it stands elsewhere."""
    elsewhere: str = ""
    """The name of the figure where it already stands beside earlier findings."""


@dataclass(frozen=True)
class TopicBlock:
    """The findings of one topic."""

    topic: Topic
    title: str
    statements: tuple[Statement, ...]


def topic_blocks(findings: Sequence[Finding], figures: Sequence[StaticFigure]) -> list[TopicBlock]:
    """The findings by topic, in the order of `Topic`; a figure stands beside the first that name it."""
    by_name = {figure.name: figure for figure in figures}
    shown: set[str] = set()
    blocks = []
    for topic in typing.get_args(Topic):
        of_topic = [finding for finding in findings if finding.topic == topic]
        statements = []
        for name, group in itertools.groupby(of_topic, lambda finding: finding.figure):
            texts = tuple(finding.text for finding in group)
            new = name in by_name and name not in shown
            elsewhere = name if name in shown else ""
            statements.append(Statement(texts, by_name[name] if new else None, elsewhere))
            shown |= {name} if new else set()
        if statements:
            blocks.append(TopicBlock(topic, TOPIC_WORDS[topic], tuple(statements)))
    return blocks


def shown_figures(blocks: Sequence[TopicBlock]) -> set[str]:
    """The names of the figures that stand beside findings."""
    found = (statement.figure for block in blocks for statement in block.statements)
    return {figure.name for figure in found if figure is not None}


def said_of(findings: Sequence[Finding]) -> dict[str, str]:
    """By name of a figure: what its findings say, for its alternative text."""
    said: dict[str, str] = {}
    for finding in findings:
        if finding.figure:
            said[finding.figure] = f"{said.get(finding.figure, '')} {finding.text}".strip()
    return said
