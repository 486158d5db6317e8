"""Fashion-MNIST as sequences: clothes in place of MNIST's digits, in the same format, and harder."""

from __future__ import annotations

import functools
from pathlib import Path

from harness.tasks.common.pixels import pixel_task
from harness.tasks.files.fetching import fetch_set
from harness.tasks.files.images import (
    Images,
    Stamps,
    default_data_dir,
    find_set,
    read_idx_images,
    stamps,
)
from harness.tasks.task import Task

CLASSES = (
    "T-shirt/top",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle boot",
)

FILES = {
    "train-images-idx3-ubyte": ((60_000, 28, 28), "f4a8712d7a061bf5bd6d2ca38dc4d50a"),
    "train-labels-idx1-ubyte": ((60_000,), "9018921c3c673c538a1fc5bad174d6f9"),
    "t10k-images-idx3-ubyte": ((10_000, 28, 28), "8181f5470baa50b63fa0f6fddb340f0a"),
    "t10k-labels-idx1-ubyte": ((10_000,), "15d484375f8d13e6eb1aabb0c3f46965"),
}
"""The four files: sizes and the MD5 of the unpacked bytes, those of the published archives."""

SYSTEM_DIR = Path("/usr/share/datasets/fashion-mnist")
"""Where the package dataset-fashion-mnist of Debian and Ubuntu puts them."""


def load_fashion_mnist(
    *,
    seq_len: int = 28,
    permutation: str | int = "none",
    data_dir: str | Path | None = None,
    n_train: int | None = None,
    seed: int = 0,
) -> Task:
    """Names the article in a 28 × 28 image that is read as `seq_len` steps of 784 / seq_len pixels.

        seq_len=28   step 0 is the top row, step 27 the bottom row   sneaker  ->  class 7
        seq_len=784  step 0 is the top left pixel                    trouser  ->  class 1

    Pixels are float32 from 0 (background) to 1; classes as in `CLASSES`. Variants, by `permutation`, as
    in `load_mnist`: `ordered`, `bit_reversal`, `permuted-S`.

    Data source: `fashion_mnist-70000`, the published 10,000 images to test on and 1/12 of each class of
    the other 60,000 (500 of 6,000) to validate on; the division is fixed. Nothing is bundled: the files are
    those that `fetch_fashion_mnist` or torchvision (`FashionMNIST/raw/`) or the Debian package
    dataset-fashion-mnist puts on the disk.

    Baseline: guessing is right in 1 of 10. Without memory only the last 784 / seq_len pixels are seen;
    the loss that they allow is not known in closed form.

    Args:
        seq_len: a divisor of 784.
        permutation: `none`, `bit_reversal`, or a whole number that seeds one.
        data_dir: a folder that must hold the set, in `FashionMNIST/raw/` or the files themselves, `.gz`
            or not; None looks in `$HARNESS_DATA` or the cache, then where Debian's package puts it.
        n_train: train on this many images only, drawn by `seed`; None: on all.
        seed: draws the `n_train` images; without `n_train` every seed gives the same data.

    Returns:
        x (N, seq_len, 784 / seq_len) float32; y (N,) int64 from 0 to 9.

    Raises:
        ValueError: an argument is outside its range, or a data file is damaged.
        FileNotFoundError: the set, or a part of it, is not there; the message says how to get it.

    Source: Xiao, Rasul & Vollgraf 2017, arXiv 1708.07747.
    """
    return pixel_task(
        name="fashion_mnist",
        citation="Xiao, Rasul & Vollgraf 2017, arXiv 1708.07747",
        read=lambda: _read_once(stamps(_find_files(data_dir))),
        val_share=lambda _: 1 / 12,
        seq_len=seq_len,
        permutation=permutation,
        n_train=n_train,
        seed=seed,
    )


def fetch_fashion_mnist(data_dir: str | Path | None = None) -> Path:
    """Downloads the set through torchvision, with checksums and progress; returns its folder.

    Args:
        data_dir: where to put `FashionMNIST/raw/`; None: `$HARNESS_DATA`, or the cache.

    Raises:
        RuntimeError, OSError: no mirror answers, or what came is damaged; nothing is kept of it.
    """
    from torchvision.datasets import FashionMNIST

    return fetch_set(
        data_dir,
        folder="FashionMNIST/raw",
        read=lambda folder: _read_once(stamps(_find_files(folder))),
        download=lambda folder: FashionMNIST(str(folder), download=True),
    )


def _find_files(data_dir: str | Path | None) -> tuple[Path, ...]:
    root = Path(data_dir).expanduser() if data_dir is not None else default_data_dir()
    # Without a named folder the files themselves are not looked for in the root: MNIST's have the same names.
    folders = (root / "FashionMNIST" / "raw", root if data_dir is not None else SYSTEM_DIR)
    where = "" if data_dir is None else f" data_dir={root}"
    advice = (
        f"run `harness fetch fashion_mnist{where}`, or on Debian and Ubuntu "
        f"`apt install dataset-fashion-mnist`, which fills {SYSTEM_DIR}"
    )
    paths = find_set(folders, FILES, title="Fashion-MNIST", advice=advice)
    if paths is None:
        raise FileNotFoundError(
            f"Fashion-MNIST is neither in {folders[0]} nor in {folders[1]} (looked for "
            f"{next(iter(FILES))}[.gz]); {advice}"
        )
    return paths


@functools.lru_cache(maxsize=1)
def _read_once(files: Stamps) -> Images:
    return read_idx_images("fashion_mnist-70000", files, FILES)
