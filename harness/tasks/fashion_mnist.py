"""Fashion-MNIST as sequences: clothes instead of MNIST's digits, in the same format, and harder."""

from __future__ import annotations

from pathlib import Path

from harness.tasks.common.grey_images import grey_image_task
from harness.tasks.files.fashion_mnist import read_clothes
from harness.tasks.files.fetching import fetch_data_set
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


CLASSES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"
)  # fmt: skip


def load_fashion_mnist(
    *,
    seq_len: int = 28,
    permutation: str | int = "none",
    data_dir: str | Path | None = None,
    n_train: int | None = None,
    seed: int = 0,
) -> Task:
    """The class is the article in a 28 × 28 image, read as `seq_len` steps of 784 / seq_len pixels.

        seq_len=28   step 0 is the top row, step 27 the bottom row   sneaker  ->  class 7
        seq_len=784  step 0 is the top left pixel                    trouser  ->  class 1

    Pixels are float32 from 0 (background) to 1; for the classes see `CLASSES`. Variants, by `permutation`,
    as in `load_mnist`: `ordered`, `bit_reversal`, `permuted-S`.

    Data source: `fashion_mnist-70000`: the published 10,000 test images, and 1/12 of each class of the
    other 60,000 (500 of 6,000) for validation; the division is fixed. Nothing is bundled: the files come
    from `fetch_fashion_mnist`, torchvision (`FashionMNIST/raw/`) or the Debian package
    dataset-fashion-mnist.

    Baseline: guessing is right in 1 of 10. Without memory only the last 784 / seq_len pixels are seen;
    the lowest loss that they allow is not known in closed form.

    Args:
        seq_len: a divisor of 784.
        permutation: `none`, `bit_reversal`, or a whole number that seeds one.
        data_dir: a folder that must hold the set, in `FashionMNIST/raw/` or directly, `.gz` or not; None:
            `$HARNESS_DATA` or the cache, then the folder of Debian's package.
        n_train: number of training images, drawn by `seed`; None: all.
        seed: seed of that draw; without `n_train` every seed gives the same data.

    Returns:
        x (N, seq_len, 784 / seq_len) float32; y (N,) int64 from 0 to 9.

    Raises:
        ValueError: an argument is outside its range, or a data file is damaged.
        FileNotFoundError: the set or a part of it is missing; the message says how to get it.

    Source: Xiao, Rasul & Vollgraf 2017, arXiv 1708.07747.
    """
    return grey_image_task(
        name="fashion_mnist",
        class_names=CLASSES,
        citation="Xiao, Rasul & Vollgraf 2017, arXiv 1708.07747",
        read=lambda: read_clothes(data_dir),
        seq_len=seq_len,
        permutation=permutation,
        n_train=n_train,
        seed=seed,
    )


def fetch_fashion_mnist(data_dir: str | Path | None = None) -> Path:
    """Downloads the set with torchvision, with checksums and progress; returns its folder.

    Args:
        data_dir: the folder for `FashionMNIST/raw/`; None: `$HARNESS_DATA`, or the cache.

    Raises:
        RuntimeError, OSError: no server answers, or the download is damaged; nothing is kept of it.
    """
    from torchvision.datasets import FashionMNIST

    return fetch_data_set(
        data_dir,
        folder="FashionMNIST/raw",
        read=read_clothes,
        download=lambda folder: FashionMNIST(str(folder), download=True),
    )
