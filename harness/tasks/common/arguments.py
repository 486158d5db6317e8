"""Argument checks whose errors name the argument, its value, the allowed range and the nearest choice."""

from __future__ import annotations

import difflib
import operator
import os
from collections.abc import Iterable

MOST = 2**31 - 1
"""Largest whole number of an argument that has no other limit."""


def whole_number(name: str, value: object, *, low: int = 1, high: int | None = MOST) -> int:
    """Returns `value` as an int; it must be a whole number from `low` to `high`.

    Raises:
        ValueError: `value` is not a whole number (True and 3.0 are not), below `low` or above `high`.

    >>> whole_number("seq_len", 28)
    28
    >>> whole_number("seq_len", 0)
    Traceback (most recent call last):
    ValueError: seq_len must be a whole number of at least 1, not 0; the nearest is 1
    """
    wanted = f"{name} must be a whole number of at least {low}, not {value!r}"
    if isinstance(value, bool):
        raise ValueError(wanted)
    try:
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise ValueError(wanted) from None
    if number < low:
        raise ValueError(f"{wanted}; the nearest is {low}")
    if high is not None and number > high:
        nearest = "" if high == MOST else f"; the nearest is {high}"  # what memory holds may be far less
        raise ValueError(f"{name} must be a whole number of at most {high}, not {number}{nearest}")
    return number


def one_of(name: str, value: object, choices: Iterable[str]) -> str:
    """Returns `value`, which must be one of `choices`.

    >>> one_of("variant", "hlaf", ["half", "any"])
    Traceback (most recent call last):
    ValueError: variant must be one of half, any, not 'hlaf'; did you mean 'half'?
    """
    names = list(choices)
    if isinstance(value, str) and value in names:
        return value
    raise ValueError(f"{name} must be one of {', '.join(names)}, not {value!r}{did_you_mean(value, names)}")


def did_you_mean(value: object, choices: Iterable[str]) -> str:
    """The end of an error message that names the nearest of `choices`; empty if none is near."""
    near = difflib.get_close_matches(str(value), list(choices), n=1, cutoff=0.5)
    return f"; did you mean {near[0]!r}?" if near else ""


def split_sizes(n_train: object, n_val: object, n_test: object, *, sample_bytes: int) -> dict[str, int]:
    """The checked number of samples in each split.

    Args:
        n_train, n_val, n_test: as a user gave them.
        sample_bytes: size of the inputs of one sample.

    Raises:
        ValueError: a number is below 1, or the samples are larger than the memory of this machine.
    """
    sizes = {
        "train": whole_number("n_train", n_train),
        "val": whole_number("n_val", n_val),
        "test": whole_number("n_test", n_test),
    }
    needed, most = sum(sizes.values()) * sample_bytes, memory_bytes()
    if most is not None and needed > most:
        raise ValueError(
            f"n_train + n_val + n_test = {sum(sizes.values())} samples of {sample_bytes} bytes need "
            f"{needed / 2**30:.1f} GiB, and this machine has {most / 2**30:.1f}; lower n_train or seq_len"
        )
    return sizes


def memory_bytes() -> int | None:
    """Physical memory of this machine; None where the system does not tell."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None
