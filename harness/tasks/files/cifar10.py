"""CIFAR-10's files, Python pickles: read without running anything that they might hold."""

from __future__ import annotations

import functools
import hashlib
import io
import pickle
from pathlib import Path

import numpy as np

from harness.tasks.files.images import Images, Stamps, default_data_dir, find_set, stamps

VALUES = 3 * 32 * 32

FILES = {
    "data_batch_1": (10_000, "c99cafc152244af753f735de768cd75f"),
    "data_batch_2": (10_000, "d4bba439e000b95fd0a9bffe97cbabec"),
    "data_batch_3": (10_000, "54ebc095f3ab1f0389bbae665268c751"),
    "data_batch_4": (10_000, "634d18415352ddfa80567beed471001a"),
    "data_batch_5": (10_000, "482c414d41f54cd18b22e5b47cb7c3cb"),
    "test_batch": (10_000, "40351d587109b95175f43aff81a1287e"),
}
"""Images in each file, and the published MD5 of its bytes."""

_RECONSTRUCT = np.empty(0).__reduce__()[0]

ADMITTED = {
    ("numpy.core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy._core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
}
"""All that a pickle may name: what an array is made of."""


class _Arrays(pickle.Unpickler):
    """Builds dictionaries, lists, numbers, strings and NumPy arrays, and refuses any other name."""

    def find_class(self, module: str, name: str) -> object:
        try:
            return ADMITTED[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"it names {module}.{name}, which no image file needs") from None


def read_images(data_dir: str | Path | None = None) -> Images:
    """All 60,000 images, (N, 3072) uint8: 1,024 red, 1,024 green and 1,024 blue values, row by row.

    Args:
        data_dir: a folder that must hold the set, as torchvision lays it out (`cifar-10-batches-py/`) or
            the six files themselves. None: look in `default_data_dir()`.

    Raises:
        FileNotFoundError: the set, or a part of it, is not there; the message says how to get it.
        ValueError: a file is damaged.
    """
    root = Path(data_dir).expanduser() if data_dir is not None else default_data_dir()
    where = "" if data_dir is None else f" data_dir={root}"
    advice = f"run `harness fetch cifar10{where}`, or unpack cifar-10-python.tar.gz in {root}"
    folders = (root / "cifar-10-batches-py", root)
    paths = find_set(folders, FILES, title="CIFAR-10", advice=advice, endings=("",))
    if paths is None:
        raise FileNotFoundError(
            f"{root} does not hold CIFAR-10 (looked for {next(iter(FILES))} there and in "
            f"cifar-10-batches-py/); {advice}"
        )
    return _read_once(stamps(paths))


@functools.lru_cache(maxsize=1)
def _read_once(files: Stamps) -> Images:
    read = [
        read_batch(path, count=count, md5=md5)
        for (path, _, _), (count, md5) in zip(files, FILES.values(), strict=True)
    ]
    *train, (test_x, test_y) = read
    train_x, train_y = (np.concatenate(parts) for parts in zip(*train, strict=True))
    return Images("cifar10-60000", train_x, train_y, test_x, test_y)


def read_batch(path: Path, *, count: int, md5: str) -> tuple[np.ndarray, np.ndarray]:
    """Images (count, 3072) and labels (count,), both uint8, from one of the files.

    The checksum comes first, so only the published bytes are unpickled, and even those by a reader that
    can make nothing but plain values and arrays.

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
        batch = _Arrays(io.BytesIO(raw), encoding="latin1").load()  # what Python 2 wrote
    except Exception as error:  # a damaged pickle fails in any way: EOFError, KeyError, IndexError, …
        raise ValueError(f"{path}: no pickle of images ({error}); fetch the set again") from None
    x, y = (batch.get(key) for key in ("data", "labels")) if isinstance(batch, dict) else (None, None)
    if not isinstance(x, np.ndarray) or x.dtype != np.uint8 or x.shape != (count, VALUES):
        raise ValueError(f"{path}: holds no `data` of {count} x {VALUES} bytes; fetch the set again")
    if not isinstance(y, list) or len(y) != count or not all(type(k) is int and 0 <= k <= 9 for k in y):
        raise ValueError(f"{path}: holds no `labels`, {count} from 0 to 9; fetch the set again")
    return x, np.array(y, dtype=np.uint8)
