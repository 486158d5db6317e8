"""From conf/*.yaml and the command line to a composed config, and errors in one line."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra import initialize_config_dir
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.defaults_list import Overrides
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from harness.experiment.schema import Schema
from harness.tasks.common.arguments import did_you_mean

CONFIG_NAME = "config"
COMPOSE_ERRORS = (HydraException, OmegaConfBaseException, ValueError, TypeError)


class ConfigError(ValueError):
    """A config that cannot be run: one line that names the value, what is allowed and the way out."""


def _register_schema() -> None:
    node = OmegaConf.structured(Schema)
    for part in (node.train, node.timing):
        OmegaConf.set_readonly(part, False)  # its dataclass is frozen, its config is still being composed
    ConfigStore.instance().store(name="schema", node=node)


_register_schema()  # as Hydra asks: before any config is composed, in workers too


def conf_dir() -> Path:
    """`conf/` beside the package in a checkout, inside it in a wheel."""
    package = Path(__file__).parents[1]
    return next(path for path in (package / "conf", package.parent / "conf") if path.is_dir())


def config_loader() -> Any:
    """Hydra's config loader over `conf/`."""
    if not GlobalHydra.instance().is_initialized():
        initialize_config_dir(str(conf_dir()), version_base="1.3", job_name="harness")
    return GlobalHydra.instance().config_loader()


def compose(overrides: Sequence[str], *, multirun: bool = False) -> DictConfig:
    """The config that the defaults and `overrides` make, hydra's own node included.

    Raises:
        ConfigError: an unknown key or option, or a value of the wrong type.
    """
    loader = config_loader()
    mode = RunMode.MULTIRUN if multirun else RunMode.RUN
    try:
        return loader.load_configuration(CONFIG_NAME, list(overrides), mode)
    except COMPOSE_ERRORS as error:
        raise ConfigError(one_line(error, overrides)) from None


class GridComposer:
    """Composes the combinations of one grid: what `compose` makes of each, without Hydra's own node.

    For each job Hydra reads its files and works out the defaults list anew. Here that is done once for each
    choice of files (task, cell, experiment, …); the other overrides, which set values, are applied to a copy
    by Hydra's own function, so that they mean the same.
    """

    def __init__(self, hydra_overrides: Sequence[str] = ()) -> None:
        """Takes the overrides of Hydra's own node, which hold for every combination."""
        self._of_hydra = list(hydra_overrides)
        loader = config_loader()
        _, self._repo = loader._parse_overrides_and_create_caching_repo(CONFIG_NAME, self._of_hydra)
        self._parser = OverridesParser.create(config_loader=loader)
        self._parsed: dict[str, Override] = {}
        self._bases: dict[tuple[str, ...], DictConfig] = {}

    def compose(self, overrides: Sequence[str]) -> DictConfig:
        """One combination.

        Raises:
            ConfigError: as `compose` does.
        """
        try:
            parsed = [self._parse(line) for line in overrides]
            if any(item.is_hydra_override() for item in parsed):  # it may change where files are looked for
                return self._afresh(overrides)
            values = Overrides(self._repo, parsed).config_overrides
            chosen = tuple(line for line, item in zip(overrides, parsed, strict=True) if item not in values)
            if chosen not in self._bases:
                self._bases[chosen] = self._afresh(chosen)
            config = copy.deepcopy(self._bases[chosen])
            ConfigLoaderImpl._apply_overrides_to_config(values, config)
            return config
        except COMPOSE_ERRORS:
            return self._afresh(overrides)  # fails too, and words the error

    def _afresh(self, overrides: Sequence[str]) -> DictConfig:
        config = compose([*self._of_hydra, *overrides])
        with open_dict(config):
            del config["hydra"]
        return config

    def _parse(self, line: str) -> Override:
        if line not in self._parsed:
            [self._parsed[line]] = self._parser.parse_overrides([line])
        return self._parsed[line]


def options(group: str) -> list[str]:
    """The names that `group` (`task`, `cell`, `experiment`) can take, sorted."""
    return sorted(config_loader().get_group_options(group))


def one_line(error: Exception, overrides: Sequence[str]) -> str:
    """What Hydra says in many lines, as one: the key or option, what is allowed, the nearest."""
    cause = error.__cause__ or error
    if isinstance(error, MissingConfigException) and error.missing_cfg_file:
        group, _, name = error.missing_cfg_file.rpartition("/")
        names = error.options or []
        return f"unknown {group} {name!r}, available: {', '.join(names)}{did_you_mean(name, names)}"
    key = getattr(cause, "full_key", None)
    if key and "ot override" in str(error):
        beside = _keys_beside(key, overrides)
        return f"unknown key {key!r}, there are {', '.join(beside) or 'none'}{did_you_mean(key, beside)}"
    if key:
        return f"{key}: {flat(str(cause).splitlines()[0])}"
    if isinstance(error, OverrideParseException):
        return f"cannot read {error.override!r} as KEY=VALUE: {flat(str(error).splitlines()[0])}"
    if "Ambiguous value for argument" in str(error):
        return f"{str(error).splitlines()[0]}: a list of values is a grid, which needs -m"
    if "Config group override must be" in str(error):
        return "task, cell and experiment each take the name of a file in conf/: see `harness list`"
    return flat(str(error))


def _keys_beside(key: str, overrides: Sequence[str]) -> list[str]:
    """The keys that stand where `key` was looked for, with the task and the cell that `overrides` choose."""
    choices = [item for item in overrides if item.startswith(("task=", "cell=")) and "," not in item]
    node: Any = config_loader().load_configuration(CONFIG_NAME, choices, RunMode.RUN)
    *parents, _ = key.split(".")
    for parent in parents:
        node = node[parent]
    hidden = {"_target_", "hydra", "concurrent"} | ({"seed", "data_dir"} if parents == ["task"] else set())
    names = [str(name) for name in node if name not in hidden] + ([] if parents else ["experiment"])
    return sorted(".".join([*parents, name]) for name in names)


def flat(text: str) -> str:
    """A text in one line."""
    return " ".join(text.split())
