"""What a pool is given and gives back: calls and their outcomes, which travel between the processes."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Call:
    """A function that can be pickled, with its arguments, to be called in a worker process."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...] = ()
    fresh: bool = False
    """Whether the call gets a worker that has run nothing before, and nothing after it."""
    limit_s: float | None = None
    """Seconds after which its worker is killed; None: never. See `set_time_limit`."""


@dataclass(frozen=True)
class Outcome:
    """How a call ended: with a value, with an exception, or with the death of its worker."""

    index: int
    """Of the call in the sequence that the pool was given."""
    value: Any = None
    error: BaseException | None = None
    """What the function raised; an error that cannot be pickled becomes a `RuntimeError` with its text."""
    death: str | None = None
    """How the worker died, such as `killed by SIGSEGV`; None: it did not."""
    too_long: bool = False
    """Whether it was killed because the call took longer than its limit."""


@dataclass(frozen=True)
class Setting:
    """What a new worker takes over from the process that asks for it, before its first call."""

    folder: str
    environment: Mapping[str, str]
    path: list[str] = field(default_factory=list)


def how_it_ended(status: int) -> str:
    """An exit status of `os.waitstatus_to_exitcode` in words.

    >>> how_it_ended(-11), how_it_ended(3)
    ('killed by SIGSEGV', 'ended with exit code 3')
    """
    if status >= 0:
        return f"ended with exit code {status}"
    try:
        return f"killed by {signal.Signals(-status).name}"
    except ValueError:  # a real-time signal
        return f"killed by signal {-status}"


_say: Callable[[Any], None] | None = None


def set_time_limit(seconds: float) -> None:
    """In a worker: the call that is being made may take this long from now; elsewhere it changes nothing."""
    if _say is not None:
        _say(("limit", seconds))


def in_worker() -> bool:
    """Whether this process is a worker that is making a call."""
    return _say is not None


def answer_through(say: Callable[[Any], None] | None) -> None:
    """Sets how this process, a worker, tells its pool something during a call."""
    global _say
    _say = say
