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
    """One published part: arrays (T, channels) float64, each with its own T, and labels as text."""

    x: list[np.ndarray]
    y: list[str]
    content: str
    """SHA-256 (hex) of the bytes of the file, and of the arrays and labels that aeon made of them."""


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
        ValueError: values are missing, or the targets are numbers.
        FileNotFoundError: the problem is not on disk, or aeon is not installed.
    """
    return _read_once(name, file_version(_find(name, data_dir) / f"{name}_{part}.ts"))


@functools.lru_cache(maxsize=4)
def _read_once(name: str, file: FileVersion) -> Series:
    path = file.path
    x, y, about = _aeon_datasets(name).load_from_ts_file(str(path), return_meta_data=True)
    if not about["classlabel"]:
        raise ValueError(
            f"name must be the name of a classification problem; the targets of {name} are numbers"
        )
    series = [np.ascontiguousarray(np.asarray(one, dtype=np.float64).T) for one in x]
    missing = sum(int(np.isnan(one).sum()) for one in series)
    if missing:
        raise ValueError(
            f"name={name} cannot be used: {path.name} has {missing} missing values, which are not filled in "
            f"here; if the archive has a version with values filled in, its name is {name}_nmv"
        )
    labels = [str(label) for label in y]
    return Series(series, labels, hash_parts(path.read_bytes(), *series, *labels))


def _find(name: str, data_dir: str | Path | None) -> Path:
    """The folder of a problem: in the data folder, else in aeon's."""
    root = data_root(data_dir)
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
    """aeon's loaders. They are imported on use, since aeon is an optional dependency."""
    try:
        return importlib.import_module("aeon.datasets")
    except ModuleNotFoundError as error:
        if error.name is None or not error.name.startswith("aeon"):
            raise
        raise FileNotFoundError(
            f"name={name} is read by the package aeon, which is not installed: "
            "`pip install 'seqharness[timeseries]'`, or `pip install aeon`"
        ) from None
