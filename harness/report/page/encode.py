"""Tables as JSON inside the page: columns, repeated values once, and nothing that could end a script."""

from __future__ import annotations

import base64
import gzip
import json
import math
from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd
from markupsafe import Markup

_UNSAFE = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


def script_json(value: Any) -> Markup:
    """JSON for a script element of a page: no text in it can end the element or begin a comment.

    >>> print(script_json({"error": "</script><!--"}))
    {"error":"\\u003c/script\\u003e\\u003c!--"}
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for letter, escape in _UNSAFE.items():
        text = text.replace(letter, escape)
    return Markup(text)


def packed(value: Any) -> str:
    """JSON, compressed and in base64: for what a page shows only when it is asked to."""
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return base64.b64encode(gzip.compress(text.encode(), 6, mtime=0)).decode()


def encoded(values: Sequence[Any]) -> dict[str, Any]:
    """A column, repeated values once.

    Returns:
        `{"all": value, "n": length}` where all are equal; `{"of": values, "at": places}` where at most half
        are distinct; else `{"each": values}`.

    >>> encoded([1, 1]), encoded(["a", "b", "a", "a"]), encoded([1, 2])
    ({'all': 1, 'n': 2}, {'of': ['a', 'b'], 'at': [0, 1, 0, 0]}, {'each': [1, 2]})
    """
    places = {value: place for place, value in enumerate(dict.fromkeys(values))}
    if len(places) == 1:
        return {"all": values[0], "n": len(values)}
    if values and len(places) <= len(values) / 2:
        return {"of": list(places), "at": [places[value] for value in values]}
    return {"each": list(values)}


def plain(values: Iterable[Any]) -> list[Any]:
    """Values that JSON can hold: a missing one is None, an infinite one the text `Infinity` or `-Infinity`.

    >>> plain([1.5, float("nan"), float("-inf"), pd.NA, "a"])
    [1.5, None, '-Infinity', None, 'a']
    """
    return [_plain(value) for value in values]


def frame_payload(frame: pd.DataFrame) -> dict[str, Any]:
    """The columns of a frame, each `encoded`."""
    return {str(name): encoded(plain(frame[name].tolist())) for name in frame}


def _plain(value: Any) -> Any:
    if value is None or value is pd.NA:
        return None
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
    return value if isinstance(value, str | bool | int | float) else str(value)
