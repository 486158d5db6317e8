"""Own data in a table: .csv, .tsv or .arff."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from harness.tasks.arrays import task_of_arrays
from harness.tasks.common.arguments import one_of
from harness.tasks.common.own_options import OwnOptions
from harness.tasks.common.run_names import run_name
from harness.tasks.common.table_layouts import Column, Columns, arrays_of_table
from harness.tasks.files.arff import read_arff
from harness.tasks.files.content import hash_parts
from harness.tasks.files.locations import FileVersion, file_versions
from harness.tasks.files.own_files import own_file
from harness.tasks.files.table import DELIMITERS, Table, read_table
from harness.tasks.task import Task

TRAIN, TEST = "_TRAIN", "_TEST"
"""Ends of the names of the two files of a problem of the UCR archive."""


def load_csv(
    *,
    path: str | Path | None = None,
    name: str | None = None,
    layout: str | None = None,
    label: Column | None = None,
    sequence: Column | None = None,
    step: Column | None = None,
    features: list[Column] | None = None,
    ignore: list[Column] | None = None,
    split: Column | None = None,
    delimiter: str | None = None,
    header: bool | None = None,
    target: str = "class",
    tolerance: float | None = None,
    tokens: bool = False,
    normalize: bool = True,
    split_seed: int = 0,
) -> Task:
    """The class, or the value, of a sequence in a table of your own.

        wide: one sequence a row            long: one step a row, sorted here by step
            label,t0,t1,t2                      sequence,step,ax,ay,label
            walk,0.1,0.4,0.2                    7,0,0.1,9.6,walk
            run,1.5,-2.0,1.1                    7,1,0.4,9.7,walk

    Nothing is guessed: a decimal comma, a thousands separator, an empty cell, `nan`, also as a label, rows of
    unequal numbers of cells, two columns of one name, two rows of one step, a label or a sequence in two
    spellings, a column that counts the rows and another encoding than UTF-8 are errors with file and line.
    A path that ends in `_TRAIN.tsv`, `_TRAIN.arff`, … is the training part of a problem of the UCR archive:
    the file with `_TEST` beside it has the test part, and 1/5 of each class of the training part is for
    validation. Variants: as `load_arrays`.

    Baseline: as `load_arrays`.

    Args:
        path: the file; not part of a run's identity, its bytes are.
        name: of the data set in run names and figures; None: the file's, without suffix and `_TRAIN`.
        layout: `wide` or `long`; None: long where sequence or step is given or both are found.
        label, sequence, step, split: columns, by name or by number from 0; −1 is the last. None: `label`
            is the column called label, class or target, else the first of a file without names and the
            last of an .arff file; `sequence`: sequence, series or id; `step`: step, time or t; `split`:
            split, which holds train, val and test. Without it the division is drawn by `split_seed`.
        features: columns of the features (long), or of the steps (wide); None: all others.
        ignore: columns that are none of them.
        delimiter: comma, semicolon, tab or bar; None: the only one that divides all lines alike.
        header: whether the first line names the columns; None: it does where no cell of it is a number.
        target: `class` or `value`.
        tolerance: for values: a prediction is correct when its error is below this.
        tokens: whether the steps are token ids, not measurements.
        normalize: whether to normalise each feature over the training samples.
        split_seed: seed of the division.

    Returns:
        x (N, T, D) float32 or (N, T) int64; y (N,) int64 classes or float32 values.

    Raises:
        ValueError: an argument is outside its range, or the file cannot be used.
        FileNotFoundError: there is no such file, or only one of two parts.

    Source: none, the data is your own.
    """
    if not isinstance(tokens, bool):
        raise ValueError(f"tokens must be true or false, not {tokens!r}")
    options = OwnOptions(
        target=target, tolerance=tolerance, tokens=tokens, normalize=normalize, split_seed=split_seed
    )
    if delimiter is not None:
        names = {character: one for one, character in DELIMITERS.items()}
        delimiter = one_of("delimiter", names.get(str(delimiter), delimiter), DELIMITERS)
    if header is not None and not isinstance(header, bool):
        raise ValueError(f"header must be null, true or false, not {header!r}")
    columns = Columns(
        layout=layout,
        label=_column("label", label),
        sequence=_column("sequence", sequence),
        step=_column("step", step),
        split=_column("split", split),
        features=_several("features", features),
        ignore=_several("ignore", ignore),
    )
    file = own_file(path, "a .csv, .tsv or .arff file", "series.csv")
    files = (file, *file_versions(_test_part(file.path)))
    name = run_name(name, file.path.stem.removesuffix(TRAIN))
    return dataclasses.replace(_load_once(files, name, delimiter, header, columns, options))


@functools.lru_cache(maxsize=2)
def _load_once(
    files: tuple[FileVersion, ...],
    name: str,
    delimiter: str | None,
    header: bool | None,
    columns: Columns,
    options: OwnOptions,
) -> Task:
    raws = [file.path.read_bytes() for file in files]
    parts, tables = [], []
    for file, raw in zip(files, raws, strict=True):
        arff = file.path.suffix.lower() == ".arff"
        table = (
            read_arff(raw, file.path)
            if arff
            else read_table(raw, file.path, delimiter=delimiter, header=header)
        )
        tables.append(table)
        parts.append(arrays_of_table(table, columns, target=options.target, tokens=bool(options.tokens)))
    arrays = parts[0] if len(parts) == 1 else _joined(tables, parts)
    content = hashlib.sha256(raws[0]).hexdigest() if len(raws) == 1 else hash_parts(*raws)
    try:
        return task_of_arrays(arrays, options, name=name, kind="csv", content=content)
    except ValueError as error:
        raise ValueError(f"{files[0].path}: {error}") from None


def _test_part(path: Path) -> list[Path]:
    """The file of the test part, where `path` is that of a training part."""
    if not path.stem.endswith(TRAIN):
        return []
    test = path.with_name(path.stem.removesuffix(TRAIN) + TEST + path.suffix)
    if not test.is_file():
        raise FileNotFoundError(
            f"path must be one of a pair when it ends in {TRAIN}: there is no file {test.absolute()}; rename "
            f"{path.name} to have it divided into all splits"
        )
    return [test]


def _joined(tables: list[Table], parts: list[dict[str, Any]]) -> dict[str, Any]:
    """The training part followed by the test part, as one set with these two splits."""
    train, test = tables
    if len(train.columns) != len(test.columns):
        raise ValueError(
            f"{test.path} must have the columns of {train.path.name}, {len(train.columns)}, not "
            f"{len(test.columns)}"
        )
    named, others = ([table.names[c] if table.names else "" for c in table.columns] for table in tables)
    if named != others:
        first = next(c for c in train.columns if named[c] != others[c])
        raise ValueError(
            f"{test.path} must have the columns of {train.path.name}, number {first} {named[first]!r}, not "
            f"{others[first]!r}"
        )
    for table, part in zip(tables, parts, strict=True):
        if part.keys() != {"x", "y"}:
            raise ValueError(f"{table.path} must have no column of splits, since its name says its split")
    sizes = [len(part["y"]) for part in parts]
    x = [part["x"] for part in parts]
    joined = np.concatenate(x) if isinstance(x[0], np.ndarray) else [*x[0], *x[1]]
    rows = {"train": range(sizes[0]), "test": range(sizes[0], sum(sizes))}
    return {"x": joined, "y": [*parts[0]["y"], *parts[1]["y"]], **rows}


def _column(key: str, column: Any) -> Any:
    if column is not None and (isinstance(column, bool) or not isinstance(column, str | int)):
        raise ValueError(f"{key} must be a column, by name or by number, or null, not {column!r}")
    return column


def _several(key: str, columns: Any) -> tuple[Any, ...] | None:
    if columns is not None and not isinstance(columns, list | tuple):
        raise ValueError(f"{key} must be a list of columns such as [ax,ay], or null, not {columns!r}")
    return None if columns is None else tuple(_column(key, column) for column in columns)
