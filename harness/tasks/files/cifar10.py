"""CIFAR-10's files: Python pickles, read without executing any code that they might contain."""

from __future__ import annotations

import functools
import hashlib
import io
import pickle
from pathlib import Path

import numpy as np

from harness.tasks.files.content import hash_checksums
from harness.tasks.files.images import Images
from harness.tasks.files.locations import (
    FileVersion,
    data_root,
    fetch_command,
    file_versions,
    find_data_files,
)

VALUES = 3 * 32 * 32

FILES = {
    "data_batch_1": (10_000, "c99cafc152244af753f735de768cd75f"),
    "data_batch_2": (10_000, "d4bba439e000b95fd0a9bffe97cbabec"),
    "data_batch_3": (10_000, "54ebc095f3ab1f0389bbae665268c751"),
    "data_batch_4": (10_000, "634d18415352ddfa80567beed471001a"),
    "data_batch_5": (10_000, "482c414d41f54cd18b22e5b47cb7c3cb"),
    "test_batch": (10_000, "40351d587109b95175f43aff81a1287e"),
}
"""Number of images in each file, and the published MD5 of its bytes."""

_RECONSTRUCT = np.empty(0).__reduce__()[0]

ALLOWED_NAMES = {
    ("numpy.core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy._core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
}
"""All names that a pickle may contain: those that an array needs."""


class _ArrayUnpickler(pickle.Unpickler):
    """Builds dictionaries, lists, numbers, strings and NumPy arrays, and refuses all other names."""

    def find_class(self, module: str, name: str) -> object:
        try:
            return ALLOWED_NAMES[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"it refers to {module}.{name}, which no image file needs") from None


def read_images(data_dir: str | Path | None = None) -> Images:
    """All 60,000 images, (N, 3072) uint8: 1,024 red, 1,024 green and 1,024 blue values, row by row.

    They are cached in the process and read again when a file changes (see `FileVersion`).

    Args:
        data_dir: a folder that must hold the six files, in `cifar-10-batches-py/` (torchvision's layout) or
            directly. None: look in `$HARNESS_DATA`, or the cache.

    Raises:
        FileNotFoundError: the set or a part of it is missing; the message says how to get it.
        ValueError: a file is damaged.
    """
    root = data_root(data_dir)
    advice = f"run {fetch_command('cifar10', data_dir)}, or unpack cifar-10-python.tar.gz in {root}"
    folders = (root / "cifar-10-batches-py", root)
    paths = find_data_files(folders, FILES, title="CIFAR-10", advice=advice, suffixes=("",))
    if paths is None:
        raise FileNotFoundError(
            f"{root} does not hold CIFAR-10 (looked for {next(iter(FILES))} there and in "
            f"cifar-10-batches-py/); {advice}"
        )
    return _read_once(file_versions(paths))


@functools.lru_cache(maxsize=1)
def _read_once(files: tuple[FileVersion, ...]) -> Images:
    read = [
        read_batch(file.path, count=count, md5=md5)
        for file, (count, md5) in zip(files, FILES.values(), strict=True)
    ]
    *train, (test_x, test_y) = read
    train_x, train_y = (np.concatenate(parts) for parts in zip(*train, strict=True))
    content = hash_checksums(md5 for _, md5 in FILES.values())
    return Images("cifar10-60000", content, 1 / 10, train_x, train_y, test_x, test_y)


def read_batch(path: Path, *, count: int, md5: str) -> tuple[np.ndarray, np.ndarray]:
    """Images (count, 3072) and labels (count,), both uint8, of one file.

    The checksum is verified first, so only the published bytes are unpickled, and by a reader that can
    build only plain values and arrays.

    Raises:
        ValueError: checksum, pickle or contents are wrong.
    """
    raw = path.read_bytes()
    found = hashlib.md5(raw, usedforsecurity=False).hexdigest()
    if found != md5:
        raise ValueError(
            f"{path}: wrong checksum, {len(raw):,} bytes with MD5 {found}, not {md5}; fetch the set again"
        )
    try:
        batch = _ArrayUnpickler(io.BytesIO(raw), encoding="latin1").load()  # written by Python 2
    except Exception as error:  # a damaged pickle raises EOFError, KeyError, IndexError, …
        raise ValueError(f"{path}: not a pickle of images ({error}); fetch the set again") from None
    x, y = (batch.get(key) for key in ("data", "labels")) if isinstance(batch, dict) else (None, None)
    if not isinstance(x, np.ndarray) or x.dtype != np.uint8 or x.shape != (count, VALUES):
        raise ValueError(f"{path}: has no `data` of {count} x {VALUES} bytes; fetch the set again")
    if not isinstance(y, list) or len(y) != count or not all(type(k) is int and 0 <= k <= 9 for k in y):
        raise ValueError(f"{path}: has no `labels`, {count} from 0 to 9; fetch the set again")
    return x, np.array(y, dtype=np.uint8)
