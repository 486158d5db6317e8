"""Where recorded series come from: the user's disk, a download on request, or the files that aeon bundles."""

from __future__ import annotations

import functools
import importlib
import re
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np

from harness.tasks.common.arguments import did_you_mean
from harness.tasks.files.fetching import fetch_set
from harness.tasks.files.images import default_data_dir

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
"""The problems of the archives whose files are part of the package aeon (1.6): these work offline."""

PARTS = ("TRAIN", "TEST")


@dataclass(frozen=True, eq=False)
class Series:
    """One published part: arrays (T, channels) float64, each of a length of its own, and labels as text."""

    x: list[np.ndarray]
    y: list[str]


def fetch_timeseries(name: str, data_dir: str | Path | None = None) -> Path:
    """Downloads a problem through aeon, from the archives' community on Zenodo; returns its folder.

    aeon compares no checksums: a file is whole if it can be read.

    Args:
        name: of the problem, as the archives spell it.
        data_dir: where to put `NAME/`; None: `$HARNESS_DATA`, or the cache.

    Raises:
        ValueError: the archive has no such problem or does not answer, or what came cannot be used.
        FileNotFoundError: aeon is not installed, or what came holds no training and test part.
        OSError: the folder cannot be written. Whatever it is, nothing is kept of what came.
    """
    name = checked_name(name)
    datasets = _aeon_datasets(name)

    def read(folder: Path) -> None:
        if _present(folder, name) != PARTS:
            raise FileNotFoundError(f"what aeon fetched holds no {name}_TRAIN.ts and {name}_TEST.ts")
        for part in PARTS:
            read_part(name, part, folder)

    plain = _folder(Path(), name).name  # with its files come those of its `_eq` and `_nmv` versions
    root = fetch_set(
        data_dir,
        folder=plain,
        read=read,
        download=lambda folder: datasets.load_classification(plain, extract_path=str(folder)),
    )
    return _folder(root, name)


def checked_name(name: object) -> str:
    """Returns `name` if it can be the name of a problem: a folder's name and nothing more.

    Raises:
        ValueError: it cannot.
    """
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", name):
        raise ValueError(
            f"name must be that of a problem, such as {BUNDLED[5]} or {BUNDLED[3]}, not {name!r}"
        )
    return name


def read_part(name: str, part: str, data_dir: str | Path | None) -> Series:
    """One published part (`TRAIN`, `TEST`), read again only when its file has changed.

    Raises:
        ValueError: values are missing, or the targets are numbers.
        FileNotFoundError: the problem is not on disk, or aeon is not installed.
    """
    path = _find(name, data_dir) / f"{name}_{part}.ts"
    about = path.stat()
    return _read_once(name, path, about.st_mtime_ns, about.st_size)


@functools.lru_cache(maxsize=4)
def _read_once(name: str, path: Path, _mtime_ns: int, _size: int) -> Series:
    x, y, about = _aeon_datasets(name).load_from_ts_file(str(path), return_meta_data=True)
    if not about["classlabel"]:
        raise ValueError(f"name must be that of a classification problem; {name} asks for a number")
    series = [np.ascontiguousarray(np.asarray(one, dtype=np.float64).T) for one in x]
    missing = sum(int(np.isnan(one).sum()) for one in series)
    if missing:
        raise ValueError(
            f"name={name} cannot be used: {path.name} has {missing} missing values, which are not filled in "
            f"here; where the archive has filled them in, that version is called {name}_nmv"
        )
    return Series(series, [str(label) for label in y])


def _find(name: str, data_dir: str | Path | None) -> Path:
    """The folder of a problem: in the data folder, else among those that aeon bundles."""
    root = _root(data_dir)
    bundled = Path(str(_aeon_datasets(name).__file__)).parent / "data"
    where = "" if data_dir is None else f" data_dir={root}"
    way = f"to download it: `harness fetch timeseries name={name}{where}`"
    for folder in (root, bundled):
        present = _present(folder, name)
        if present == PARTS:
            return _folder(folder, name)
        if present:
            raise FileNotFoundError(
                f"{_folder(folder, name)} holds only the {present[0]} part of {name}; {way}"
            )
    raise FileNotFoundError(
        f"name={name}: no such problem in {root}, nor among those that aeon bundles ({', '.join(BUNDLED)})"
        f"{did_you_mean(name, BUNDLED)}; {way}"
    )


def _root(data_dir: str | Path | None) -> Path:
    return Path(data_dir).expanduser() if data_dir is not None else default_data_dir()


def _folder(root: Path, name: str) -> Path:
    """The archive keeps its `_eq` and `_nmv` versions in the folder of the plain name."""
    return root / name.removesuffix("_nmv").removesuffix("_eq")


def _present(root: Path, name: str) -> tuple[str, ...]:
    """The parts of a problem under `root`, in this spelling even where the disk ignores upper case."""
    folder = _folder(root, name)
    if not folder.is_dir():
        return ()
    files = {path.name for path in folder.iterdir()}
    return tuple(part for part in PARTS if f"{name}_{part}.ts" in files)


def _aeon_datasets(name: str) -> ModuleType:
    """aeon's loaders, imported when they are needed: aeon is an extra."""
    try:
        return importlib.import_module("aeon.datasets")
    except ModuleNotFoundError as error:
        if error.name is None or not error.name.startswith("aeon"):
            raise
        raise FileNotFoundError(
            f"name={name} is read by the package aeon, which is not installed: "
            "`pip install 'seqharness[timeseries]'`, or `pip install aeon`"
        ) from None
