"""Files read without waiting for anything, and written whole or not at all. Does not import pandas."""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

MOST_BYTES = 2**30
"""Of a table of a run: a larger file is none that the harness has written."""


class IrregularFileError(OSError):
    """A path that is no regular file, such as a folder or a named pipe, or a file that is too large."""


def read_bytes(path: Path, most: int = MOST_BYTES) -> bytes:
    """The content of a regular file; a named pipe or a device is refused, and never waited for.

    Raises:
        OSError: there is no such file, it cannot be read, is no regular one, or is larger than `most` bytes.
    """
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    with open(handle, "rb") as file:
        about = os.fstat(handle)
        if not stat.S_ISREG(about.st_mode):
            raise IrregularFileError("not a regular file")
        if about.st_size > most:
            raise IrregularFileError(f"{about.st_size} bytes, more than {most}")
        return file.read()


def shown(text: object) -> str:
    r"""A path or a message in one line that every log can hold, whatever bytes a name is made of.

    >>> print(shown("bad\udcff\nname"))
    bad\udcff name
    """
    return " ".join(str(text).encode("utf-8", "backslashreplace").decode("utf-8").split())


def is_regular(path: Path) -> bool:
    """Whether a regular file, or a link to one, lies there."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except (OSError, ValueError):  # a loop of links; a name that holds a zero byte
        return False


def sha256_of(path: Path) -> str:
    """SHA-256 (hex) of the content of a regular file of any size.

    Raises:
        OSError: as `read_bytes`.
    """
    if not is_regular(path):
        raise IrregularFileError("not a regular file" if path.exists() else "missing")
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def replaced(path: Path) -> Iterator[Path]:
    """The path of a temporary file beside `path`, which takes its place at the end, on disk for certain.

    Where the block raises, as on a full disk, the temporary file is removed and `path` is as before.
    """
    temporary = path.with_name(f".{path.name[:100]}.{os.getpid()}.tmp{path.suffix}")
    try:
        yield temporary
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    if os.name == "posix":  # the rename itself must survive a power cut too
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def write_atomically(path: Path, text: str) -> None:
    """Writes a file whole or not at all: after a crash or power cut either the old or the new file exists.

    Raises:
        OSError: it cannot be written; nothing of it is left.
    """
    with replaced(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="")
