"""What the runs of a folder show, in sentences that are made from the data and from nothing else."""

from harness.report.findings.finding import Finding, Topic

__all__ = ["Finding", "Topic"]
