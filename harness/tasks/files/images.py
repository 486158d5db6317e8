"""Image sets in memory, and the reader of MNIST's four IDX files, which Fashion-MNIST has too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from harness.tasks.common.stratified import stratified_split
from harness.tasks.files.content import hash_checksums
from harness.tasks.files.idx import read_idx
from harness.tasks.files.locations import FileVersion

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
        ValueError: a file is damaged.
    """
    train_x, train_y, test_x, test_y = (
        read_idx(file.path, shape=shape, md5=md5)
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
