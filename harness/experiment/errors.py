"""Errors that are shown to the user in one line. Imports no torch, so that `harness --help` starts fast."""

from __future__ import annotations

import functools
import site
import sys
import sysconfig
import traceback
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).parents[1]


class ConfigError(ValueError):
    """A config that cannot be run: one line that names the value, what is allowed and the way out."""


class MeaninglessPairError(ConfigError):
    """Two choices that mean nothing together, such as a cell and an initialisation; a grid skips them."""


def as_config_error(
    error: BaseException, plain: tuple[type[BaseException], ...] = (ValueError, TypeError, OSError)
) -> ConfigError:
    """An error that came up while a config was checked, as a `ConfigError` in one line.

    Args:
        error: of this package, or of a third-party task or cell, which may fail in any way.
        plain: classes of errors that say what is wrong themselves; of others the class is named too.
    """
    if user_location(error) is None:
        if isinstance(error, plain):
            return ConfigError(flat(str(error)))
        if isinstance(error, KeyError):
            frame = traceback.extract_tb(error.__traceback__)[-1]
            if Path(frame.filename).resolve().is_relative_to(PACKAGE.resolve()):
                return ConfigError(f"the config lacks {error}; do not remove it")
            return ConfigError(f"{short_path(frame.filename)}:{frame.lineno}: {where_it_happened(error)}")
    return ConfigError(where_it_happened(error))


def flat(text: str) -> str:
    """A text in one line."""
    return " ".join(text.split())


def where_it_happened(error: BaseException) -> str:
    """An error as one line; file and line come first where it arose in, or below, the user's own code.

    The line is that of the deepest call in a file that belongs to neither this package, nor the standard
    library, nor site-packages. Of a syntax error it is the line that Python cannot read.

    Returns:
        `my_tasks.py:12: KeyError: 'x'`, or `KeyError: 'x'` where no such file took part.
    """
    location = user_location(error)
    said = error.msg if isinstance(error, SyntaxError) else str(error)
    text = flat(f"{type(error).__name__}: {said}" if said else type(error).__name__)
    return f"{location}: {text}" if location else text


def user_location(error: BaseException) -> str | None:
    """`file:line` of the user's own code at which `error`, or the error it was raised from, arose; or None.

    Files below the working directory are named by their relative path.
    """
    for one in _chain(error):
        if isinstance(one, SyntaxError) and one.filename and _is_users(one.filename):
            return f"{short_path(one.filename)}:{one.lineno}"
        frames = [frame for frame in traceback.extract_tb(one.__traceback__) if _is_users(frame.filename)]
        if frames:
            return f"{short_path(frames[-1].filename)}:{frames[-1].lineno}"
    return None


def full_traceback(error: BaseException) -> str:
    """The whole traceback, with the errors that a shorter message replaced."""
    for one in _chain(error, suppressed=True):
        one.__suppress_context__ = False
    return "".join(traceback.format_exception(error))


def _chain(error: BaseException, *, suppressed: bool = False) -> Iterator[BaseException]:
    """`error`, then what it was raised from; with `suppressed`, also what `from None` hides."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        hidden = current.__suppress_context__ and not suppressed
        current = current.__cause__ or (None if hidden else current.__context__)


def _is_users(filename: str) -> bool:
    path = Path(filename)
    if not path.is_file():  # <frozen importlib>, <string>
        return False
    path = path.resolve()
    return not any(path.is_relative_to(folder) for folder in _installed_folders())


@functools.cache
def _installed_folders() -> tuple[Path, ...]:
    """This package, torch, the standard library and every site-packages."""
    folders = {PACKAGE, *map(Path, site.getsitepackages()), Path(site.getusersitepackages())}
    folders |= {Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    torch = sys.modules.get("torch")
    if torch is not None and torch.__file__:
        folders.add(Path(torch.__file__).parent)
    return tuple(folder.resolve() for folder in folders)


def short_path(filename: str | Path) -> str:
    """A path as it is shown: relative where it lies below the working directory."""
    path = Path(filename).resolve()
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)
