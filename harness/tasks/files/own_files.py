"""The file that a task over data of the user is told to read."""

from __future__ import annotations

import os
from pathlib import Path

from harness.tasks.files.locations import FileVersion, file_version


def own_file(path: object, what: str, example: str) -> FileVersion:
    """The version of the file `path`, relative to the working directory, `~` for the home.

    Raises:
        ValueError: `path` is no path, or a folder.
        FileNotFoundError: there is no such file.
    """
    if not isinstance(path, str | os.PathLike) or not str(path):
        raise ValueError(f"path must name {what}, such as {example}, not {path!r}")
    found = Path(path).expanduser()
    if found.is_dir():
        raise ValueError(f"path must name {what}, not the folder {found}")
    if not found.is_file():
        raise FileNotFoundError(f"path must name {what}: there is no file {found.absolute()}")
    return file_version(found)
