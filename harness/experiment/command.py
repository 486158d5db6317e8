"""From the recorded config of a run to the command that makes it again. Imports neither torch nor Hydra."""

from __future__ import annotations

import functools
import re
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from harness.experiment.conf_files import CONFIG_NAME, conf_dir

FALLBACK = {"task": "adding", "cell": "custom"}
"""The file whose keys are replaced where a third-party `_target_` has none in `conf/`."""

_NOT_KEYS = {"data_source"}
"""Of a recorded config: what a run says about itself, which no command sets."""

_CONTENT = "(content)"
"""Stands in a recorded config for a path of the user's own."""

OWN_FILE = "FILE"
"""Stands in a command for the path of a user's file, which no config keeps."""

_WITHOUT_PATH = {"next_char": r"story-\d+", "text": r"faker-surnames-\d+"}
"""The data source of tasks that read data of this package or another where they are given no path."""

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*")
_WORDS = {"null", "true", "false", "nan", "inf"}


def command_of(config: Mapping[str, Any]) -> str | None:
    """The command line whose run has this config: `harness`, then what differs from `conf/`.

    Args:
        config: `config` of a row: the part of the config that is in the run's identity. Keys that it lacks
            have their neutral values, which are the defaults of `conf/config.yaml`.

    Returns:
        None where the config is not whole, is of version 0.1, or hides a path of the user's own. Where a task
        read such a file and the config leaves its path out, it is called `OWN_FILE`.
    """
    root = _root()
    parts = {group: config.get(group) for group in ("task", "cell")}
    if "data_source" not in config or not all(_has_target(node) for node in parts.values()):
        return None
    others = {key: config[key] for key in config if key not in {*parts, "init", *_NOT_KEYS}}
    if _CONTENT in str(config) or not others.keys() <= root.keys():
        return None
    overrides = []
    for group, node in (*parts.items(), ("init", config.get("init"))):
        overrides += _of_group(group, node) if node else []
    if read_own_file(config):
        overrides.append(f"task.path={OWN_FILE}")
    if config.get("match_params") is not None:  # it chooses the hidden size
        overrides = [item for item in overrides if not item.startswith("cell.hidden_size=")]
    base, wanted = dict(_flat(root)), dict(_flat(others))
    overrides += [_assignment(key, value, base) for key, value in wanted.items()
                  if key != "seed" and (key not in base or base[key] != value)]  # fmt: skip
    overrides.append(f"seed={_text(config.get('seed', root['seed']))}")
    return " ".join(["harness", *map(shlex.quote, overrides)])


def read_own_file(config: Mapping[str, Any]) -> bool:
    """Whether a task of `conf/task/` read a file of the user's own, whose path the config leaves out."""
    task = _of_group("task", config["task"])[0].removeprefix("task=")
    left_out = (_load(f"task/{task}").get("_identity_") or {}).get("leave_out", ())
    source = str(config.get("data_source"))
    return "path" in left_out and re.fullmatch(_WITHOUT_PATH.get(task, ""), source) is None


def _of_group(group: str, node: Mapping[str, Any]) -> list[str]:
    """`task=adding` and the keys in which the node differs from that file."""
    name = str(_name_of(node))
    files = {stem: file for stem, file in _files(group, name).items() if _name_of(file) == name}
    if not files and group in FALLBACK:
        files = {FALLBACK[group]: _load(f"{group}/{FALLBACK[group]}")}
    changes = {stem: _changes(group, node, file) for stem, file in files.items()}
    stem = min(changes, key=lambda one: len(changes[one]), default=None)
    return [] if stem is None else [f"{group}={stem}", *changes[stem]]


def _changes(group: str, node: Mapping[str, Any], file: Mapping[str, Any]) -> list[str]:
    """The overrides that turn the file of a group into the node."""
    rules = file.get("_identity_") or {}
    neutral, left_out = rules.get("neutral", {}), {*rules.get("leave_out", ()), "_identity_"}
    kept = {key: value for key, value in file.items() if key not in left_out}
    base = dict(_flat(kept, f"{group}."))
    wanted = dict(_flat({key: neutral[key] for key in neutral if key not in node} | dict(node), f"{group}."))
    removed = [key for key in base if key not in wanted and not (key == "cell.name" and base[key] is None)]
    changed = [key for key, value in wanted.items() if key not in base or not _same(base[key], value)]
    return [f"~{key}" for key in removed] + [_assignment(key, wanted[key], base) for key in changed]


def _assignment(key: str, value: Any, base: Mapping[str, Any]) -> str:
    return f"{'' if key in base else '+'}{key}={_text(value)}"


def _same(a: Any, b: Any) -> bool:
    return bool(a == b) and isinstance(a, bool) == isinstance(b, bool)


def _text(value: Any) -> str:
    """A value as Hydra reads it on the command line.

    >>> _text(None), _text([1, "a b"]), _text("1e3"), _text(0.001)
    ('null', "[1,'a b']", "'1e3'", '0.001')
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return f"[{','.join(map(_text, value))}]"
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{key}:{_text(one)}" for key, one in value.items()) + "}"
    if not isinstance(value, str):
        return repr(value)
    if _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    return "'" + re.sub(r"(\\*)'", r"\1\1\\'", value) + "'"


def _flat(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The leaves of a nested mapping by dotted key; an empty mapping is a leaf."""
    for key, value in tree.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _has_target(node: Any) -> bool:
    return isinstance(node, Mapping) and isinstance(node.get("_target_"), str)


def _name_of(node: Mapping[str, Any]) -> Any:
    """What a file of a group and a recorded node have in common when they mean the same."""
    return node.get("_target_", node.get("name"))


@functools.cache
def _root() -> dict[str, Any]:
    """The keys of `conf/config.yaml` and their defaults."""
    tree = _load(CONFIG_NAME)
    return {key: value for key, value in tree.items() if key not in ("defaults", "hydra", "timing")}


@functools.cache
def _files(group: str, name: str) -> dict[str, dict[str, Any]]:
    """The files of a group that speak of a `_target_` or a name, by their stem."""
    paths = sorted((conf_dir() / group).glob("*.yaml"))
    return {path.stem: _load(f"{group}/{path.stem}") for path in paths if name in path.read_text("utf-8")}


@functools.cache
def _load(name: str) -> dict[str, Any]:
    from omegaconf import OmegaConf

    tree = OmegaConf.to_container(OmegaConf.load(conf_dir() / f"{name}.yaml"), resolve=False)
    assert isinstance(tree, dict)  # a file of ours
    return {str(key): value for key, value in tree.items()}
