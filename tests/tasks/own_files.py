"""Small files of a user's own data, written for tests."""

import gzip
import struct

import numpy as np

FILES = {"arrays": "arrays.npz", "csv": "csv.csv", "idx": "idx"}
"""The file of each task that reads one, below the folder of `write_own_files`."""

LONG = "steps.csv"
"""A table with a step in each row."""


def write_own_files(folder, shift=0):
    """Writes every file of `FILES`: 30 samples of 6 steps, two classes of 15.

    `shift` is added to each number.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rows = [[label, *x[:, 0] + shift] for label, x in zip(labels(), features(), strict=True)]
    names = ["label", *(f"t{step}" for step in range(6))]
    (folder / FILES["csv"]).write_text("".join(",".join(map(str, row)) + "\n" for row in [names, *rows]))
    steps = [
        f"{i},{t},{ax + shift},{ay},{label}"
        for i, (label, x) in enumerate(zip(labels(), features(), strict=True))
        for t, (ax, ay) in enumerate(x)
    ]
    (folder / LONG).write_text("\n".join(["sequence,step,ax,ay,label", *steps]))
    write_idx(folder / FILES["idx"], *images(shift))
    np.savez(folder / FILES["arrays"], x=features() + shift, y=labels())


def features():
    """(30, 6, 2) float64, multiples of 1/64, no sequence twice."""
    return np.random.RandomState(3).randint(-400, 400, (30, 6, 2)) / 64


def labels():
    return ["left", "right"] * 15


def own_path(task, folder):
    """`task.path=…` for the task of a yaml that needs one, written below `folder`; else nothing."""
    if task not in FILES:
        return []
    write_own_files(folder)
    return [f"task.path={folder / FILES[task]}"]


def images(shift=0):
    """Training images (80, 6, 4) and labels from 1 to 4, and test images (20, 6, 4) and labels."""
    rng = np.random.RandomState(4 + shift)
    x = rng.randint(0, 256, (100, 6, 4), dtype=np.uint8)
    y = np.tile(np.arange(1, 5, dtype=np.uint8), 25)
    return x[:80], y[:80], x[80:], y[80:]


IDX_NAMES = [f"{part}-{what}-ubyte" for part in ("train", "t10k") for what in ("images-idx3", "labels-idx1")]


def write_idx(folder, *arrays, names=IDX_NAMES):
    """Writes arrays of bytes or 32-bit integers, packed where a name ends in `.gz`; returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in zip(names, arrays, strict=True):
        code = 8 if array.dtype == np.uint8 else 12
        raw = struct.pack(f">4B{array.ndim}I", 0, 0, code, array.ndim, *array.shape)
        raw += array.astype(">i4").tobytes() if code == 12 else array.tobytes()
        (folder / name).write_bytes(gzip.compress(raw) if name.endswith(".gz") else raw)
    return folder
