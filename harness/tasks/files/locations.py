"""Where data sets lie on disk, and how a changed file is noticed."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple


class FileVersion(NamedTuple):
    """What a reader's cache compares to decide whether a file is the one that it has read.

    Path, size, and the times (ns) of the last write and of the last change of the inode. An edit in place
    that keeps the size and sets the time of writing back still changes `ctime_ns`, except on Windows, where
    that is the time of creation, and on file systems that store none.
    """

    path: Path
    size: int
    mtime_ns: int
    ctime_ns: int


def file_version(path: Path) -> FileVersion:
    """The version of a file now."""
    stat = path.stat()
    return FileVersion(path, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)


def file_versions(paths: Iterable[Path]) -> tuple[FileVersion, ...]:
    """The versions of several files now."""
    return tuple(map(file_version, paths))


def cache_dir() -> Path:
    """The folder for files that this package can make again: `$XDG_CACHE_HOME/seqharness`.

    Without a home it is one that cannot be made: then nothing is cached.
    """
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "seqharness"
    except RuntimeError:  # no $HOME, and no entry for this user
        return Path(os.devnull) / "seqharness"


def data_root(data_dir: str | Path | None) -> Path:
    """The folder to look for data sets in: `data_dir`, else `$HARNESS_DATA`, else `data` in the cache."""
    if data_dir is None:
        data_dir = os.environ.get("HARNESS_DATA") or cache_dir() / "data"
    return Path(data_dir).expanduser()


def fetch_command(name: str, data_dir: str | Path | None) -> str:
    """The command that downloads a data set, for error messages."""
    where = "" if data_dir is None else f" data_dir={data_root(data_dir)}"
    return f"`harness fetch {name}{where}`"


def find_data_files(
    folders: Iterable[Path],
    names: Iterable[str],
    *,
    title: str,
    advice: str,
    suffixes: tuple[str, ...] = ("", ".gz"),
) -> tuple[Path, ...] | None:
    """The paths of the named files in the first folder that has any of them; None: no folder has one.

    Args:
        folders: where to look, in this order.
        names: names of the files without suffix.
        title: name of the data set, for the error message.
        advice: end of the error message.
        suffixes: possible suffixes of each file, in order of preference.

    Raises:
        FileNotFoundError: the folder has some of the files but not all.
    """
    names = tuple(names)
    for folder in folders:
        found = {}
        for name in names:
            for path in (folder / (name + suffix) for suffix in suffixes):
                if path.is_file():
                    found[name] = path
                    break
        missing = [name for name in names if name not in found]
        if not missing:
            return tuple(found.values())
        if found:
            raise FileNotFoundError(
                f"{folder} holds only a part of {title}, {', '.join(missing)} missing; {advice}"
            )
    return None
