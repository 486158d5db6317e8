"""`harness fetch NAME`: downloads a data set."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from tarfile import TarError
from typing import Any
from zipfile import BadZipFile

from harness.cli.terminal import say
from harness.experiment.errors import ConfigError

HELP = """\
usage: harness fetch NAME [KEY=VALUE ...]

Downloads a data set, checks it and prints its folder; a set that is there already is only checked.
`harness fetch` alone names the data sets.

keys:
  data_dir=FOLDER                  where to put it; without it: $HARNESS_DATA, then the cache
  name=NAME                        for `fetch timeseries`: the name of a UCR or UEA problem

examples:
  harness fetch mnist
  harness fetch timeseries name=Wafer data_dir=data"""


def main(arguments: list[str]) -> int:
    """Fetches one data set and prints where it is."""
    from harness.experiment.suggestions import did_you_mean, nearest

    known = fetchers()
    if not arguments:
        raise ConfigError(f"fetch needs the name of a data set: {', '.join(known)}")
    name, *settings = arguments
    if name not in known:
        hint = did_you_mean(nearest(name, known))
        raise ConfigError(f"unknown data set {name!r}, there are: {', '.join(known)}{hint}")
    given = fetch_arguments(name, known[name], settings)
    try:
        say(known[name](**given))
    except (RuntimeError, OSError, ValueError, EOFError, BadZipFile, TarError) as error:
        say(f"harness: fetching {name} failed: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    return 0


def fetchers() -> dict[str, Callable[..., Any]]:
    """The functions of `harness.tasks` that download, by the name of their data set."""
    from harness import tasks

    prefix = "fetch_"
    return {
        name.removeprefix(prefix): getattr(tasks, name) for name in tasks.__all__ if name.startswith(prefix)
    }


def fetch_arguments(name: str, function: Callable[..., Any], settings: Sequence[str]) -> dict[str, str]:
    """The arguments of `function` from a list of KEY=VALUE.

    Raises:
        ConfigError: it has no such parameter, or needs one that is not given.
    """
    parameters: Mapping[str, inspect.Parameter] = inspect.signature(function).parameters
    wanted = ", ".join(f"{key}={'FOLDER' if key == 'data_dir' else key.upper()}" for key in parameters)
    given = {}
    for setting in settings:
        key, _, value = setting.partition("=")
        if key not in parameters or not value:
            raise ConfigError(f"fetch {name} takes {wanted}, not {setting!r}")
        given[key] = value
    for key, parameter in parameters.items():
        if parameter.default is parameter.empty and key not in given:
            raise ConfigError(f"fetch {name} needs {key}={key.upper()}, such as {key}=Wafer")
    return given
