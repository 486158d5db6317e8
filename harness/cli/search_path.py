"""Where Python looks for modules of the user's own project."""

from __future__ import annotations

import os
import sys


def look_here_last() -> None:
    """Makes modules of the working directory importable, behind everything that is installed.

    A `_target_` may name a module of the user's project.
    """
    here = os.getcwd()
    if here not in sys.path:
        sys.path.append(here)
