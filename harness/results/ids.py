"""The hashes in the name of a run, from what its row says about it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any


def short_hash(values: Any) -> str:
    """8 hex digits of a JSON value, whatever the order of its keys.

    Raises:
        ValueError, TypeError: a value has no JSON form, such as infinity.
    """
    text = json.dumps(values, sort_keys=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def ids_of(
    config: Mapping[str, Any], *, seed: int, code: str, data_hash: str, revisions: str
) -> tuple[str, str]:
    """`setting` of a run, and the digits at the end of its `run_id`.

    Args:
        config: the part of the config that is in the identity.
        seed: of the run.
        code: version or hash of the third-party code.
        data_hash: of the content of the data files.
        revisions: those that are not 0, in words.
    """
    unseeded = {key: value for key, value in config.items() if key != "seed"}
    setting = short_hash(unseeded | ({"revisions": revisions} if revisions else {}))
    return setting, short_hash({"setting": setting, "seed": seed, "code": code, "data": data_hash})
