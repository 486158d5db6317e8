"""Checks of arrays of the user: inputs, lengths, labels and the division into splits."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from harness.tasks.common.labels import WORDS_FOR_MISSING, class_of_label, names_of_classes
from harness.tasks.common.random_streams import SPLITS
from harness.tasks.common.series import channel_statistics
from harness.tasks.common.stratified import split_copies_by_class, stratified_split_of_copies

LARGEST = float(np.finfo(np.float32).max)
MOST_SYMBOLS = 2**20
VAL_SHARE = 1 / 5
"""Of each class of the training samples, where training and test samples are given and no validation ones."""


def checked_inputs(x: Any, lengths: Any, tokens: bool | None) -> tuple[np.ndarray, np.ndarray]:
    """A copy of x, (N, T, D) numbers or (N, T) token ids with zeros after each end, and lengths (N,) int64.

    For the arguments see `task_from_arrays`; T is the length of the longest sequence.

    Raises:
        ValueError: the sample is named, and the rule.
    """
    if isinstance(x, np.ndarray) and x.dtype == object and x.ndim == 1:
        x = list(x)  # sequences of unequal lengths
    if isinstance(x, Sequence) and not isinstance(x, str):
        x, lengths = _stacked([_as_array(f"x[{i}]", one) for i, one in enumerate(x)], lengths)
    else:
        x = np.array(_as_array("x", x))
    if x.ndim not in (2, 3) or 0 in x.shape:
        raise ValueError(
            f"x must be (samples, steps) or (samples, steps, features), at least 1 each, not {x.shape}"
        )
    lengths = _checked_lengths(lengths, *x.shape[:2])
    as_tokens = x.dtype.kind in "iu" and x.ndim == 2 if tokens is None else tokens
    if as_tokens and (x.dtype.kind not in "iu" or x.ndim != 2):
        raise ValueError(
            f"x must be (samples, steps) of a whole-number type with tokens=True, not {x.shape} {x.dtype}"
        )
    x = x[:, : lengths.max()]
    valid = np.arange(x.shape[1]) < lengths[:, None]
    x[~valid] = 0
    if as_tokens:
        _check_range(x, (x < 0) | (x >= MOST_SYMBOLS), f"token ids from 0 to {MOST_SYMBOLS - 1}, or "
                     "measurements with tokens=False")  # fmt: skip
        return x, lengths
    _check_finite(x, "x")
    return x if x.ndim == 3 else x[:, :, None], lengths


def checked_labels(y: Any, n: int) -> tuple[np.ndarray, tuple[str, ...] | None]:
    """Class numbers (n,) int64 of labels that are words or whole numbers, and the names of the classes.

    They are numbered in the order of `class_of_label`. The names are None where the labels are 0 … K − 1.

    Raises:
        ValueError: the labels are of another kind, or another number of them.
    """
    _check_none_missing(y)
    mixed = isinstance(y, Sequence) and any(isinstance(one, str) for one in y)
    if mixed and not all(isinstance(one, str) for one in y):
        raise ValueError("y must be words or whole numbers, not a mixture of both")
    y = _as_array("y", y, words=True)
    if y.shape != (n,):
        raise ValueError(f"y must have shape ({n},), a label for each of {n} samples, not {y.shape}")
    if y.dtype.kind not in "iubU":
        raise ValueError(
            f"y must be words or whole numbers, not {y.dtype}; convert it, or use target='value' to predict "
            "numbers"
        )
    names, numbers = np.unique(y, return_inverse=True)
    classes = class_of_label([str(name) for name in names])
    of_name = np.array([classes[str(name)] for name in names], dtype=np.int64)
    class_names = names_of_classes(classes)
    plain = class_names == tuple(map(str, range(len(class_names))))
    return of_name[numbers.reshape(-1)], None if plain else class_names


def _check_none_missing(y: Any) -> None:
    """Refuses labels such as None, NaN and the words for a missing one; whole numbers are not looked at."""
    if isinstance(y, np.ndarray) and y.dtype.kind in "iub":
        return
    labels = y.tolist() if hasattr(y, "tolist") else y
    for number, label in enumerate(labels if isinstance(labels, Sequence) else ()):
        if str(label).strip().lower() in (*WORDS_FOR_MISSING, "<na>", "nat"):
            raise ValueError(
                f"y must name a class for each sample, not {label!r}, which stands for a missing one (sample "
                f"{number}); leave the sample out, or rename the class"
            )


def checked_values(y: Any, n: int) -> np.ndarray:
    """A copy of the values y, (n,) float64.

    Raises:
        ValueError: they are no finite numbers, or another number of them.
    """
    y = np.array(_as_array("y", y))
    if y.shape != (n,):
        raise ValueError(f"y must have shape ({n},), a value for each of {n} samples, not {y.shape}")
    _check_finite(y, "y")
    return y.astype(np.float64)


def checked_rows(
    given: Mapping[str, Any], classes: np.ndarray, copies: np.ndarray, split_seed: int
) -> dict[str, np.ndarray]:
    """Sorted indices of the samples of each split; no sample is in two.

    Args:
        given: indices or a mask of each split, or None; all None: drawn by `split_seed`.
        classes, copies, split_seed: see `split_copies_by_class`.

    Raises:
        ValueError: a split is empty or given in part, or an index is out of range or in two splits.
    """
    rows = {
        split: _indices(split, given[split], len(classes)) for split in SPLITS if given[split] is not None
    }
    if not rows:
        rows = split_copies_by_class(classes, copies, seed=split_seed)
    elif rows.keys() == {"train", "test"}:
        rest, val = stratified_split_of_copies(classes[rows["train"]], copies[rows["train"]], VAL_SHARE)
        rows |= {"train": rows["train"][rest], "val": rows["train"][val]}
    elif rows.keys() != set(SPLITS):
        raise ValueError(
            f"train, val and test must be given, or train and test, or none, not {', '.join(rows)} alone"
        )
    owners: dict[int, str] = {}
    for split in SPLITS:
        if len(rows[split]) == 0:
            raise ValueError(
                f"{split} must have at least one sample, not 0 of {len(classes)}; 3 samples of one class "
                "that differ in float32 are enough, or give train, val and test"
            )
        for index in rows[split].tolist():
            if owners.setdefault(index, split) != split:
                raise ValueError(f"{split} must not share sample {index} with {owners[index]}, not both")
    return {split: rows[split] for split in SPLITS}


def copies_of(x: np.ndarray, lengths: np.ndarray, *, normalize: bool) -> np.ndarray:
    """(N,) a digest of each sequence, equal for sequences that a cell reads as equal, in float32.

    Args:
        x, lengths: of `checked_inputs`.
        normalize: whether a cell reads measurements normalised; here over all samples, since which are for
            training is not known yet.
    """
    if x.ndim == 2:
        return _digests(x, lengths)
    copies = _digests(x.astype(np.float32), lengths)
    if normalize and len(set(copies)) < len(
        copies
    ):  # a large offset, which normalisation removes, does it too
        ends = zip(x, lengths.tolist(), strict=True)
        mean, deviation = channel_statistics([one[:end].astype(np.float64) for one, end in ends])
        copies = _digests(((x - mean) / deviation).astype(np.float32), lengths)
    return copies


def _digests(x: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    plain = x + x.dtype.type(0)  # 0 in place of -0
    parts = zip(plain, lengths.tolist(), strict=True)
    return np.array([hashlib.blake2b(one[:end].tobytes(), digest_size=16).hexdigest() for one, end in parts])


def _indices(split: str, given: Any, n: int) -> np.ndarray:
    rows = _as_array(split, given)
    if rows.dtype == bool and rows.shape == (n,):
        return np.flatnonzero(rows)
    if rows.ndim != 1 or (rows.dtype.kind not in "iu" and len(rows)):
        raise ValueError(
            f"{split} must be indices of samples or a mask ({n},), not {rows.dtype} {rows.shape}"
        )
    wrong = rows[(rows < 0) | (rows >= n)]
    if len(wrong):
        raise ValueError(f"{split} must be indices from 0 to {n - 1}, not {wrong[0]}")
    different, counts = np.unique(rows.astype(np.int64), return_counts=True)
    if len(different) < len(rows):
        raise ValueError(
            f"{split} must name a sample once, not {different[counts.argmax()]} {counts.max()} times"
        )
    return different


def _as_array(name: str, value: Any, *, words: bool = False) -> np.ndarray:
    """A view of numbers (with `words` of texts too) as an array."""
    if isinstance(value, np.ma.MaskedArray) and np.ma.is_masked(value):
        place = tuple(int(axis[0]) for axis in np.nonzero(np.ma.getmaskarray(value)))
        raise ValueError(
            f"{name} must have no masked values, not one at {place}: fill them, for instance with "
            ".filled(0), and give lengths where they follow the end of a sequence"
        )
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu()
        value = value.float() if value.dtype == torch.bfloat16 else value
    try:
        array = np.asarray(value)
    except (ValueError, TypeError, RuntimeError) as error:
        raise ValueError(f"{name} must be an array ({error})") from None
    if words and array.dtype.kind in "OT" and all(isinstance(one, str) for one in array.flat):
        array = np.array(array.tolist(), dtype=str)
    if array.dtype.kind not in ("biufU" if words else "biuf") and array.size:
        way_out = "; decode them with numpy.char.decode" if words and array.dtype.kind == "S" else ""
        raise ValueError(f"{name} must hold numbers{' or words' * words}, not {array.dtype}{way_out}")
    return array


def _stacked(parts: list[np.ndarray], lengths: Any) -> tuple[np.ndarray, Any]:
    """Sequences (T_i,) or (T_i, D) as one array padded with zeros, and their lengths."""
    shapes = [part.shape for part in parts]
    for number, shape in enumerate(shapes):
        if len(shape) not in (1, 2) or 0 in shape or shape[1:] != shapes[0][1:]:
            raise ValueError(
                "x must be sequences of shape (steps,) or (steps, features), at least 1 each, with as many "
                f"features as the first, not {shape} after {shapes[0]} (sample {number})"
            )
    own = np.array([len(part) for part in parts], dtype=np.int64)
    if not parts:
        return np.empty((0, 0)), own
    if lengths is not None and len(set(own.tolist())) > 1:
        raise ValueError("lengths must be left out where x is a list of sequences of unequal lengths")
    x = np.zeros((len(parts), own.max(), *shapes[0][1:]), dtype=np.result_type(*parts))
    for row, part in zip(x, parts, strict=True):
        row[: len(part)] = part
    return x, own if lengths is None else lengths


def _checked_lengths(lengths: Any, n: int, steps: int) -> np.ndarray:
    if lengths is None:
        return np.full(n, steps, dtype=np.int64)
    lengths = _as_array("lengths", lengths)
    if lengths.shape != (n,) or lengths.dtype.kind not in "iu":
        raise ValueError(
            f"lengths must be {n} whole numbers, one for each sample, not {lengths.dtype} {lengths.shape}"
        )
    wrong = np.flatnonzero((lengths < 1) | (lengths > steps))
    if len(wrong):
        raise ValueError(
            f"lengths must be from 1 to {steps}, the steps of x, not {lengths[wrong[0]]} (sample {wrong[0]})"
        )
    return lengths.astype(np.int64)


def _check_finite(values: np.ndarray, name: str) -> None:
    """Refuses numbers that float32 cannot hold."""
    if values.dtype.kind == "f":
        small = values.dtype.itemsize < np.float32().itemsize  # cannot hold `LARGEST`
        wrong = ~np.isfinite(values) if small else ~(np.abs(values) <= LARGEST)
        _check_range(values, wrong, "finite and at most 3.4e38 in size, float32's range", name)


def _check_range(values: np.ndarray, wrong: np.ndarray, rule: str, name: str = "x") -> None:
    """Refuses values where `wrong` is true: the first is named by sample, step and feature."""
    if wrong.any():
        place = tuple(int(axis[0]) for axis in np.nonzero(wrong))
        where = ", ".join(
            f"{word} {number}" for word, number in zip(("sample", "step", "feature"), place, strict=False)
        )
        raise ValueError(f"{name} must be {rule}, not {values[place]} ({where})")
