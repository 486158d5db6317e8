"""Invented problems in the archives' format, which aeon reads, and helpers to compare the result."""

import contextlib
import importlib
import tempfile
import types
from pathlib import Path
from unittest import mock

import numpy as np
import pytest


def series(*lengths, channels=2, start=0.0):
    """Whole numbers that count up over all steps: no two steps of a part are equal."""
    ends = np.cumsum([channels * length for length in lengths])
    return [
        start + np.arange(end - channels * length, end, dtype=float).reshape(channels, length)
        for end, length in zip(ends, lengths, strict=True)
    ]


TOY_LENGTHS = [3, 5, 4, 2, 6, 3, 4, 5, 2, 3]
TOY = {
    "Toy_TRAIN": (series(*TOY_LENGTHS), ["10", "9"] * 5),
    "Toy_TEST": (series(7, 1, 2, start=1000.0), ["9", "9", "10"]),
}


def ts_text(name, x, y):
    """A .ts file: its header, then a line for each series, channels between colons, the label last."""
    yes = {True: "true", False: "false"}
    labelled = isinstance(y[0], str)
    target = f"@classLabel true {' '.join(sorted(set(y)))}" if labelled else "@targetlabel true"
    head = [
        f"@problemName {name}",
        "@timestamps false",
        f"@missing {yes[any(np.isnan(one).any() for one in x)]}",
        f"@univariate {yes[len(x[0]) == 1]}",
        f"@equalLength {yes[len({one.shape for one in x}) == 1]}",
        target,
        "@data",
    ]
    rows = [":".join([*map(_channel, one), str(label)]) for one, label in zip(x, y, strict=True)]
    return "\n".join([*head, *rows]) + "\n"


def _channel(values):
    return ",".join("?" if np.isnan(value) else repr(float(value)) for value in values)


def write(folder, name, problems=TOY, parts=("TRAIN", "TEST"), under=None):
    """Writes the parts of a problem below a folder, in NAME/ or in `under`/."""
    (folder / (under or name)).mkdir(parents=True, exist_ok=True)
    for part in parts:
        x, y = problems[f"{name}_{part}"]
        (folder / (under or name) / f"{name}_{part}.ts").write_text(ts_text(name, x, y))


@contextlib.contextmanager
def bundled(problems, download=None):
    """Replaces the problems that aeon bundles for the duration of a test.

    Args:
        problems: from NAME_PART to (series as (channels, T), labels as text or numbers).
        download: replaces aeon's download function, `load_classification(name, extract_path)`.
    """
    aeon = pytest.importorskip("aeon.datasets", reason="the extra `dev` is installed in part")
    with tempfile.TemporaryDirectory() as folder:
        for name in {key.rpartition("_")[0] for key in problems}:
            write(Path(folder) / "data", name, problems)
        module = types.SimpleNamespace(
            __file__=f"{folder}/__init__.py",
            load_from_ts_file=aeon.load_from_ts_file,
            load_classification=download,
        )
        real = importlib.import_module
        with mock.patch(
            "harness.tasks.files.timeseries.importlib.import_module",
            lambda name: module if name == "aeon.datasets" else real(name),
        ):
            yield types.SimpleNamespace(folder=Path(folder) / "data", module=module)


def rows(split):
    """The valid steps of each series, as lists."""
    return [x[:length] for x, length in zip(split.x.tolist(), split.lengths.tolist(), strict=True)]


def as_lists(parts):
    return [one.T.tolist() for one in parts]
