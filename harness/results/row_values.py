"""What the values of a `row.json` can be: types and ranges by column, from the fields of `RunRecord`."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from harness.results.schema import STAGES, RunRecord

OTHER_LENGTH_COLUMN = re.compile(r"test_(loss|accuracy)_([0-9]{1,9}x|T[0-9]{1,9})")
"""A test at another length than the one trained at."""

ESSENTIAL = ("task", "cell", "seq_len", "hidden_size", "seed", "setting", "config")
"""Without these a row cannot be told from others; columns that were added later may be missing."""

MOST_TEXT = 10_000
"""Characters of a text."""

MOST_LEVELS = 40
"""Of mappings and lists inside one another; see `levels_above`."""

LARGEST_WHOLE = 2**53
"""The largest count that a number with a decimal point holds exactly."""

_SHARE = re.compile(r".*accuracy(_[0-9]+x|_T[0-9]+)?|clip_rate|dropout")
_NOT_NEGATIVE = re.compile(r".*_(s|mb)|.*grad_norm_.*|epochs|lr|clip|tolerance|gradflow_reach_.*")

_SURROGATE = re.compile("[\ud800-\udfff]")


def why_wrong(row: Mapping[str, Any]) -> str | None:
    """Why a row cannot be one that this package has written, naming the column; None where it can.

    A column that is missing or null has its default. Keys that are no columns are not looked at.
    """
    for name in ESSENTIAL:
        if row.get(name) is None:
            return f"{name} is missing"
    for name, check in _CHECKS.items():
        value = row.get(name)
        if value is not None and (wrong := check(name, value)):
            return f"{name} {wrong}"
    if not row["task"] or not row["cell"] or not row["setting"]:
        return "task, cell and setting cannot be empty"
    if row.get("stage", STAGES[-1]) not in STAGES:
        return f"stage must be one of {', '.join(STAGES)}"
    return _wrong_time(row.get("started_at")) or _wrong_other_lengths(row.get("other_lengths"))


def levels_above(value: Any, most: int) -> bool:
    """Whether more than `most` mappings and lists lie inside one another within the outermost one.

    >>> levels_above({"a": [1]}, 1), levels_above({"a": [1]}, 0)
    (False, True)
    """
    inside = [value]
    for _ in range(most + 1):
        inside = [item for one in inside for item in _items(one)]
        if not inside:
            return False
    return True


def without_surrogates(value: Any) -> Any:
    """A JSON value with `?` for each half of a surrogate pair, which no file in UTF-8 can hold.

    >>> without_surrogates({"error": ["half \\ud800"]})
    {'error': ['half ?']}
    """
    if isinstance(value, str):
        return _SURROGATE.sub("?", value)
    if isinstance(value, dict):
        return {without_surrogates(key): without_surrogates(item) for key, item in value.items()}
    return [without_surrogates(item) for item in value] if isinstance(value, list) else value


def _items(value: Any) -> list[Any]:
    """What lies inside a mapping or a list, and is one of them itself."""
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [item for item in inside if isinstance(item, dict | list)]


def _wrong_text(name: str, value: Any) -> str | None:
    if not isinstance(value, str):
        return f"must be a text, not {type(value).__name__}"
    return f"is longer than {MOST_TEXT} characters" if len(value) > MOST_TEXT else None


def _wrong_flag(name: str, value: Any) -> str | None:
    return None if isinstance(value, bool) else f"must be true or false, not {type(value).__name__}"


def _wrong_count(name: str, value: Any) -> str | None:
    whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    if isinstance(value, bool) or not whole:
        return f"must be a whole number, not {type(value).__name__}"
    return None if 0 <= value <= LARGEST_WHOLE else f"must be from 0 to {LARGEST_WHOLE}"


def _wrong_number(name: str, value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return f"must be a number, not {type(value).__name__}"
    if isinstance(value, int) and abs(value) > LARGEST_WHOLE:
        return f"must be a number below {LARGEST_WHOLE}"
    if math.isnan(value):
        return None
    if _SHARE.fullmatch(name) and not 0 <= value <= 1:
        return "must be from 0 to 1"
    return "cannot be negative" if value < 0 and _NOT_NEGATIVE.fullmatch(name) else None


def _wrong_mapping(name: str, value: Any) -> str | None:
    return None if isinstance(value, dict) else f"must be a mapping, not {type(value).__name__}"


def _wrong_time(value: Any) -> str | None:
    try:
        datetime.fromisoformat((value or "1970-01-01").replace("Z", "+00:00"))
    except ValueError:
        return "started_at must be a time in ISO 8601"
    return None


def _wrong_other_lengths(values: Any) -> str | None:
    for name, value in (values or {}).items():
        if not OTHER_LENGTH_COLUMN.fullmatch(name):
            return "other_lengths holds a name that is no test at another length"
        if value is not None and (wrong := _wrong_number(name, value)):
            return f"{name} {wrong}"
    return None


def _wrong_names(name: str, value: Any) -> str | None:
    return (
        None
        if isinstance(value, list) and all(isinstance(one, str) for one in value)
        else "must be a list of texts"
    )


_KINDS: dict[str, Callable[[str, Any], str | None]] = {
    "str": _wrong_text, "int": _wrong_count, "float": _wrong_number, "bool": _wrong_flag,
    "dict": _wrong_mapping, "list": _wrong_names,
}  # fmt: skip

_CHECKS = {f.name: _KINDS[re.split(r"[ \[]", str(f.type))[0]] for f in dataclasses.fields(RunRecord)}
