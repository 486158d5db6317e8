"""`harness list`: the tasks, cells and experiments, from the comments of their yaml files."""

from __future__ import annotations

from collections.abc import Sequence

from harness.cli.arguments import overrides_of
from harness.cli.terminal import say
from harness.experiment.conf_files import GROUPS, Entry, entries
from harness.experiment.errors import ConfigError

HELP = """\
usage: harness list ['hydra.searchpath=[file:///FOLDER]'] [--config-dir FOLDER]

Lists the tasks, cells and experiments, one line each: the name and the first comment of its yaml file,
and the _target_ of a third-party one. Imports and builds none of them. `harness show NAME` prints the
numbers of a task: chance, loss without memory, classes, source.

keys:
  hydra.searchpath=[file:///FOLDER,pkg://PACKAGE]  look for task/, cell/ and experiment/ there too
flags:
  --config-dir FOLDER              the same for one folder

examples:
  harness list
  harness list --config-dir mine/conf"""


def main(arguments: list[str]) -> int:
    """Prints the yaml files there are."""
    overrides = overrides_of("list", arguments)
    for override in overrides:
        if not override.startswith("hydra.searchpath="):
            raise ConfigError(f"list takes hydra.searchpath=[...] and --config-dir FOLDER, not {override!r}")
    found = {group: entries(group, overrides) for group in GROUPS}
    width = max(len(entry.name) for group in found.values() for entry in group)
    blocks = [f"{group}s\n" + "\n".join(_lines(items, width)) for group, items in found.items() if items]
    say("\n\n".join(blocks))
    return 0


def _lines(items: Sequence[Entry], width: int) -> list[str]:
    return [
        f"  {entry.name:{width}}  {entry.about}{f' [{entry.target}]' if entry.third_party else ''}".rstrip()
        for entry in items
    ]
