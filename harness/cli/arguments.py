"""What several commands share: checks of arguments, flags and words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from harness.experiment.conf_files import GROUPS, entries
from harness.experiment.errors import ConfigError

MULTIRUN_FLAGS = ("-m", "--multirun")


def is_override(argument: str) -> bool:
    """Whether this is KEY=VALUE, or `~KEY`, which removes a key."""
    return "=" in argument or argument.startswith("~")


def with_task(command: str, arguments: Sequence[str]) -> list[str]:
    """The arguments with a task's name in front, `NAME`, as `task=NAME`.

    Raises:
        ConfigError: there are none.

    >>> with_task("show", ["adding", "seed=2"])
    ['task=adding', 'seed=2']
    """
    if not arguments:
        raise ConfigError(
            f"{command} needs the name of a task, such as: harness {command} adding; see `harness list`"
        )
    first, *rest = arguments
    return list(arguments) if is_override(first) or first.startswith("-") else [f"task={first}", *rest]


def take_flag(arguments: Sequence[str], flag: str) -> tuple[bool, list[str]]:
    """Whether `flag` is among the arguments, and the other arguments.

    >>> take_flag(["seed=1", "--dry-run"], "--dry-run")
    (True, ['seed=1'])
    """
    rest = [argument for argument in arguments if argument != flag]
    return len(rest) < len(arguments), rest


def take_option(arguments: Sequence[str], option: str, default: str) -> tuple[str, list[str]]:
    """The value of `option`, given as `--name VALUE` or `--name=VALUE`, and the other arguments.

    Raises:
        ConfigError: it has no value, or is given twice.

    >>> take_option(["results", "--style", "paper"], "--style", "screen")
    ('paper', ['results'])
    """
    found, rest, pending = [], [], iter(arguments)
    for argument in pending:
        name, equals, value = argument.partition("=")
        if name == option:
            found.append(value if equals else next(pending, ""))
        else:
            rest.append(argument)
    if len(found) > 1 or "" in found:
        example = f", such as {option} {default}" if default else ""
        raise ConfigError(f"{option} takes one value{example}, not {found}")
    return (found[0] if found else default), rest


def whole_number_of(flag: str, text: str, low: int, high: int) -> int:
    """The value of a flag, a whole number from `low` to `high`.

    Raises:
        ConfigError: it is none.

    >>> whole_number_of("--sample", "7", 0, 9)
    7
    """
    if not (text.isascii() and text.isdecimal()) or not low <= int(text) <= high:
        raise ConfigError(f"{flag} must be a whole number from {low} to {high}, not {text!r}")
    return int(text)


def overrides_of(command: str, arguments: Sequence[str], flags: Sequence[str] = ()) -> list[str]:
    """The arguments of a command as Hydra's overrides.

    `--config-dir FOLDER` becomes an entry of `hydra.searchpath`, so that it has the same effect everywhere.

    Args:
        command: its name, for the error.
        arguments: without the flags that the command takes itself.
        flags: the names of these, for the error.

    Raises:
        ConfigError: an argument is no override, or the folder does not exist.
    """
    rest = [_path_as_it_is(argument) for argument in with_searchpath(arguments)]
    for argument in rest:
        if not is_override(argument):
            also = "".join(f", {flag}" for flag in ("--config-dir FOLDER", *flags))
            raise ConfigError(f"{command} takes KEY=VALUE{also}, not {argument!r}{_meant(command, argument)}")
    return rest


def _path_as_it_is(argument: str) -> str:
    """`results_dir=a${b}` with its `${` escaped where a file or folder of that very name exists."""
    key, equals, value = argument.partition("=")
    if key not in ("results_dir", "data_dir", "task.path") or not equals or "${" not in value:
        return argument
    parts = Path(value).parts
    first = next(place for place, part in enumerate(parts) if "${" in part)
    exists = Path(*parts[: first + 1]).exists()
    return f"{key}={value}".replace("${", "\\${") if exists else argument


def _meant(command: str, argument: str) -> str:
    """`experiment=smoke` for the bare name of a yaml file; else where to read on."""
    for group in GROUPS:
        if any(entry.name == argument for entry in entries(group)):
            return f"; did you mean {f'{group}={argument}'!r}?"
    return f": see `harness {command} --help`"


def with_searchpath(arguments: Sequence[str]) -> list[str]:
    """The arguments with `--config-dir FOLDER` turned into an entry of `hydra.searchpath`.

    Raises:
        ConfigError: the folder does not exist.
    """
    folders, rest = _config_dirs(arguments)
    if not folders:
        return rest
    given = [item for item in rest if item.startswith("hydra.searchpath=")]
    inside = [item.partition("=")[2].strip("[]") for item in given]
    paths = ",".join([*filter(None, inside), *map(_quoted, folders)])
    return [*(item for item in rest if item not in given), f"hydra.searchpath=[{paths}]"]


def _config_dirs(arguments: Sequence[str]) -> tuple[list[Path], list[str]]:
    folders, rest, pending = [], [], iter(arguments)
    for argument in pending:
        flag, equals, value = argument.partition("=")
        if flag not in ("--config-dir", "-cd"):
            rest.append(argument)
            continue
        name = value if equals else next(pending, "")
        folder = Path(name).expanduser()
        if not name or not folder.is_dir():
            raise ConfigError(
                f"--config-dir takes a folder that holds task/, cell/ or experiment/, not {name!r}"
            )
        folders.append(folder.resolve())
    return folders, rest


def _quoted(folder: Path) -> str:
    """A path as Hydra's grammar reads it, with or without spaces and commas."""
    path = f"file://{folder}"
    return path if re.fullmatch(r"[\w:/.-]+", path) else "'" + path.replace("'", "\\'") + "'"


def results_dir_of(command: str, arguments: Sequence[str]) -> Path:
    """The results folder that a command is given as `FOLDER` or `results_dir=FOLDER`; without one `results`.

    Raises:
        ConfigError: there is more than one argument, or another key.
    """
    if len(arguments) > 1:
        raise ConfigError(f"{command} takes one results folder, not {' '.join(arguments)!r}")
    given = arguments[0] if arguments else "results"
    key, equals, value = given.partition("=")
    if (
        given.startswith("-")
        or (equals and key != "results_dir" and not Path(given).exists())
        or given.endswith("=")
    ):
        raise ConfigError(f"{command} takes one results folder, such as results_dir=results, not {given!r}")
    folder = Path(value if key == "results_dir" and equals else given)
    return existing_results_dir(command, folder)


def existing_results_dir(command: str, folder: Path) -> Path:
    """Returns `folder`.

    Raises:
        ConfigError: it does not exist, or is a file.
    """
    if folder.is_dir():
        return folder
    if folder.exists():
        raise ConfigError(f"{command} takes a results folder, {folder} is a file")
    raise ConfigError(f"{folder}: no such results folder; make one with `harness -m experiment=smoke`")


def counted(number: int, noun: str) -> str:
    """A number and its noun.

    >>> counted(1, "run"), counted(2, "run")
    ('1 run', '2 runs')
    """
    return f"{number} {noun}{'' if number == 1 else 's'}"
