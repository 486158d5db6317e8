"""Own data in arrays: in memory, or in an .npz file."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from harness.tasks.common.arguments import did_you_mean
from harness.tasks.common.array_checks import (
    checked_inputs,
    checked_labels,
    checked_rows,
    checked_values,
    copies_of,
)
from harness.tasks.common.own_options import OwnOptions
from harness.tasks.common.own_task import OwnSamples, own_task
from harness.tasks.common.random_streams import SPLITS
from harness.tasks.common.run_names import run_name
from harness.tasks.files.content import hash_parts
from harness.tasks.files.locations import FileVersion
from harness.tasks.files.own_files import own_file
from harness.tasks.task import Task

REQUIRED, OPTIONAL = ("x", "y"), ("lengths", "train", "val", "test")
"""Keys of an .npz file."""


def load_arrays(
    *,
    path: str | Path | None = None,
    name: str | None = None,
    target: str = "class",
    tolerance: float | None = None,
    tokens: bool | None = None,
    normalize: bool = True,
    split_seed: int = 0,
) -> Task:
    """The class, or the value, of a sequence in an .npz file of your own.

        x (500, 40, 3) float, y (500,) "walk", "run"    ->  40 steps of 3 measurements, run 0, walk 1
        x (500, 40) whole numbers, y (500,) 0, 1, 2     ->  40 token ids, classes 0 to 2

    Keys of the file: `x` and `y`, as in `Task.from_arrays`; optionally `lengths`, and `train`, `val` and
    `test`, the indices of the samples of each split. `numpy.savez("data.npz", x=x, y=y)` writes one; no
    Python object is read from it. Variants: `values`, each feature normalised over the training samples;
    `values-raw`; `tokens`.

    Baseline: always answering the most frequent class of the test samples; a value: the constant that is
    within the tolerance of most of them. The loss without memory is not known.

    Args:
        path: the file; not part of a run's identity, its bytes are.
        name: of the data set in run names and figures; None: the file's, without `.npz`.
        target: `class` or `value`.
        tolerance: for values: a prediction is correct when its error is below this.
        tokens: see `Task.from_arrays`.
        normalize: whether to normalise each feature.
        split_seed: seed of the division where the file holds none.

    Returns:
        x (N, T, D) float32 or (N, T) int64; y (N,) int64 classes or float32 values.

    Raises:
        ValueError: an argument is outside its range, or the file cannot be used.
        FileNotFoundError: there is no such file.

    Source: none, the data is your own.
    """
    options = OwnOptions(
        target=target, tolerance=tolerance, tokens=tokens, normalize=normalize, split_seed=split_seed
    )
    file = own_file(path, "an .npz file", "data.npz")
    task = _load_once(file, run_name(name, file.path.stem), options)
    return dataclasses.replace(task)  # with splits of its own


@functools.lru_cache(maxsize=2)
def _load_once(file: FileVersion, name: str, options: OwnOptions) -> Task:
    raw = file.path.read_bytes()
    arrays = read_npz(raw, file.path)
    content = hashlib.sha256(raw).hexdigest()
    try:
        return task_of_arrays(arrays, options, name=name, kind="arrays", content=content)
    except ValueError as error:
        raise ValueError(f"{file.path}: {error}") from None


def read_npz(raw: bytes, path: Path) -> dict[str, np.ndarray]:
    """The arrays of an .npz file.

    Raises:
        ValueError: it is none, damaged, holds Python objects, or has other keys than `load_arrays` says.
    """
    wrong = None if zipfile.is_zipfile(io.BytesIO(raw)) else "it is no zip archive"
    arrays = {}
    try:
        if wrong is None:
            with np.load(io.BytesIO(raw), allow_pickle=False) as file:
                arrays = {str(key): np.asarray(file[key]) for key in file}
    except Exception as error:  # a damaged file raises BadZipFile, EOFError, zlib.error, MemoryError, …
        wrong = " ".join(str(error).partition(". ")[0].split()) or type(error).__name__
    if wrong is not None:
        raise ValueError(
            f"{path} must be an .npz file without Python objects, as numpy.savez(path, x=x, y=y) writes it, "
            f"words as numpy.array(words, dtype=str): {wrong}"
        )
    found = ", ".join(f"{key} {array.shape} {array.dtype}" for key, array in arrays.items()) or "nothing"
    missing = [key for key in REQUIRED if key not in arrays]
    unknown = [key for key in arrays if key not in (*REQUIRED, *OPTIONAL)]
    if missing or unknown:
        near = did_you_mean(unknown[0], (*REQUIRED, *OPTIONAL)) if unknown else ""
        raise ValueError(
            f"{path} must hold x and y, may hold {', '.join(OPTIONAL)}, and nothing else, not: {found}{near}"
        )
    return arrays


def task_from_arrays(arrays: Mapping[str, Any], options: OwnOptions, name: str) -> Task:
    """A task over arrays in memory; for the rest see `harness.tasks.Task.from_arrays`."""
    return task_of_arrays(arrays, options, name=run_name(name, ""), kind="arrays", content=None)


def task_of_arrays(
    arrays: Mapping[str, Any], options: OwnOptions, *, name: str, kind: str, content: str | None
) -> Task:
    """A task over arrays under the keys of an .npz file; they are copied.

    Args:
        arrays: `x` and `y`, and those of `OPTIONAL` that there are.
        options: checked.
        name, kind: of the data set, see `own_task`.
        content: SHA-256 (hex) of the file that the arrays are from; None: of the arrays.

    Raises:
        ValueError: an array cannot be used.
    """
    x, lengths = checked_inputs(arrays["x"], arrays.get("lengths"), options.tokens)
    names: tuple[str, ...] | None = None
    if options.target == "value":
        y = checked_values(arrays["y"], len(x))
        classes = np.zeros(len(x), dtype=np.int64)
    else:
        y, names = checked_labels(arrays["y"], len(x))
        classes = y
    given = {split: arrays.get(split) for split in SPLITS}
    copies = copies_of(x, lengths, normalize=bool(options.normalize))
    rows = checked_rows(given, classes, copies, options.split_seed)
    samples = OwnSamples(x, lengths, y, names, rows)
    content = content or hash_parts(x, lengths, y, *(names or ()), *rows.values())
    return own_task(samples, options, name=name, kind=kind, content=content)
