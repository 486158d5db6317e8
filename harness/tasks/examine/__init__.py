"""What the samples of a task look like, and what would make a comparison on them meaningless."""

from harness.tasks.examine.examination import Examination, examine_task

__all__ = ["Examination", "examine_task"]
