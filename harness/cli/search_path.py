"""Where Python looks for modules of the user's own project."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator


def look_here_last() -> None:
    """Makes modules of the working directory importable, behind everything that is installed.

    A `_target_` may name a module of the user's project.
    """
    here = os.getcwd()
    if here not in sys.path:
        sys.path.append(here)


@contextlib.contextmanager
def children_do_not_look_here() -> Iterator[None]:
    """Processes that are started meanwhile do not search the working directory, as `python -m` would."""
    before = os.environ.get("PYTHONSAFEPATH")
    os.environ["PYTHONSAFEPATH"] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ["PYTHONSAFEPATH"]
        else:
            os.environ["PYTHONSAFEPATH"] = before
