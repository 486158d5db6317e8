"""Results in the formats of other tools: CSV and Parquet tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import pandas as pd

from harness.results.files import replaced, write_atomically
from harness.results.tables import load_runs, load_table, require_runs, table_names


class MissingPackageError(ImportError):
    """A format needs a package that is not installed; the message names it and the extra that brings it."""

    def __init__(self, what: str, package: str, extra: str) -> None:
        super().__init__(
            f"{what} needs the package {package}: pip install 'seqharness[{extra}]'", name=package
        )


def require_package(what: str, package: str, extra: str) -> None:
    """Does nothing where `package` is installed.

    Raises:
        MissingPackageError: it is not.
    """
    if find_spec(package) is None:
        raise MissingPackageError(what, package, extra)


def tables_of(results_dir: str | Path) -> Iterator[tuple[str, pd.DataFrame]]:
    """Every table of a results folder with its name: first `runs`, then `steps` and those of probes.

    Raises:
        FileNotFoundError: the folder does not exist or holds no finished run.
        NewerSchemaError: a later version of this package wrote one of the rows.
    """
    runs = require_runs(load_runs(results_dir), results_dir)
    yield "runs", runs
    for name in table_names(results_dir):
        yield name, load_table(results_dir, name, runs)


def write_csv(results_dir: str | Path, out: Path) -> list[Path]:
    """Writes each table of `tables_of` to `NAME.csv` in `out`, an existing folder; returns their paths."""
    return _write(results_dir, out, "csv", lambda table, path: write_atomically(path, _csv(table)))


def write_parquet(results_dir: str | Path, out: Path) -> list[Path]:
    """Writes each table of `tables_of` to `NAME.parquet` in `out`, an existing folder; returns their paths.

    Raises:
        MissingPackageError: pyarrow is not installed.
    """
    require_package("export to parquet", "pyarrow", "parquet")
    return _write(results_dir, out, "parquet", _write_parquet)


def _write(
    results_dir: str | Path, out: Path, ending: str, write: Callable[[pd.DataFrame, Path], None]
) -> list[Path]:
    paths = []
    for name, table in tables_of(results_dir):
        paths.append(out / f"{name}.{ending}")
        write(table, paths[-1])
    return paths


def _write_parquet(table: pd.DataFrame, path: Path) -> None:
    with replaced(path) as temporary:
        table.to_parquet(temporary, engine="pyarrow", index=False)


def _csv(table: pd.DataFrame) -> str:
    return table.to_csv(index=False, lineterminator="\n")
