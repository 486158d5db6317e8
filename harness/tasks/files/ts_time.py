"""Series of pairs (time, value) in a `.ts` file: the values, if their times are those of one clock."""

from __future__ import annotations

import itertools
import re
from decimal import Decimal

from harness.tasks.common.labels import LABEL_NUMBER

PAIR = re.compile(r"\(([^(),]*),([^(),]*)\)")
CHANNEL = re.compile(r"\s*\([^()]*\)(\s*,\s*\([^()]*\))*\s*")


def values_of_pairs(where: str, line: str) -> tuple[list[str], str]:
    """The values of each channel between commas, and the label, of a line such as `(0,1.5),(1,-2):a`.

    Args:
        where: file and line, for the error messages.
        line: the line.

    Raises:
        ValueError: a channel is not made of pairs, or times do not rise, or differ between channels.
    """
    channels, times, place = [], [], 0
    while (found := CHANNEL.match(line, place)) is not None:
        pairs = PAIR.findall(found[0])
        if len(pairs) != found[0].count("("):
            raise ValueError(f"{where}: @timeStamps is true, so each value must be a pair (time, value)")
        channels.append(",".join(value for _, value in pairs))
        times.append(_rising(where, [time.strip() for time, _ in pairs]))
        place = found.end()
        if line[place : place + 1] != ":":
            break
        place += 1
    if not channels:
        raise ValueError(
            f"{where}: @timeStamps is true, so each value must be a pair (time, value), not {line[:30]!r}"
        )
    for k, one in enumerate(times, start=1):
        if one != times[0]:
            raise ValueError(
                f"{where}: channels 1 and {k} have different times; write their values at the same times"
            )
    rest = line[place:]
    if found is not None or any(sign in rest for sign in "(),:"):
        raise ValueError(f"{where}: no label after the values; a line ends with a colon and a label")
    return channels, rest


def _rising(where: str, times: list[str]) -> list[Decimal]:
    for time in times:
        if not LABEL_NUMBER.fullmatch(time):
            raise ValueError(f"{where}: a time must be a number, not {time[:30]!r}; number the steps from 0")
    numbers = [Decimal(time) for time in times]  # exact, also for nanoseconds
    for before, after in itertools.pairwise(numbers):
        if not before < after:
            raise ValueError(
                f"{where}: times must rise from step to step, not {before} before {after}; sort the steps"
            )
    return numbers
