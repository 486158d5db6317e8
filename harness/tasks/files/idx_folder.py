"""Any image set in MNIST's format, in a folder: EMNIST, KMNIST, QMNIST, Fashion-MNIST and others."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from harness.tasks.common.arguments import did_you_mean
from harness.tasks.files.idx import BYTES, BYTES_OR_INTEGERS, read_idx

NAME = re.compile(
    r"(?P<prefix>.*?)[-.]?(?P<part>train|t10k|test)[-.](?P<what>images|labels)[-.]idx[0-9][-.](ubyte|int)(\.gz)?"
)
"""Of a file: `train-images-idx3-ubyte.gz`, `qmnist-test-labels-idx2-int`, `t10k-labels.idx1-ubyte`."""

ROLES = (("train", "images"), ("train", "labels"), ("test", "images"), ("test", "labels"))


def find_idx_set(folder: Path, prefix: object) -> tuple[str, tuple[Path, ...]]:
    """The set of a folder, or of `raw/` in it: what its files' names begin with, and the paths of `ROLES`.

    Raises:
        ValueError: `prefix` names no set, or is None and there are several.
        FileNotFoundError: the folder holds no set, or only a part of it.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"path must name a folder of IDX files: there is no folder {folder}")
    sets = _sets(folder) or _sets(folder / "raw")
    if not sets:
        raise FileNotFoundError(
            f"path must name a folder of IDX files, such as train-images-idx3-ubyte.gz: {folder} holds none"
        )
    names = sorted(sets)
    if prefix is None and len(sets) > 1:
        raise ValueError(f"prefix must be one of {', '.join(map(repr, names))}, sets in {folder}, not null")
    chosen = names[0] if prefix is None else str(prefix).rstrip("-.")
    if prefix is not None and names == [""]:
        raise ValueError(f"prefix must be null, since the names in {folder} have none, not {prefix!r}")
    if chosen not in sets or (prefix is not None and not isinstance(prefix, str)):
        near = did_you_mean(chosen, names)
        raise ValueError(f"prefix must be one of {', '.join(map(repr, names))}, not {prefix!r}{near}")
    missing = [f"{part} {what}" for part, what in ROLES if (part, what) not in sets[chosen]]
    if missing:
        found = ", ".join(sorted(path.name for path in sets[chosen].values()))
        raise FileNotFoundError(f"{folder} holds only a part of a set, {found}: {', '.join(missing)} missing")
    return chosen, tuple(sets[chosen][role] for role in ROLES)


def _sets(folder: Path) -> dict[str, dict[tuple[str, str], Path]]:
    """By prefix: the paths by what they hold; of a file that is there twice, the one that is not packed."""
    sets: dict[str, dict[tuple[str, str], Path]] = {}
    for path in sorted(folder.iterdir(), reverse=True) if folder.is_dir() else ():
        match = NAME.fullmatch(path.name)
        if match and path.is_file():
            part = "train" if match["part"] == "train" else "test"
            sets.setdefault(match["prefix"], {})[part, match["what"]] = path
    return sets


def class_names(images: Path, labels: tuple[str, ...]) -> tuple[str, ...]:
    """Names of labels from `PREFIX-mapping.txt` beside the images, as EMNIST has it; else the labels.

    A line of it is a label and the code points of its letters: `1 65 97` stands for A and a.

    Raises:
        ValueError: the file has another form, or lacks a label.
    """
    match = NAME.fullmatch(images.name)
    path = images.with_name(f"{match['prefix']}-mapping.txt" if match else "")
    if not path.is_file():
        return labels
    names: dict[str, str] = {}
    for number, line in enumerate(path.read_bytes().decode("ascii", "replace").splitlines(), start=1):
        label, *codes = line.split() or [""]
        if not codes or not all(re.fullmatch("[0-9]{1,6}", word) for word in (label, *codes)):
            raise ValueError(
                f"{path}:{number}: a line must be a label and code points, such as 1 65 97, not {line[:40]!r}"
            )
        names[label] = "/".join(dict.fromkeys(chr(int(code)) for code in codes))
    lacking = [label for label in labels if label not in names]
    if lacking:
        raise ValueError(f"{path} must name every label of the images, not lack {lacking[0]}")
    return tuple(names[label] for label in labels)


def read_idx_set(paths: tuple[Path, ...]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Training images (N, rows, columns) uint8, training labels (N,) int64, and the same of the test part.

    Raises:
        ValueError: a file is damaged, or the files do not fit each other.
    """
    train_x, test_x = (_images(paths[i]) for i in (0, 2))
    train_y, test_y = (_labels(paths[i]) for i in (1, 3))
    if train_x.shape[1:] != test_x.shape[1:]:
        raise ValueError(
            f"{paths[2]} must hold images of {train_x.shape[1:]} as {paths[0].name}, not {test_x.shape[1:]}"
        )
    for x, y, path in ((train_x, train_y, paths[1]), (test_x, test_y, paths[3])):
        if len(x) != len(y) or len(x) == 0:
            raise ValueError(f"{path} must hold labels of {len(x)} images, at least 1, not {len(y)}")
    return train_x, train_y, test_x, test_y


def _images(path: Path) -> np.ndarray:
    images = read_idx(path, kinds=BYTES)
    if images.ndim != 3 or 0 in images.shape[1:]:
        raise ValueError(f"{path} must hold grey images, (number, rows, columns), not {images.shape}")
    return images


def _labels(path: Path) -> np.ndarray:
    """(N,) int64; of several columns, as in QMNIST, the first is the class."""
    labels = read_idx(path, kinds=BYTES_OR_INTEGERS)
    if labels.ndim > 2 or (labels.ndim == 2 and labels.shape[1] == 0):
        raise ValueError(f"{path} must hold labels, (number,) or (number, columns), not {labels.shape}")
    return (labels if labels.ndim == 1 else labels[:, 0]).astype(np.int64)
