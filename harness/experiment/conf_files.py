"""The yaml files that a task, a cell or an experiment can be chosen from, read as text. Imports no torch."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from harness.experiment.errors import ConfigError, flat

CONFIG_NAME = "config"
OUR_SWEEPER = "hydra_plugins.harness_sweeper.ResumingSweeper"
GROUPS = ("task", "cell", "init", "experiment")
"""Config groups: keys that take the name of a yaml file."""

STOCK_TARGETS = ("harness.", "torch.")


@dataclass(frozen=True)
class Entry:
    """One yaml file of a config group."""

    name: str
    about: str
    """Its first comment, in one line; empty where it has none."""
    target: str | None
    """Its `_target_`, as written."""

    @property
    def third_party(self) -> bool:
        """Whether its `_target_` is neither of this package nor of torch."""
        return self.target is not None and not self.target.startswith((*STOCK_TARGETS, "?"))


def conf_dir() -> Path:
    """`conf/` beside the package in a checkout, inside it in a wheel."""
    package = Path(__file__).parents[1]
    return next(path for path in (package / "conf", package.parent / "conf") if path.is_dir())


def entries(group: str, overrides: Sequence[str] = ()) -> list[Entry]:
    """The files of a group in `conf/` and in the folders of `hydra.searchpath`, sorted by name.

    Nothing is imported, built or parsed: a file that cannot be used is listed too.

    Args:
        group: `task`, `cell` or `experiment`.
        overrides: of Hydra's own node, such as `hydra.searchpath=[file:///folder]`.

    Raises:
        ConfigError: an override cannot be read, or a folder does not exist.
    """
    from hydra.core.object_type import ObjectType

    found: dict[str, Entry] = {}
    for source in _sources(overrides):
        if not source.is_group(group):
            continue
        for name in source.list(group, ObjectType.CONFIG):
            found.setdefault(name, _entry(name, _text(source, f"{group}/{name}.yaml")))  # the first one wins
    return [found[name] for name in sorted(found)]


def comments(group: str, name: str, overrides: Sequence[str] = ()) -> dict[str, str]:
    """The comments behind the keys of a yaml file, by key; empty where there is no such file.

    Args:
        group: `task`, `cell` or `experiment`.
        name: of the file, without `.yaml`.
        overrides: as of `entries`.
    """
    path = f"{group}/{name}"
    text = next(
        (_text(source, f"{path}.yaml") for source in _sources(overrides) if source.is_config(path)), ""
    )
    return dict(re.findall(r"^(\w+):[^#\n]*#[ ]*(.+?)\s*$", text, flags=re.MULTILINE))


def config_loader() -> Any:
    """Hydra's config loader over `conf/`."""
    from hydra import initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra

    if not GlobalHydra.instance().is_initialized():
        initialize_config_dir(str(conf_dir()), version_base="1.3", job_name="harness")
    return GlobalHydra.instance().config_loader()


def _sources(overrides: Sequence[str]) -> list[Any]:
    from hydra.errors import HydraException

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a folder that does not exist: an error below
            parse = config_loader()._parse_overrides_and_create_caching_repo
            _, repository = parse(CONFIG_NAME, list(overrides))
    except HydraException as error:
        raise ConfigError(f"{' '.join(overrides)}: {flat(str(error).splitlines()[0])}") from None
    sources = [source for source in repository.get_sources() if source.scheme() != "structured"]
    for source in sources:
        if not source.available():
            raise ConfigError(f"hydra.searchpath: {source.path} is not a folder of yaml files")
    return sources


def _text(source: Any, path: str) -> str:
    root = resources.files(source.path) if source.scheme() == "pkg" else Path(source.path)
    try:
        return root.joinpath(path).read_bytes().decode("utf-8", errors="replace")
    except OSError as error:
        return f"# cannot be read: {error.strerror}"


def _entry(name: str, text: str) -> Entry:
    comments = (line.lstrip("#").strip() for line in text.splitlines() if line.startswith("#"))
    target = re.search(r"^_target_:\s*['\"]?([^\s'\"#]+)", text, flags=re.MULTILINE)
    about = next((line for line in comments if line and not line.startswith("@package")), "")
    return Entry(name, flat(about), target[1] if target else None)
