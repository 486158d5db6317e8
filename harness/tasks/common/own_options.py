"""Options that every task over data of the user has."""

from __future__ import annotations

import math
from dataclasses import dataclass

from harness.tasks.common.arguments import one_of, whole_number

TARGETS = ("class", "value")


@dataclass(frozen=True, kw_only=True)
class OwnOptions:
    """Checked options; see `harness.tasks.Task.from_arrays`.

    Raises:
        ValueError: an option is outside its range.
    """

    target: str
    tolerance: float | None
    tokens: bool | None
    normalize: bool
    split_seed: int

    def __post_init__(self) -> None:
        one_of("target", self.target, TARGETS)
        whole_number("split_seed", self.split_seed, low=0, high=None)
        if self.tokens is not None and not isinstance(self.tokens, bool):
            raise ValueError(f"tokens must be null, true or false, not {self.tokens!r}")
        if not isinstance(self.normalize, bool):
            raise ValueError(f"normalize must be true or false, not {self.normalize!r}")
        tolerance = self.tolerance
        if self.target == "class" and tolerance is not None:
            raise ValueError(f"tolerance must be null with target=class, not {tolerance!r}; it is for values")
        is_number = isinstance(tolerance, int | float) and not isinstance(tolerance, bool)
        if self.target == "value" and not (is_number and 0 < tolerance < math.inf):  # type: ignore[operator]
            raise ValueError(
                f"tolerance must be a positive number with target=value, not {tolerance!r}: a prediction is "
                "correct when its error is below it"
            )
