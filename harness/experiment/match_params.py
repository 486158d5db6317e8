"""`match_params`: the hidden size at which a model has as many trained parameters as the others of a grid."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

from harness.cells import make_cell, with_seq_len
from harness.experiment.errors import ConfigError, where_it_happened
from harness.tasks import TaskSpec
from harness.training import SequenceClassifier, count_parameters, encoded_size, seeded

TOLERANCE = 0.05
"""The largest distance from `match_params`, as a share of it."""

LARGEST_SIZE = 2**20
LARGEST_TARGET = 2**31

_GIVES_SIZE = re.compile(r"\s*\+{0,2}cell\.hidden_size\s*=")


def refuse_two_sizes(match_params: Any, overrides: Sequence[str]) -> None:
    """Refuses `match_params` beside a `cell.hidden_size` on the command line or among a grid's sweeps.

    Args:
        match_params: of the composed config.
        overrides: that it was composed with; the size in the yaml of a cell or experiment is replaced.

    Raises:
        ConfigError: both are given.
    """
    given = next((line for line in overrides if _GIVES_SIZE.match(line)), None)
    if match_params is not None and given is not None:
        raise ConfigError(
            f"match_params={match_params} chooses cell.hidden_size, so {given.strip()} cannot be given too; "
            "remove one of the two (match_params=null)"
        )


@functools.lru_cache(maxsize=256)
def matched_hidden_size(
    target: Callable[..., Any],
    arguments_json: str,
    spec: TaskSpec,
    embedding_size: int | None,
    readout: str,
    match_params: int,
) -> int:
    """The hidden size whose whole model has the number of trained parameters nearest to `match_params`.

    The number must grow with the hidden size. torch's cells are made without weights; a third-party cell is
    made about 2 · log2(hidden size) times.

    Args:
        target: makes the cell.
        arguments_json: of the cell, without `hidden_size`.
        spec: of the task.
        embedding_size: of the model; None: one-hot.
        readout: of the model.
        match_params: trained parameters of encoder, cell and head.

    Raises:
        ConfigError: the nearest is more than 5 % away, or the cell cannot be made at a size.
    """
    arguments = json.loads(arguments_json)

    @functools.cache
    def count(size: int) -> int:
        return _count(target, arguments, spec, embedding_size, readout, size)

    low, high = _bracket(count, match_params)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if count(middle) < match_params else (low, middle)
    nearest = min((low, high), key=lambda size: (abs(count(size) - match_params), size))
    if abs(count(nearest) - match_params) > TOLERANCE * match_params:
        found = " and ".join(f"{count(size)} (cell.hidden_size={size})" for size in (low, high))
        raise ConfigError(
            f"match_params={match_params} is more than 5 % away from every model with this cell: the nearest "
            f"have {found} trained parameters; choose a number near one of them"
        )
    return nearest


def _bracket(count: Callable[[int], int], wanted: int) -> tuple[int, int]:
    """Two sizes, with fewer parameters than `wanted` and with at least as many; 1 and 2 if 1 has too many."""
    low, high = 1, 2
    while count(high) < wanted:
        if high >= LARGEST_SIZE or (high >= 64 and count(high) <= count(low)):
            raise ConfigError(
                f"match_params={wanted} cannot be met: the model has {count(low)} parameters with "
                f"cell.hidden_size={low} and {count(high)} with {high}; set cell.hidden_size instead"
            )
        low, high = high, 2 * high
    return low, high


def _count(
    target: Callable[..., Any],
    arguments: dict[str, Any],
    spec: TaskSpec,
    embedding_size: int | None,
    readout: str,
    size: int,
) -> int:
    """Trained parameters of the whole model at a hidden size."""
    features = encoded_size(spec, embedding_size)
    own = target in (nn.RNN, nn.LSTM, nn.GRU)
    try:
        with torch.device("meta" if own else "cpu"), seeded(0):
            cell = make_cell(target, features, size, **with_seq_len(target, arguments, spec.seq_len))
            return count_parameters(SequenceClassifier(spec, cell, embedding_size, readout))
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a third-party cell may fail in any way
        raise ConfigError(
            f"match_params makes the cell at several sizes, and at cell.hidden_size={size} it failed: "
            f"{where_it_happened(error)}; set cell.hidden_size instead"
        ) from error
