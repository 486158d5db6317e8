"""Composing the combinations of a grid, in a fraction of the time that Hydra takes for each."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl, get_overrides_dirname
from hydra._internal.defaults_list import Overrides
from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf, open_dict

from harness.experiment.conf_files import CONFIG_NAME, config_loader
from harness.experiment.config import COMPOSE_ERRORS, compose
from harness.experiment.match_params import refuse_two_sizes


class GridComposer:
    """Composes the combinations of one grid: what `compose` makes of each, without Hydra's own node.

    For each job Hydra reads its files and resolves the defaults list again. Here that is done once for each
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
        self._bases: dict[tuple[str, ...], tuple[DictConfig, DictConfig]] = {}

    def compose(self, overrides: Sequence[str]) -> DictConfig:
        """One combination.

        Raises:
            ConfigError: as `compose` does.
        """
        config, _ = self.compose_with_hydra(overrides)
        return config

    def compose_with_hydra(self, overrides: Sequence[str]) -> tuple[DictConfig, DictConfig]:
        """One combination and its node `hydra`, which belongs to all combinations of the same files."""
        try:
            parsed = [self.parse(line) for line in overrides]
            if any(item.is_hydra_override() for item in parsed):  # may change where files are looked for
                return self._from_files(overrides)
            values = Overrides(self._repo, parsed).config_overrides
            chosen = tuple(line for line, item in zip(overrides, parsed, strict=True) if item not in values)
            if chosen not in self._bases:
                self._bases[chosen] = self._from_files(chosen)
            base, hydra = self._bases[chosen]
            config = copy.deepcopy(base)
            ConfigLoaderImpl._apply_overrides_to_config(values, config)
            refuse_two_sizes(config.get("match_params"), overrides)
            return config, hydra
        except COMPOSE_ERRORS:
            return self._from_files(overrides)  # fails too, and words the error

    def parse(self, line: str) -> Override:
        """An override, parsed once."""
        if line not in self._parsed:
            [self._parsed[line]] = self._parser.parse_overrides([line])
        return self._parsed[line]

    def _from_files(self, overrides: Sequence[str]) -> tuple[DictConfig, DictConfig]:
        return _without_hydra(compose([*self._of_hydra, *overrides]))


class GridLoader(ConfigLoaderImpl):
    """Hydra's config loader with a fast `load_sweep_config`; pickled, it becomes Hydra's own."""

    def __init__(self, loader: ConfigLoader, master: DictConfig) -> None:
        super().__init__(config_search_path=loader.get_search_path())
        self._composer = GridComposer(master.hydra.overrides.hydra)

    def load_sweep_config(self, master_config: DictConfig, sweep_overrides: list[str]) -> DictConfig:
        """The config of one job, Hydra's own node included."""
        config, hydra = self._composer.compose_with_hydra(sweep_overrides)
        with open_dict(config):
            config.hydra = copy.deepcopy(hydra)
        config.hydra.overrides.task = list(sweep_overrides)
        names = config.hydra.job.config.override_dirname
        config.hydra.job.override_dirname = get_overrides_dirname(
            overrides=[self._composer.parse(line) for line in sweep_overrides],
            kv_sep=names.kv_sep,
            item_sep=names.item_sep,
            exclude_keys=names.exclude_keys,
        )
        OmegaConf.copy_cache(from_config=master_config, to_config=config)
        return config

    def __reduce__(self) -> Any:
        state = {name: value for name, value in vars(self).items() if name != "_composer"}
        return _empty_loader, (), state


def _empty_loader() -> ConfigLoaderImpl:
    """Hydra's own loader, to be filled: made by its constructor it needs plugins that are not loaded yet."""
    return ConfigLoaderImpl.__new__(ConfigLoaderImpl)


def _without_hydra(config: DictConfig) -> tuple[DictConfig, DictConfig]:
    """The config, from which the node `hydra` is taken away, and that node."""
    hydra = config.hydra
    with open_dict(config):
        del config["hydra"]
    return config, hydra
