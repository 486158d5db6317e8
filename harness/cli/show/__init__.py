"""What a task's samples look like: `show` as text, `show_figure` as a picture."""

from harness.cli.show.figure import show_figure
from harness.cli.show.text import show

__all__ = ["show", "show_figure"]
