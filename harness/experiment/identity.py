"""When two runs are the same run: a hash over everything that decides the numbers, and nothing else."""

from __future__ import annotations

import functools
import hashlib
import itertools
import re
import typing
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

from harness.experiment.errors import ConfigError, flat
from harness.experiment.schema import Schema
from harness.results import ids
from harness.results.ids import ids_of

NODE_KEY = "_identity_"
"""In a yaml of a task or a cell: `leave_out`, a list of keys that say where data lies; and `neutral`, a
mapping from keys added later to the value that stands for the behaviour before."""

PATH_KEY = re.compile(r"(^|[_.])(path|file|folder|dir|root)s?$")
PATH_VALUE = re.compile(r"[/\\]|\.\w+$")

MOST_FILES, MOST_BYTES = 10_000, 2**31
"""Of a folder that a task's argument names: the largest that is read to see whether it changed."""


@dataclass(frozen=True)
class Identity:
    """What a run is.

    Attributes:
        setting: 8 hex digits over the config without seed, code and data; runs of one setting are repeats.
        digest: 8 hex digits over setting, seed, code and data: the end of the run_id.
        config: the part of the config that is hashed, as it is recorded.
        code: version or hash of the third-party code, see `third_party_code.code_version`.
        data_hash: 8 hex digits over the content of the data that is read from disk; empty: none is.
        revisions: those of task, cell and training rule that are not 0, in words.
    """

    setting: str
    digest: str
    config: dict[str, Any]
    code: str
    data_hash: str
    revisions: str


def identify(
    config: dict[str, Any], *, seed: int, code: str, content: str | None, revisions: Mapping[str, int]
) -> Identity:
    """The identity of a run.

    Args:
        config: what `hashed_config` and `hashed_node` left of the resolved config.
        seed: of the run.
        code: of third parties; empty: none.
        content: hash of the data that is read from disk; None: none is read.
        revisions: by what they are of; 0 is neutral.
    """
    raised = ", ".join(f"{name} {number}" for name, number in sorted(revisions.items()) if number)
    data_hash = hash_of_content(content)
    short_hash(config)  # what cannot be recorded cannot be run
    setting, digest = ids_of(config, seed=seed, code=code, data_hash=data_hash, revisions=raised)
    return Identity(setting, digest, config, code, data_hash, raised)


def hash_of_content(content: str | None) -> str:
    """8 hex digits for the content of the data that is read from disk; empty for None."""
    return "" if content is None else hashlib.sha256(content.encode()).hexdigest()[:8]


def hashed_config(values: Mapping[str, Any], schema: type = Schema) -> dict[str, Any]:
    """The values that are part of the identity: the fields of `schema` say which.

    Fields with the metadata `identity: False` are left out, and so are those that equal their metadata
    `neutral`; nested dataclasses likewise. Nodes that the schema does not describe are kept whole.
    """
    kept = {}
    for name, metadata, nested in _identity_fields(schema):
        if name not in values or ("neutral" in metadata and values[name] == metadata["neutral"]):
            continue
        kept[name] = values[name] if nested is None else hashed_config(values[name], nested)
    return kept


@functools.cache
def _identity_fields(schema: type) -> tuple[tuple[str, Mapping[str, Any], type | None], ...]:
    """Name and metadata of the fields that may be part of the identity, and the dataclass of nested ones."""
    kinds = typing.get_type_hints(schema)
    return tuple(
        (item.name, item.metadata, kinds[item.name] if is_dataclass(kinds[item.name]) else None)
        for item in fields(schema)
        if item.metadata.get("identity") is not False
    )


def hashed_node(values: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a task or a cell that are part of the identity, without its `_identity_`."""
    neutral, left_out = _node_rules(values.get(NODE_KEY))
    return {
        key: value
        for key, value in values.items()
        if key != NODE_KEY and key not in left_out and not (key in neutral and value == neutral[key])
    }


def _node_rules(rules: Any) -> tuple[Mapping[str, Any], list[str]]:
    """`neutral` and `leave_out` of a node's `_identity_`, checked."""
    if rules is None:
        return {}, []
    if isinstance(rules, Mapping) and rules.keys() <= {"neutral", "leave_out"}:
        neutral, left_out = rules.get("neutral", {}), rules.get("leave_out", [])
        if isinstance(neutral, Mapping) and isinstance(left_out, list):
            return neutral, left_out
    raise ConfigError(f"{NODE_KEY} takes leave_out, a list of keys, and neutral, a mapping; not {rules!r}")


def named_files(arguments: Any, key: str = "") -> dict[str, Path]:
    """The files and folders that exist and that arguments of a third-party task or cell name, by their key.

    A text counts as a path when its key ends in `path`, `file`, `folder`, `dir` or `root`, in a list or a
    mapping too; and when it holds a separator or a suffix and names a file. So a folder that happens to be
    called like a variant is none.
    """
    if isinstance(arguments, Mapping | list):
        pairs = arguments.items() if isinstance(arguments, Mapping) else enumerate(arguments)
        of_parts = (named_files(value, f"{key}.{name}".lstrip(".")) for name, value in pairs)
        return {name: path for part in of_parts for name, path in part.items()}
    if not isinstance(arguments, str) or not arguments:
        return {}
    path = Path(arguments).expanduser()
    named = PATH_KEY.search(re.sub(r"(\.\d+)+$", "", key)) is not None
    counts = path.exists() if named else PATH_VALUE.search(arguments) is not None and path.is_file()
    return {key: path} if counts else {}


def without(arguments: Any, keys: Collection[str], key: str = "") -> Any:
    """The arguments with a placeholder in place of the values under `keys`, as `named_files` names them."""
    if isinstance(arguments, Mapping):
        return {name: without(value, keys, f"{key}.{name}".lstrip(".")) for name, value in arguments.items()}
    if isinstance(arguments, list):
        return [without(value, keys, f"{key}.{number}") for number, value in enumerate(arguments)]
    return "(content)" if key in keys else arguments


def content_of(paths: Mapping[str, Path]) -> str | None:
    """SHA-256 over the bytes of files, and of all files in folders; None without any.

    Raises:
        ConfigError: a folder is too large to be read for this.
    """
    if not paths:
        return None
    digest = hashlib.sha256()
    for key, path in sorted(paths.items()):
        for name, file in _files(key, path):
            with file.open("rb") as opened:
                digest.update(
                    f"{key}\0{name}\0{hashlib.file_digest(opened, 'sha256').hexdigest()}\0".encode()
                )
    return digest.hexdigest()


def short_hash(values: Any) -> str:
    """8 hex digits of a JSON value, whatever the order of its keys.

    Raises:
        ConfigError: a value has no JSON form, such as infinity.
    """
    try:
        return ids.short_hash(values)
    except (ValueError, TypeError) as error:
        shown = flat(repr(values))[:200]
        raise ConfigError(f"a value cannot be recorded as JSON ({flat(str(error))}): {shown}") from None


def _files(key: str, path: Path) -> Iterator[tuple[str, Path]]:
    """The files that a path stands for, with their names below it."""
    if path.is_file():
        yield "", path
        return
    entries = list(itertools.islice(path.rglob("*"), MOST_FILES + 1))
    files = sorted(file for file in entries if file.is_file())
    if len(entries) > MOST_FILES or sum(file.stat().st_size for file in files) > MOST_BYTES:
        raise ConfigError(
            f"{key}={path} is too large a folder to notice changes in it ({MOST_FILES} files and 2 GiB "
            "at most); give the Task its `content`, a hash of the data that it reads"
        )
    for file in files:
        yield file.relative_to(path).as_posix(), file
