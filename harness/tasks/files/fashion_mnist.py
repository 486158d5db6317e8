"""Fashion-MNIST's four files, in MNIST's format, on the user's disk."""

from __future__ import annotations

import functools
from pathlib import Path

from harness.tasks.files.images import Images, read_idx_images
from harness.tasks.files.locations import (
    FileVersion,
    data_root,
    fetch_command,
    file_versions,
    find_data_files,
)

FILES = {
    "train-images-idx3-ubyte": ((60_000, 28, 28), "f4a8712d7a061bf5bd6d2ca38dc4d50a"),
    "train-labels-idx1-ubyte": ((60_000,), "9018921c3c673c538a1fc5bad174d6f9"),
    "t10k-images-idx3-ubyte": ((10_000, 28, 28), "8181f5470baa50b63fa0f6fddb340f0a"),
    "t10k-labels-idx1-ubyte": ((10_000,), "15d484375f8d13e6eb1aabb0c3f46965"),
}
"""The four files: sizes and MD5 of the unpacked bytes, computed from the published archives."""

SYSTEM_DIR = Path("/usr/share/datasets/fashion-mnist")
"""Where the package dataset-fashion-mnist of Debian and Ubuntu installs them."""


def read_clothes(data_dir: str | Path | None = None) -> Images:
    """The 70,000 images.

    They are cached in the process and read again when a file changes (see `FileVersion`).

    Args:
        data_dir: a folder that must hold the set, in `FashionMNIST/raw/` (torchvision's layout) or directly,
            `.gz` or not. None: look in `FashionMNIST/raw/` of `$HARNESS_DATA` or of the cache, then in
            `SYSTEM_DIR`.

    Raises:
        FileNotFoundError: the set or a part of it is missing; the message says how to get it.
        ValueError: a file is damaged.
    """
    root = data_root(data_dir)
    # Without `data_dir` the root itself is not searched: MNIST's files have the same names.
    folders = (root / "FashionMNIST" / "raw", root if data_dir is not None else SYSTEM_DIR)
    advice = (
        f"run {fetch_command('fashion_mnist', data_dir)}, or on Debian and Ubuntu "
        f"`apt install dataset-fashion-mnist`, which fills {SYSTEM_DIR}"
    )
    paths = find_data_files(folders, FILES, title="Fashion-MNIST", advice=advice)
    if paths is None:
        raise FileNotFoundError(
            f"Fashion-MNIST is neither in {folders[0]} nor in {folders[1]} (looked for "
            f"{next(iter(FILES))}[.gz]); {advice}"
        )
    return _read_once(file_versions(paths))


@functools.lru_cache(maxsize=1)
def _read_once(files: tuple[FileVersion, ...]) -> Images:
    return read_idx_images("fashion_mnist-70000", files, FILES, val_share=1 / 12)
