"""Recorded series: on the user's disk, or among the files that aeon bundles; downloaded on request only."""

from __future__ import annotations

import functools
import importlib
import re
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np

from harness.tasks.common.arguments import did_you_mean
from harness.tasks.files.content import hash_parts
from harness.tasks.files.fetching import fetch_data_set
from harness.tasks.files.locations import FileVersion, data_root, fetch_command, file_version
from harness.tasks.files.ts_format import first_missing, read_ts

BUNDLED = (
    "ACSF1",
    "ArrowHead",
    "BasicMotions",
    "GunPoint",
    "ItalyPowerDemand",
    "JapaneseVowels",
    "OSULeaf",
    "PickupGestureWiimoteZ",
)
"""The problems whose files are part of the package aeon (1.6): they need no download."""

PARTS = ("TRAIN", "TEST")


@dataclass(frozen=True, eq=False)
class Series:
    """One published part: arrays (T, channels) float64, each with its own T, and labels as text.

    Attributes:
        x, y: the series, NaN where a value is missing, and their labels.
        declared: the classes that the header names; empty: none.
        content: SHA-256 (hex) of the bytes of the file, and of the arrays and labels.
        missing: how many values are missing, and where the first is, as file and line.
    """

    x: list[np.ndarray]
    y: list[str]
    declared: tuple[str, ...]
    content: str
    missing: tuple[int, str]


def fetch_timeseries(name: str, data_dir: str | Path | None = None) -> Path:
    """Downloads a problem with aeon, from the archives' community on Zenodo; returns its folder.

    aeon verifies no checksums: a file counts as complete if it can be read.

    Args:
        name: name of the problem, spelled as in the archives.
        data_dir: the folder for `NAME/`; None: `$HARNESS_DATA`, or the cache.

    Raises:
        ValueError: the archive has no such problem or does not answer, or the files cannot be used.
        FileNotFoundError: aeon is not installed, or the download lacks the training or the test part.
        OSError: the folder cannot be written. After any error nothing is kept of the download.
    """
    name = checked_name(name)
    datasets = _aeon_datasets(name)

    def read(folder: Path) -> None:
        if _present(folder, name) != PARTS:
            raise FileNotFoundError(f"aeon's download does not hold {name}_TRAIN.ts and {name}_TEST.ts")
        for part in PARTS:
            read_part(name, part, folder)

    plain = _folder(Path(), name).name  # its download includes the `_eq` and `_nmv` versions
    root = fetch_data_set(
        data_dir,
        folder=plain,
        read=read,
        download=lambda folder: datasets.load_classification(plain, extract_path=str(folder)),
    )
    return _folder(root, name)


def checked_name(name: object) -> str:
    """Returns `name`, which must be able to name a problem: letters, digits, `_` and `-`.

    Raises:
        ValueError: `name` is anything else.
    """
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", name):
        raise ValueError(
            f"name must be the name of a problem, such as {BUNDLED[5]} or {BUNDLED[3]}, not {name!r}"
        )
    return name


def read_part(name: str, part: str, data_dir: str | Path | None) -> Series:
    """One published part (`TRAIN`, `TEST`), cached and read again when its file changes (see `FileVersion`).

    Raises:
        ValueError: the file cannot be read, see `ts_format`, or the targets are numbers.
        FileNotFoundError: the problem is not on disk.
    """
    return _read_once(name, file_version(_find(name, data_dir) / f"{name}_{part}.ts"))


@functools.lru_cache(maxsize=4)
def _read_once(name: str, file: FileVersion) -> Series:
    raw = file.path.read_bytes()
    part = read_ts(file.path, raw)
    if not part.header.labels:
        raise ValueError(
            f"name must be the name of a classification problem; the targets of {name} are numbers"
        )
    missing, line = first_missing(part)
    content = hash_parts(raw, *part.x, *map(earlier_text, part.y))
    return Series(part.x, part.y, part.header.classes, content, (missing, f"{file.path}:{line}"))


def earlier_text(label: str) -> str:
    """A label as version 0.2 read it: part of the content, so that finished runs stay the same runs."""
    return label.lower().replace("nan", "NaN").replace("?", "NaN")


def _find(name: str, data_dir: str | Path | None) -> Path:
    """The folder of a problem: in the data folder, else in aeon's."""
    root = data_root(data_dir)
    if _present(root, name) == PARTS:
        return _folder(root, name)
    bundled = Path(str(_aeon_datasets(name).__file__)).parent / "data"
    advice = f"to download it: {fetch_command(f'timeseries name={name}', data_dir)}"
    for folder in (root, bundled):
        present = _present(folder, name)
        if present == PARTS:
            return _folder(folder, name)
        if present:
            raise FileNotFoundError(
                f"{_folder(folder, name)} holds only the {present[0]} part of {name}; {advice}"
            )
    raise FileNotFoundError(
        f"name={name}: no such problem in {root}, nor among those that aeon bundles ({', '.join(BUNDLED)})"
        f"{did_you_mean(name, BUNDLED)}; {advice}"
    )


def _folder(root: Path, name: str) -> Path:
    """The folder of a problem; `_eq` and `_nmv` versions are in the folder of the plain name."""
    return root / name.removesuffix("_nmv").removesuffix("_eq")


def _present(root: Path, name: str) -> tuple[str, ...]:
    """The parts of a problem below `root`; the spelling must match even if the file system ignores case."""
    folder = _folder(root, name)
    if not folder.is_dir():
        return ()
    files = {path.name for path in folder.iterdir()}
    return tuple(part for part in PARTS if f"{name}_{part}.ts" in files)


def _aeon_datasets(name: str) -> ModuleType:
    """aeon, which bundles and downloads problems. Imported on use: it is an optional dependency."""
    try:
        return importlib.import_module("aeon.datasets")
    except ModuleNotFoundError as error:
        if error.name is None or not error.name.startswith("aeon"):
            raise
        raise FileNotFoundError(
            f"name={name} is not in the data folder, and the package aeon, which bundles and downloads "
            "problems, is not installed: "
            "`pip install 'seqharness[timeseries]'`, or `pip install aeon`"
        ) from None
