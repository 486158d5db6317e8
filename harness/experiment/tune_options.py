"""The node `tune` of a grid: which keys are chosen, from which values, on which seeds."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from harness.experiment.combinations import parse_overrides
from harness.experiment.errors import ConfigError
from harness.tasks.common.arguments import whole_number

EXAMPLE = "tune: {axes: {train.lr: [0.001, 0.003, 0.01]}, seeds: [101, 102]}"

NOT_TUNED = ("cell.hidden_size", "train.steps", "train.epochs", "train.eval_every", "train.stop_when_solved")
"""Keys that decide what a comparison is about."""


@dataclass(frozen=True)
class TuneOptions:
    """The node `tune` of a grid."""

    axes: Mapping[str, tuple[str, ...]]
    """By key: the values to choose from, as they stand in an override."""
    seeds: tuple[int, ...]
    given: tuple[str, ...] = ()
    """Axes that are given on the command line and therefore not tuned."""


def tune_options(master: DictConfig, arguments: Sequence[str]) -> TuneOptions | None:
    """The checked node `tune` of a grid's config; None without one.

    Args:
        master: the config of the grid.
        arguments: of the command line; an axis among them is not tuned.

    Raises:
        ConfigError: the node is malformed, or one of its axes is swept by the experiment too.
    """
    if OmegaConf.is_missing(master, "tune"):
        raise ConfigError(f"tune is missing; it takes axes and seeds, such as {EXAMPLE}")
    if master.tune is None:
        return None
    try:
        node: Any = OmegaConf.to_container(master._get_node("tune"), resolve=True)
    except (ValueError, OmegaConfBaseException) as error:  # a text, or an interpolation that leads nowhere
        reason = str(error).splitlines()[0]
        raise ConfigError(f"tune takes axes and seeds, such as {EXAMPLE}: {reason}") from None
    if not isinstance(node, dict) or node.keys() != {"axes", "seeds"}:
        raise ConfigError(f"tune takes axes and seeds, such as {EXAMPLE}; not {node!r}")
    if not isinstance(node["axes"], dict) or not node["axes"]:
        raise ConfigError(f"tune.axes takes keys with lists of values, such as {EXAMPLE}")
    seeds = node["seeds"]
    if not isinstance(seeds, list) or not seeds or len(set(map(str, seeds))) < len(seeds):
        raise ConfigError(f"tune.seeds takes a list of different seeds, such as [101, 102], not {seeds!r}")
    try:
        for seed in seeds:
            whole_number("tune.seeds", seed, low=0, high=2**32 - 1)
    except ValueError as error:
        raise ConfigError(str(error)) from None
    swept = [key for key in node["axes"] if key in (master.hydra.sweeper.get("params") or {})]
    if swept:
        raise ConfigError(f"{swept[0]} is swept and tuned at once; remove it from one of the two")
    # a mapping such as train={lr: 0.1} gives all its keys; cell=gru gives the name of a file only
    on_command_line = {item.key_or_group for item in parse_overrides(arguments)} - {"cell"}
    axes = {key: _values(key, values) for key, values in node["axes"].items()}
    given = tuple(key for key in axes if {key, key.partition(".")[0]} & on_command_line)
    return TuneOptions({key: axes[key] for key in axes if key not in given}, tuple(seeds), given)


def _values(key: str, values: Any) -> tuple[str, ...]:
    if not re.fullmatch(r"init|(train|cell|model)\.\w+", str(key)) or str(key) in NOT_TUNED:
        raise ConfigError(
            f"tune.axes takes init and keys of train, cell and model, not {key!r}: what is compared is not "
            f"chosen, as are sizes and budgets ({', '.join(NOT_TUNED)})"
        )
    if not isinstance(values, list) or len(values) < 2:
        raise ConfigError(f"tune.axes: {key} takes a list of at least two values, not {values!r}")
    texts = tuple("null" if value is None else str(value) for value in values)  # Hydra reads True as true
    if len(set(texts)) < len(texts) or any(isinstance(value, list | dict) for value in values):
        raise ConfigError(
            f"tune.axes: the values of {key} must be different numbers or words, not {values!r}"
        )
    return texts
