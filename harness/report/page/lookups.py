"""What the page asks the rooms that know configs and tasks, handed in by the command that writes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Lookups:
    """Two functions of a run's recorded config; None stands for an answer that is not known."""

    command_of: Callable[[Mapping[str, Any]], str | None]
    """From the recorded config of a run to the command that makes it again."""
    definition_of: Callable[[str], str | None]
    """From the `_target_` of a task to its definition as text, with its variants and baselines."""


NO_LOOKUPS = Lookups(command_of=lambda config: None, definition_of=lambda target: None)
"""For a caller that knows nothing of configs: the page says that no command is available."""
