"""The findings of a results folder, in the order in which a reader asks."""

from __future__ import annotations

from collections.abc import Sequence

from harness.report.figure_spec import ReportData
from harness.report.findings.accuracy import accuracy_findings
from harness.report.findings.bits import bits_findings
from harness.report.findings.caution import caution_findings
from harness.report.findings.choice import choice_findings
from harness.report.findings.cost import cost_findings
from harness.report.findings.finding import TOPICS, Finding
from harness.report.findings.gates import gate_findings
from harness.report.findings.gradient import gradient_findings
from harness.report.findings.memory import memory_findings

FINDERS = (
    memory_findings,
    accuracy_findings,
    bits_findings,
    choice_findings,
    gradient_findings,
    gate_findings,
    cost_findings,
    caution_findings,
)


def find(data: ReportData, drawn: Sequence[str] = ()) -> list[Finding]:
    """Every finding that the runs carry, by topic.

    Args:
        data: of a results folder.
        drawn: the names of its figures without their ending, for findings to name.
    """
    if data.runs.empty:
        return []
    found = [finding for finder in FINDERS for finding in finder(data, drawn)]
    return sorted(found, key=lambda finding: TOPICS.index(finding.topic))
