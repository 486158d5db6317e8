"""Text on the terminal: nothing in it moves the cursor or passes for another line, in any encoding."""

from __future__ import annotations

import codecs
import io
import logging
import sys
import unicodedata
from typing import TextIO

MOST_IN_A_LINE = 3000
"""Characters; the rest of a longer line is cut off."""

_IN_ASCII = {
    "–": "-", "—": "-", "−": "-", "×": "x", "±": "+-", "≈": "~", "≤": "<=", "≥": ">=", "→": "->", "…": "...",
    "‖": "||", "∂": "d", "ℓ": "l", "·": ".", "∞": "inf", "§": "section ", "‘": "'", "’": "'", "“": '"',
    "”": '"', "•": "*", "━": "-", "╸": "-", "╺": "-", "█": "#", "░": ".", "▏": "|",
}  # fmt: skip

_ERRORS = "seqharness"


def say(text: object, file: TextIO | None = None) -> None:
    """Prints a text that may hold what somebody else has written, such as the error of a run."""
    print(escaped(str(text)), file=file)


def escaped(text: str, most: int = MOST_IN_A_LINE) -> str:
    r"""A text whose control characters are visible and whose lines are not longer than `most` and a mark.

    >>> print(escaped("red \x1b[31m and \u202e backwards"))
    red \x1b[31m and \u202e backwards
    >>> escaped("a" * 9, most=4)
    'aaaa… (5 more)'
    """
    lines = text.split("\n")
    cut = [line if len(line) <= most else f"{line[:most]}… ({len(line) - most} more)" for line in lines]
    return "\n".join(line if line.isprintable() else "".join(map(_visible, line)) for line in cut)


def prepare_streams() -> None:
    """Lets stdout and stderr write any text in any encoding, and puts the log, escaped, on stderr."""
    codecs.register_error(_ERRORS, _replaced)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_ERRORS)
    handler = logging.StreamHandler()
    handler.setFormatter(_Escaping("%(message)s"))
    logging.basicConfig(handlers=[handler], level=logging.WARNING)


class _Escaping(logging.Formatter):
    """Formats a record as text that is safe to print."""

    def format(self, record: logging.LogRecord) -> str:
        """The message of the record, with its traceback if it has one."""
        return escaped(super().format(record))


def _visible(letter: str) -> str:
    if letter.isprintable() or letter == "\t" or unicodedata.category(letter) == "Zs":
        return letter
    return letter.encode("unicode_escape").decode("ascii")


def _replaced(error: UnicodeError) -> tuple[str, int]:
    """What stands for letters that an encoding does not have: similar ones of ASCII, else their numbers."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(_in_ascii, error.object[error.start : error.end])), error.end


def _in_ascii(letter: str) -> str:
    plain = unicodedata.normalize("NFKD", letter).encode("ascii", "ignore").decode("ascii")
    return _IN_ASCII.get(letter) or plain or letter.encode("unicode_escape").decode("ascii")
