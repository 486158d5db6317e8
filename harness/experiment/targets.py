"""The classes and functions that a config names by `_target_`, imported."""

from __future__ import annotations

import functools
import importlib
import re
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

from harness.experiment.errors import ConfigError, where_it_happened
from harness.experiment.identity import NODE_KEY
from harness.experiment.third_party_code import CodeChangedError, code_version


def split_target(key: str, values: Any) -> tuple[Callable[..., Any], dict[str, Any]]:
    """The imported `_target_` of a config node, and its arguments.

    Raises:
        ConfigError: the node has no `_target_`, or it cannot be imported or called.
    """
    path = values.get("_target_") if isinstance(values, dict) else None
    if not isinstance(path, str) or not re.fullmatch(r"\w+(\.\w+)+", path):
        raise ConfigError(f"{key}._target_ must be the dotted path of a class or function, not {path!r}")
    module_name, _, name = path.rpartition(".")
    try:
        target = getattr(importlib.import_module(module_name), name)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a third-party module may fail in any way when it is imported
        raise ConfigError(f"{key}._target_={path} cannot be imported: {where_it_happened(error)}") from error
    if not callable(target):
        raise ConfigError(f"{key}._target_={path} is not a class or function")
    return target, {name: value for name, value in values.items() if name not in ("_target_", NODE_KEY)}


def third_party_code(*targets: tuple[str, Callable[..., Any]]) -> str:
    """What `code_version` says of the modules of targets, each once, in words.

    Args:
        targets: the `_target_` as configured, and what it names: these may lie in different packages.

    Raises:
        ConfigError: a file was edited after it was imported, or the code has no file.
    """
    names = dict.fromkeys(name for path, target in targets for name in _module_names(path, target))
    try:
        versions = [code_version(module) for name in names if (module := sys.modules.get(name)) is not None]
    except (CodeChangedError, ValueError) as error:
        raise ConfigError(str(error)) from error
    return ", ".join(dict.fromkeys(version for version in versions if version))


def _module_names(path: str, target: Callable[..., Any]) -> list[str]:
    """The module that the config names, and the one that defines the target, if that is another package."""
    named = path.rpartition(".")[0]
    while isinstance(target, functools.partial):
        target = target.func
    defined = getattr(target, "__module__", None)
    if not isinstance(defined, str) or isinstance(target, ModuleType):
        return [named]
    return [named] if defined.partition(".")[0] == named.partition(".")[0] else [named, defined]
