"""From conf/*.yaml and the command line to a composed config, and errors in one line."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

from hydra.core.config_store import ConfigStore
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from harness.experiment.conf_files import CONFIG_NAME, config_loader
from harness.experiment.errors import ConfigError
from harness.experiment.match_params import refuse_two_sizes
from harness.experiment.schema import Schema
from harness.experiment.suggestions import one_line

COMPOSE_ERRORS = (HydraException, OmegaConfBaseException, ValueError, TypeError)


def _register_schema() -> None:
    node = OmegaConf.structured(Schema)
    for part in (node.train, node.timing):
        OmegaConf.set_readonly(part, False)  # its dataclass is frozen, its config is still being composed
    ConfigStore.instance().store(name="schema", node=node)


_register_schema()  # as Hydra asks: before any config is composed, in workers too


def compose(overrides: Sequence[str], *, multirun: bool = False) -> DictConfig:
    """The config that the defaults and `overrides` make, hydra's own node included.

    Raises:
        ConfigError: an unknown key or option, a value of the wrong type, or two keys that exclude each other.
    """
    loader = config_loader()
    mode = RunMode.MULTIRUN if multirun else RunMode.RUN
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("error", r"provider=.* is not available")  # Hydra only warns
            config = loader.load_configuration(CONFIG_NAME, list(overrides), mode)
    except UserWarning as error:
        path = str(error).partition("path=")[2].removesuffix(" is not available.")
        raise ConfigError(f"hydra.searchpath: {path} is not a folder of yaml files") from None
    except COMPOSE_ERRORS as error:
        raise ConfigError(one_line(error, overrides, loader)) from None
    refuse_two_sizes(config.get("match_params"), overrides)
    return config


def compose_run(overrides: Sequence[str]) -> DictConfig:
    """The config of a single run.

    Raises:
        ConfigError: as `compose` does, or the config describes a grid.
    """
    config = compose(overrides)
    if config.hydra.sweeper.params:
        name = config.hydra.runtime.choices.experiment
        raise ConfigError(f"experiment={name} is a grid: harness -m experiment={name}")
    if has_tune(config):
        raise ConfigError("tune is for a grid, such as harness -m seed=1,2,3 …; leave it out, or add -m")
    return config


def has_tune(config: DictConfig) -> bool:
    """Whether the node `tune` holds something, be it wrong."""
    return OmegaConf.is_missing(config, "tune") or config.tune is not None


def options(group: str) -> list[str]:
    """The names that `group` (`task`, `cell`, `experiment`) can take, sorted."""
    return sorted(config_loader().get_group_options(group))
