"""The table of the timing pass: one row per configuration and phase, and the meaning of its columns."""

from __future__ import annotations

import dataclasses
import json
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from harness.results.schema import column, columns_of
from harness.results.store import write_atomically

NOISY = 0.1
"""A measurement is noisy when its interquartile range exceeds this share of its median."""

TIMING_FILES = {False: "timing.csv", True: "timing-like_for_like.csv"}
"""File names in a results folder, by `like_for_like`: times of the two kinds never share a table."""


@dataclass(frozen=True, kw_only=True)
class TimingRow:
    """One phase of one configuration. `None` means: not measured, or not defined for this cell."""

    setting: str = column("hash of the resolved config without its seed, as in `runs.csv`")
    task: str = column("name of the task")
    variant: str = column("which definition of the task")
    data_source: str = column("where the samples come from")
    cell: str = column("name of the cell")
    hidden_size: int = column("units in each layer and direction, H")
    match_params: int | None = column(
        "trained parameters that `hidden_size` was chosen for; empty: `hidden_size` was given", None
    )
    num_layers: int = column("stacked layers")
    dropout: float = column("dropout between stacked layers")
    init: str = column("initialisation of the cell")
    readout: str = column("what the head reads: `last`, `mean`, `max` or `all`", "last")
    seq_len: int = column("steps in a sequence, T")
    input_size: int = column("features of a step as the cell sees it, D")
    batch_size: int = column("sequences in a training step, B")
    seed: int = column("seed of the samples and of the initial weights")
    lr: float = column("learning rate")
    schedule: str = column("that of a training; all steps of the pass use `lr` itself")
    optimizer: str = column("update rule, as `train.optimizer`")
    clip: float | None = column("the gradient norm above which the gradient is scaled down; empty: never")
    n_params: int = column("trained parameters, head included")
    phase: str = column(
        "`forward` up to the loss, `backward` of the loss, or the whole `step` (with clipping and optimiser)"
    )
    median_ms: float = column("milliseconds, median over rounds")
    iqr_ms: float = column("interquartile range over rounds, `q75_ms` − `q25_ms`")
    q25_ms: float = column("first quartile")
    q75_ms: float = column("third quartile")
    noisy: bool = column("whether the interquartile range exceeds 10 % of the median")
    samples_per_s: float = column("sequences a second, at the median")
    gflop: float | None = column(
        "10⁹ operations of the cell's matrix products in this phase; empty unless the cell is a stock cell"
    )
    gflop_per_s: float | None = column("`gflop` a second, at the median")
    sgemm_gflop_per_s: float | None = column(
        "rate of the matrix product (B × H) · (H × gates·H) alone, median over the same rounds"
    )
    sgemm_noisy: bool | None = column("`noisy`, of that product")
    share: float | None = column(
        "rate of the phase ÷ rate of that product, round by round; median. Above 1: the cell computes "
        "its products faster than calls of `torch.mm`"
    )
    share_q25: float | None = column("first quartile of `share` over rounds")
    share_q75: float | None = column("third quartile of `share` over rounds")
    peak_rss_mb: float | None = column(
        "peak resident memory, MiB, of a separate process that trains only this configuration for a few "
        "steps, with Python, torch and the samples"
    )
    kernel: str = column("`fused`, `torch`, or `torch (no oneDNN)` in a like-for-like pass")
    tf32: bool = column("whether TF32 was allowed in matrix products and cuDNN, which CUDA alone has")
    keeps_memory: bool = column("whether freed memory stayed in the process")
    flush_denormal: bool = column("whether denormal numbers were flushed to zero")
    device: str = column("`cpu`, `cuda`, …")
    threads: int = column("torch threads inside one operation")
    rounds: int = column("rounds of the pass, each of which visits every configuration once")
    repetitions: int = column("training steps of a visit, whose mean is one measurement")
    warmup: int = column("steps before the first round")
    load_start: float | None = column(
        "1-minute load average of the machine before the first round; empty where the system has none"
    )
    load_end: float | None = column("the same after the last round; the pass itself adds about 1")
    torch: str = column("torch version")
    numba: str = column("Numba version; empty where it is not installed")
    python: str = column("Python version")
    harness: str = column("version of this package")
    git_commit: str | None = column("commit of this package's source, `-dirty` with changes on top")
    cpu: str = column("processor")
    started_at: str = column("start of the pass, UTC, ISO 8601")
    config: dict[str, Any] = column("the resolved config, as JSON")  # noqa: RUF009


TIMING_ABOUT: dict[str, str] = columns_of(TimingRow)
"""The meaning of each column; the documentation of the table is made from it."""


def quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    """First quartile, median and third quartile, by linear interpolation.

    >>> quartiles([1.0, 2.0, 3.0, 4.0, 9.0])
    (2.0, 3.0, 4.0)
    """
    q25, median, q75 = statistics.quantiles(values, n=4, method="inclusive")
    return q25, median, q75


def is_noisy(values: Sequence[float]) -> bool:
    """Whether the interquartile range exceeds `NOISY` of the median.

    >>> is_noisy([1.0, 1.01, 1.02]), is_noisy([1.0, 1.2, 1.4])
    (False, True)
    """
    q25, median, q75 = quartiles(values)
    return q75 - q25 > NOISY * median


def measured_columns(
    seconds: Sequence[float],
    samples: int,
    flops: int | None = None,
    product_seconds: Sequence[float] | None = None,
    product_flops: int = 0,
) -> dict[str, Any]:
    """The columns of a row that are computed from its rounds.

    Args:
        seconds: of the phase, one number per round.
        samples: sequences in a batch.
        flops: operations of the phase; None if unknown.
        product_seconds: of the matrix product in the same rounds; None if not measured.
        product_flops: operations of the matrix product.
    """
    q25, median, q75 = quartiles(seconds)
    columns: dict[str, Any] = {
        "median_ms": 1e3 * median,
        "iqr_ms": 1e3 * (q75 - q25),
        "q25_ms": 1e3 * q25,
        "q75_ms": 1e3 * q75,
        "noisy": is_noisy(seconds),
        "samples_per_s": samples / median,
        "gflop": None if flops is None else flops / 1e9,
        "gflop_per_s": None if flops is None else flops / 1e9 / median,
        **dict.fromkeys(("sgemm_gflop_per_s", "sgemm_noisy", "share", "share_q25", "share_q75")),
    }
    if flops is None or product_seconds is None:
        return columns
    columns["sgemm_gflop_per_s"] = product_flops / 1e9 / quartiles(product_seconds)[1]
    columns["sgemm_noisy"] = is_noisy(product_seconds)
    shares = [flops / s * p / product_flops for s, p in zip(seconds, product_seconds, strict=True)]
    columns["share_q25"], columns["share"], columns["share_q75"] = quartiles(shares)
    return columns


def write_timing(results_dir: str | Path, rows: Sequence[TimingRow], *, like_for_like: bool) -> Path:
    """Writes the table of a pass atomically, replacing an earlier one; returns its path."""
    path = Path(results_dir) / TIMING_FILES[like_for_like]
    plain = [dataclasses.asdict(row) | {"config": json.dumps(row.config, sort_keys=True)} for row in rows]
    table = pd.DataFrame(plain, columns=list(TIMING_ABOUT))
    write_atomically(path, table.to_csv(index=False, lineterminator="\n"))
    return path


def load_timing(path: str | Path) -> pd.DataFrame:
    """Reads a table written by `write_timing`.

    Raises:
        FileNotFoundError: `path` does not exist.
        ValueError: a column is missing.
    """
    table = pd.read_csv(path, dtype={"setting": "str"})
    for field in dataclasses.fields(TimingRow):
        if field.name not in table and field.default is not dataclasses.MISSING:
            table[field.name] = field.default  # of a table written before the column existed
    missing = [name for name in TIMING_ABOUT if name not in table]
    if missing:
        raise ValueError(f"{path} lacks the column {missing[0]!r}; measure again with `harness time`")
    return table
