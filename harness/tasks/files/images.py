"""Image sets on the user's disk: where to look, the four IDX files of MNIST and its kin, fixed divisions."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.tasks.files.idx import read_idx

Published = Mapping[str, tuple[tuple[int, ...], str]]
"""File name -> sizes, and the MD5 of the unpacked bytes."""

Stamps = tuple[tuple[Path, int, int], ...]
"""Files with their times and sizes: what a reader's memory goes by."""


@dataclass(frozen=True, eq=False)
class Images:
    """Images (N, values) uint8 and labels (N,) uint8, those to train on and those to test on."""

    source: str
    train_x: np.ndarray
    train_y: np.ndarray
    test_x: np.ndarray
    test_y: np.ndarray


def cache_dir() -> Path:
    """Where this package keeps what it can make again: `$XDG_CACHE_HOME/seqharness`."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "seqharness"


def default_data_dir() -> Path:
    """Where data sets are looked for and fetched to without `data_dir`: `$HARNESS_DATA`, else the cache."""
    named = os.environ.get("HARNESS_DATA")
    return Path(named).expanduser() if named else cache_dir() / "data"


def find_set(
    folders: Iterable[Path],
    names: Iterable[str],
    *,
    title: str,
    advice: str,
    endings: tuple[str, ...] = ("", ".gz"),
) -> tuple[Path, ...] | None:
    """The named files, with one of the endings, in the first of the folders that has any; None: none has.

    Raises:
        FileNotFoundError: some of them are there, others are not; it ends in `advice`.
    """
    for folder in folders:
        found = {}
        for name in names:
            for path in (folder / (name + ending) for ending in endings):
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


def stamps(paths: Iterable[Path]) -> Stamps:
    """The files as they are now: a changed file has another stamp."""
    return tuple((path, path.stat().st_mtime_ns, path.stat().st_size) for path in paths)


def read_idx_images(source: str, files: Stamps, published: Published) -> Images:
    """Reads training images and labels, then those to test on.

    Raises:
        ValueError: a file is damaged.
    """
    train_x, train_y, test_x, test_y = (
        read_idx(path, shape=shape, md5=md5)
        for (path, _, _), (shape, md5) in zip(files, published.values(), strict=True)
    )
    return Images(source, train_x.reshape(len(train_x), -1), train_y, test_x.reshape(len(test_x), -1), test_y)


def split_by_class(y: np.ndarray, share: float) -> tuple[np.ndarray, np.ndarray]:
    """Divides sample numbers into (rest, part), `share` of each class in part; the same every time.

    Returns:
        Two sorted int64 arrays that together hold 0, …, len(y) − 1.
    """
    rng = np.random.RandomState(0)
    part = []
    for label in np.unique(y):
        members = rng.permutation(np.flatnonzero(y == label))
        part.append(members[: round(share * len(members))])
    chosen = np.sort(np.concatenate(part))
    return np.setdiff1d(np.arange(len(y)), chosen, assume_unique=True), chosen
