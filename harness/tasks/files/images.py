"""Image sets in memory, and the reader of MNIST's four IDX files, which Fashion-MNIST has too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from harness.tasks.common.stratified import stratified_split
from harness.tasks.files.content import hash_checksums
from harness.tasks.files.idx import read_idx
from harness.tasks.files.locations import FileVersion
from harness.tasks.files.what_it_is import what_it_may_be

PublishedIdx = Mapping[str, tuple[tuple[int, ...], str]]
"""From the name of a file to its sizes and the MD5 of its unpacked bytes."""


@dataclass(frozen=True, eq=False)
class Images:
    """Images (N, values) uint8 and labels (N,) uint8 of the published training and test part.

    Attributes:
        source: name and size of the set.
        content: SHA-256 (hex) of the content of the set.
        val_share: share of each class of the training part that is for validation.
        train_x, train_y, test_x, test_y: images and labels.
    """

    source: str
    content: str
    val_share: float
    train_x: np.ndarray
    train_y: np.ndarray
    test_x: np.ndarray
    test_y: np.ndarray

    @cached_property
    def train_and_val_rows(self) -> tuple[np.ndarray, np.ndarray]:
        """Sorted row indices of the training part: those for training, and those for validation."""
        return stratified_split(self.train_y, self.val_share)


def read_idx_images(
    source: str, files: Sequence[FileVersion], published: PublishedIdx, *, val_share: float
) -> Images:
    """Reads and verifies training images, training labels, test images and test labels, in this order.

    Raises:
        ValueError: a file is damaged, or another one; the message says what it may be.
    """
    train_x, train_y, test_x, test_y = (
        _read(file.path, shape, md5, published)
        for file, (shape, md5) in zip(files, published.values(), strict=True)
    )
    return Images(
        source,
        hash_checksums(md5 for _, md5 in published.values()),
        val_share,
        train_x.reshape(len(train_x), -1),
        train_y,
        test_x.reshape(len(test_x), -1),
        test_y,
    )


def _read(path: Path, shape: tuple[int, ...], md5: str, published: PublishedIdx) -> np.ndarray:
    try:
        return read_idx(path, shape=shape, md5=md5)
    except ValueError as error:
        sizes = {name: size for name, (size, _) in published.items()}
        may_be = what_it_may_be(path, sizes, _known_files())
        raise ValueError(f"{error}; {may_be}" if may_be else str(error)) from None


def _known_files() -> dict[str, str]:
    """What the files of the published sets are, by their MD5."""
    from harness.tasks.files import fashion_mnist, mnist

    sets = {"MNIST": mnist.FILES, "Fashion-MNIST": fashion_mnist.FILES}
    return {md5: f"{name} of {title}" for title, files in sets.items() for name, (_, md5) in files.items()}
