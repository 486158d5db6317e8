"""Hydra's errors about keys and options in one line, with the key or option that was probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import Any

from hydra.errors import MissingConfigException, OverrideParseException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from harness.experiment.conf_files import CONFIG_NAME
from harness.experiment.errors import flat

HIDDEN_KEYS = {"_target_", "_identity_", "hydra", "task.seed", "task.data_dir"}
"""Keys that follow another key or are set by the harness: never suggested."""

OTHER_NAMES = {
    "learning_rate": "train.lr",
    "step_size": "train.lr",
    "bs": "train.batch_size",
    "batch": "train.batch_size",
    "max_steps": "train.steps",
    "num_steps": "train.steps",
    "iterations": "train.steps",
    "max_epochs": "train.epochs",
    "num_epochs": "train.epochs",
    "n_epochs": "train.epochs",
    "optim": "train.optimizer",
    "opt": "train.optimizer",
    "wd": "train.weight_decay",
    "l2": "train.weight_decay",
    "grad_clip": "train.clip",
    "clip_grad": "train.clip",
    "max_norm": "train.clip",
    "hidden": "cell.hidden_size",
    "hidden_dim": "cell.hidden_size",
    "units": "cell.hidden_size",
    "layers": "cell.num_layers",
    "n_layers": "cell.num_layers",
    "length": "task.seq_len",
    "sequence_length": "task.seq_len",
    "embedding": "model.embedding_size",
    "embedding_dim": "model.embedding_size",
    "dataset": "task",
    "data": "task",
    "output_dir": "results_dir",
    "out_dir": "results_dir",
    "num_threads": "threads",
    "cuda": "device",
    "gpu": "device",
    "seeds": "seed",
}
"""The last part of a key as other programs name it, and the key of this program."""


def one_line(error: Exception, overrides: Sequence[str], loader: Any) -> str:
    """What Hydra says in many lines, as one: the key or option, what is allowed, and what was probably meant.

    Args:
        error: of Hydra or OmegaConf, from composing.
        overrides: those that were composed.
        loader: Hydra's config loader over `conf/`.
    """
    cause = error.__cause__ or error
    if isinstance(error, MissingConfigException) and error.missing_cfg_file:
        group, _, name = error.missing_cfg_file.rpartition("/")
        names = error.options or []
        return f"unknown {group} {name!r}, available: {', '.join(names)}{did_you_mean(nearest(name, names))}"
    key = getattr(cause, "full_key", None)
    if key and "ot override" in str(error):
        return _unknown_key(key, overrides, loader)
    if key:
        return f"{key}: {flat(str(cause).splitlines()[0])}"
    if isinstance(error, OverrideParseException):
        return _unreadable(error, overrides, loader)
    if "Ambiguous value for argument" in str(error):
        return f"{str(error).splitlines()[0]}: a list of values is a grid, which needs -m"
    if "Config group override must be" in str(error):
        return "task, cell, init and experiment each take the name of a yaml file: see `harness list`"
    return flat(str(error))


def nearest_key(typed: str, keys: Iterable[str]) -> str | None:
    """The key that was probably meant by `typed`, or None where none is near.

    The last part of `typed` decides: a key with the same last part; else the key that other programs call so;
    else the key whose last part, here or in other programs, is spelled most alike.

    >>> nearest_key("lr", ["seed", "train.lr"]), nearest_key("train.learning_rate", ["seed", "train.lr"])
    ('train.lr', 'train.lr')
    """
    keys = list(keys)
    last = _last(typed)
    same_last = [key for key in keys if _last(key).casefold() == last.casefold()]
    if same_last:
        return max(same_last, key=lambda key: difflib.SequenceMatcher(None, typed, key).ratio())
    known = OTHER_NAMES.get(last.casefold())
    if known in keys:
        return known
    by_last = {other: key for other, key in OTHER_NAMES.items() if key in keys}
    by_last |= {_last(key): key for key in keys}
    near = nearest(last, by_last, cutoff=0.6)
    return by_last[near] if near else None


def nearest(typed: str, names: Iterable[str], *, cutoff: float = 0.5) -> str | None:
    """The name that is spelled most like `typed`, whatever its case, or None where none is near.

    >>> nearest("GRU", ["gru", "lstm"]), nearest("xyz", ["gru", "lstm"])
    ('gru', None)
    """
    by_folded = {name.casefold(): name for name in names}
    near = difflib.get_close_matches(typed.casefold(), list(by_folded), n=1, cutoff=cutoff)
    return by_folded[near[0]] if near else None


def did_you_mean(name: str | None) -> str:
    """The last part of an error, or nothing where there is no suggestion."""
    return f"; did you mean {name!r}?" if name else ""


def _unknown_key(key: str, overrides: Sequence[str], loader: Any) -> str:
    """`key` is as much of the typed key as Hydra read until it failed: of `trian.lr` it is `trian`."""
    typed = next((name for name in map(_key_of, overrides) if f"{name}.".startswith(f"{key}.")), key)
    config = _composed(overrides, loader)
    parent = key.rpartition(".")[0]
    keys = _keys(config)
    if parent == "hydra" or parent.startswith("hydra."):
        node = OmegaConf.select(config, parent)
        keys += [f"{parent}.{name}" for name in map(str, node if isinstance(node, DictConfig) else ())]
    beside = [name for name in keys if name.rpartition(".")[0] == parent]
    meant = nearest_key(typed, keys)
    return f"unknown key {typed!r}, there are {', '.join(beside) or 'none'}{did_you_mean(meant)}"


def _unreadable(error: OverrideParseException, overrides: Sequence[str], loader: Any) -> str:
    """What cannot be parsed; `--lr=0.1`, as other programs write it, gets the key that it means."""
    if error.override.startswith("-") and "=" in error.override:
        name, _, value = error.override.lstrip("-").partition("=")
        readable = [item for item in overrides if not item.startswith("-")]
        meant = nearest_key(name.replace("-", "_"), _keys(_composed(readable, loader)))
        hint = did_you_mean(f"{meant}={value}" if meant else None)
        return f"a key is written without dashes, not {error.override!r}{hint}"
    return f"cannot read {error.override!r} as KEY=VALUE: {flat(str(error).splitlines()[0])}"


def _composed(overrides: Sequence[str], loader: Any) -> DictConfig:
    """The config of the chosen task and cell, which composes although another override is wrong."""
    of_hydra = [item for item in overrides if item.startswith(("hydra/", "hydra.searchpath="))]
    choices = [item for item in overrides if item.startswith(("task=", "cell=")) and "," not in item]
    config: DictConfig = loader.load_configuration(CONFIG_NAME, [*of_hydra, *choices], RunMode.RUN)
    return config


def _keys(config: DictConfig) -> list[str]:
    """The keys of a config that the user may set, groups before the keys inside them."""
    keys = {"experiment"}
    for name, value in ((str(name), value) for name, value in config.items_ex(resolve=False)):
        keys.add(name)
        if isinstance(value, DictConfig):
            keys |= {f"{name}.{inner}" for inner in map(str, value)}
    return sorted(key for key in keys if not HIDDEN_KEYS & {key, key.partition(".")[0], _last(key)})


def _key_of(override: str) -> str:
    return override.lstrip("+~").partition("=")[0].partition("@")[0]


def _last(key: str) -> str:
    return key.rpartition(".")[2]
