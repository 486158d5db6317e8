"""`published.csv`: results of papers and tutorials, each with its setting and its source."""

from __future__ import annotations

import csv
import dataclasses
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.results.schema import COLUMNS, column, columns_of
from harness.results.store import DamagedTableError

PUBLISHED_FILE = "published.csv"

METRICS = ("test_accuracy", "test_loss", "solved_step")
"""The columns of a run that published results are compared with."""

RELATIONS = ("=", "<", ">=")


@dataclass(frozen=True, kw_only=True)
class PublishedResult:
    """One published number. `None`: the source does not state it."""

    task: str = column("name of the task")
    variant: str = column("which definition of the task; `permuted-*`: any that begins so")
    seq_len: int = column("steps in a sequence, as this package counts them")
    data_source: str = column("where the samples come from, as in `runs.csv`")
    metric: str = column(f"the column of `runs.csv` that it is compared with: {', '.join(METRICS)}")
    relation: str = column("`=`: the number; `<`, `>=`: the source says only that the metric lies there")
    value: float = column("the number, in the unit of that column")
    cell: str = column("name of the cell, as in `runs.csv` where this package has it")
    init: str | None = column("initialisation of the cell, as in `runs.csv`")
    hidden_size: int | None = column("units in each layer")
    num_layers: int | None = column("stacked layers")
    n_params: int | None = column("trained parameters, as the source rounds them")
    readout: str | None = column("what the head reads, as in `runs.csv`")
    epochs: float | None = column("passes over the training samples")
    steps: int | None = column("training steps")
    batch_size: int | None = column("sequences in a training step")
    optimizer: str | None = column("update rule, as in `runs.csv`")
    lr: float | None = column("learning rate")
    clip: float | None = column("the gradient norm above which the gradient is scaled down")
    seeds: int | None = column("number of seeds behind the number")
    remarks: str | None = column("what else the number depends on")
    source: str = column("where it is published")


def published_path() -> Path:
    """The file inside the package, as in a wheel, or `results/published.csv` of the checkout."""
    here = Path(__file__).resolve()
    inside = here.with_name(PUBLISHED_FILE)
    return inside if inside.is_file() else here.parents[2] / "results" / PUBLISHED_FILE


def load_published(path: str | Path | None = None) -> tuple[PublishedResult, ...]:
    """Reads published results, in the order of the file.

    Args:
        path: a file with the columns of `PublishedResult`; None: the one of this package.

    Raises:
        FileNotFoundError: there is no such file.
        DamagedTableError: it has other columns, or a value that its column cannot hold; the message names
            the line.
    """
    file = Path(path) if path is not None else published_path()
    rows = csv.reader(io.StringIO(file.read_text(encoding="utf-8"), newline=""))
    head, names = next(rows, []), list(columns_of(PublishedResult))
    if head != names:
        raise DamagedTableError(f"{file}: the columns must be {','.join(names)}, not {','.join(head)}")
    results = []
    for number, row in enumerate(rows, start=2):
        try:
            if len(row) != len(names):
                raise ValueError(f"{len(row)} values, the header names {len(names)}")
            results.append(_result(dict(zip(names, row, strict=True))))
        except ValueError as error:
            raise DamagedTableError(f"{file}, line {number}: {error}") from None
    return tuple(results)


def _result(texts: dict[str, str]) -> PublishedResult:
    kinds = {field.name: str(field.type) for field in dataclasses.fields(PublishedResult)}
    result = PublishedResult(**{name: _value(name, text, kinds[name]) for name, text in texts.items()})
    if result.metric not in METRICS or result.metric not in COLUMNS:
        raise ValueError(f"metric must be one of {', '.join(METRICS)}, not {result.metric!r}")
    if result.relation not in RELATIONS:
        raise ValueError(f"relation must be one of {' '.join(RELATIONS)}, not {result.relation!r}")
    if result.metric == "test_accuracy" and not 0 <= result.value <= 1:
        raise ValueError(f"an accuracy lies in 0 to 1, not {result.value:g}")
    return result


def _value(name: str, text: str, kind: str) -> Any:
    if not text:
        if not kind.endswith("None"):
            raise ValueError(f"{name} is missing")
        return None
    numbers = {"int": int, "float": float}
    convert = numbers.get(kind.split(" ")[0], str)
    try:
        return convert(text)
    except ValueError:
        raise ValueError(f"{name} must be a number, not {text!r}") from None
