"""Names of data sets of the user, as part of a run's name."""

from __future__ import annotations

import re

MOST_LETTERS = 60


def run_name(name: object, stem: str) -> str:
    """The name of a data set: `name`, or where it is None what `stem`, of a file or a folder, makes of it.

    Raises:
        ValueError: `name` cannot be part of a run's name, or nothing of `stem` can.

    >>> run_name(None, "my series (2)"), run_name("gestures", "data")
    ('my_series_2', 'gestures')
    """
    if name is None:
        made = re.sub(r"[^A-Za-z0-9_.-]+", "_", stem).strip("._-")[:MOST_LETTERS]
        if not made:
            raise ValueError(
                f"name must be given: {stem!r}, the name of the file, has no letter from a to z and no digit"
            )
        return made
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", name):
        raise ValueError(f"name must be made of letters, digits, '_', '-' and '.', not {name!r}")
    if len(name) > MOST_LETTERS:
        raise ValueError(f"name must be at most {MOST_LETTERS} letters long, not {name!r}")
    return name
