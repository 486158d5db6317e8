"""Own image sets in MNIST's format as sequences."""

from __future__ import annotations

import dataclasses
import functools
import os
from pathlib import Path

import numpy as np

from harness.tasks.common.arguments import whole_number
from harness.tasks.common.array_checks import checked_labels
from harness.tasks.common.grey_images import checked_length, pixel_order, to_sequences
from harness.tasks.common.image_splits import image_splits
from harness.tasks.common.own_task import best_constant
from harness.tasks.common.run_names import run_name
from harness.tasks.files.content import hash_parts
from harness.tasks.files.idx_folder import class_names, find_idx_set, read_idx_set
from harness.tasks.files.images import Images
from harness.tasks.files.locations import FileVersion, file_versions
from harness.tasks.task import Baselines, Task, TaskSpec

VAL_SHARE = 1 / 12
"""Of each class of the training part, as in MNIST."""


@dataclasses.dataclass(frozen=True, eq=False)
class _ImageSet:
    """Images with class numbers, their rows and columns, and the names of the classes."""

    images: Images
    size: tuple[int, int]
    class_names: tuple[str, ...] | None
    num_classes: int


def load_idx(
    *,
    path: str | Path | None = None,
    name: str | None = None,
    prefix: str | None = None,
    seq_len: int | None = None,
    transposed: bool = False,
    permutation: str | int = "none",
    n_train: int | None = None,
    seed: int = 0,
) -> Task:
    """The class of a grey image of a set in MNIST's format, read as `seq_len` steps of equally many pixels.

        train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz, t10k-…     ->  MNIST, Fashion-MNIST, KMNIST
        emnist-letters-train-images-idx3-ubyte.gz, … with labels 1 to 26   ->  class 0 to 25, names 1 to 26
        qmnist-train-labels-idx2-int.gz, 8 columns                         ->  the first is the class

    Sizes and labels are those of the files, which may be packed or not, with `-` or `.` in their names.
    Classes are the labels of both parts in rising order, named by EMNIST's `PREFIX-mapping.txt` where it is
    beside them. The test part is the published one, and 1/12 of each class of the training part, rounded,
    is for validation: always the same images. Pixels are float32 from 0 to 1. Variants as in `load_mnist`,
    with `-transposed` where images are.

    Baseline: always answering the most frequent class of the test part. The loss without memory is not known.

    Args:
        path: the folder, or the one above `raw/`; not part of a run's identity, the images are.
        name: of the data set in run names and figures; None: `prefix`, else the folder's.
        prefix: what the files' names begin with, such as emnist-letters; None: there is one set.
        seq_len: a divisor of the number of pixels; None: the number of rows.
        transposed: whether rows are read as columns, as EMNIST needs it.
        permutation: `none`, `bit_reversal`, or a whole number that seeds one.
        n_train: number of training images, drawn by `seed`; None: all.
        seed: seed of that draw; without `n_train` every seed gives the same data.

    Returns:
        x (N, seq_len, pixels / seq_len) float32; y (N,) int64.

    Raises:
        ValueError: an argument is outside its range, or a file is damaged.
        FileNotFoundError: the folder does not hold a set.

    Source: none, the data is your own; the format: LeCun, Cortes & Burges, the MNIST database.
    """
    if not isinstance(transposed, bool):
        raise ValueError(f"transposed must be true or false, not {transposed!r}")
    if not isinstance(path, str | os.PathLike) or not str(path):
        raise ValueError(f"path must name a folder of IDX files, such as data/EMNIST, not {path!r}")
    pixel_order(permutation)  # refused before a file is opened
    seed = whole_number("seed", seed, low=0, high=None)
    if seq_len is not None:
        whole_number("seq_len", seq_len)
    folder = Path(path).expanduser().absolute()
    found, paths = find_idx_set(folder, prefix)
    name = run_name(name, found or (folder.parent if folder.name == "raw" else folder).name)
    image_set = _read_once(file_versions(paths), transposed)
    rows, columns = image_set.size
    seq_len = checked_length(rows if seq_len is None else seq_len, rows * columns)
    order, variant = pixel_order(permutation, rows * columns)
    labels = image_set.class_names or tuple(map(str, range(image_set.num_classes)))
    names = class_names(paths[0], labels)
    named = image_set.class_names if names == labels else names
    answer, chance = best_constant(image_set.images.test_y, None)
    spec = TaskSpec(
        name=name,
        variant=variant + "-transposed" * transposed,
        target="class",
        seq_len=seq_len,
        input_size=rows * columns // seq_len,
        num_classes=image_set.num_classes,
        chance_accuracy=chance,
        data_source=f"idx-{name}",
        citation="own data",
        class_names=named,
    )
    as_sequences = functools.partial(to_sequences, order=order, seq_len=seq_len)
    make_split = image_splits(image_set.images, as_sequences, n_train=n_train, seed=seed)
    return Task(spec, make_split, content=image_set.images.content, baselines=Baselines(chance=answer))


@functools.lru_cache(maxsize=2)
def _read_once(files: tuple[FileVersion, ...], transposed: bool) -> _ImageSet:
    paths = tuple(file.path for file in files)
    train_x, train_y, test_x, test_y = read_idx_set(paths)
    content = hash_parts(train_x, train_y, test_x, test_y)  # equal for packed files and others
    if transposed:
        train_x, test_x = train_x.transpose(0, 2, 1), test_x.transpose(0, 2, 1)
    y, names = checked_labels(np.concatenate([train_y, test_y]), len(train_y) + len(test_y))
    images = Images(
        f"{paths[0].name}, {len(y)} images",
        content,
        VAL_SHARE,
        train_x.reshape(len(train_x), -1),
        y[: len(train_y)],
        test_x.reshape(len(test_x), -1),
        y[len(train_y) :],
    )
    if len(images.train_and_val_rows[1]) == 0:
        raise ValueError(
            f"{paths[1]} must have 7 images of a class, 1/12 of which is for validation, not fewer"
        )
    rows, columns = train_x.shape[1:]
    return _ImageSet(images, (rows, columns), names, int(y.max()) + 1)
