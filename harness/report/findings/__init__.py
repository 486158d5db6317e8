"""What the runs of a folder show, in sentences that are made from the data and from nothing else."""

from harness.report.findings.find import find
from harness.report.findings.finding import TOPICS, Finding, Topic

__all__ = ["TOPICS", "Finding", "Topic", "find"]
