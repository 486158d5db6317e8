"""The table of the isolated timing pass: a row a configuration and phase, and what its columns mean."""

from __future__ import annotations

import dataclasses
import json
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from harness.results.store import write_atomically

NOISY = 0.1
"""A measurement is marked when its interquartile range exceeds this share of its median."""

FILES = {False: "timing.csv", True: "timing-like_for_like.csv"}
"""The table of a results folder, by `like_for_like`: times of the two kinds never share one."""


def _column(about: str) -> Any:
    return field(metadata={"about": about})


@dataclass(frozen=True, kw_only=True)
class TimingRow:
    """One phase of one configuration. `None` means: not measured, or not defined for this cell."""

    setting: str = _column("hash of the resolved config without its seed, as in `runs.csv`")
    task: str = _column("name of the task the samples are from")
    variant: str = _column("which definition of the task")
    data_source: str = _column("where the samples come from")
    cell: str = _column("name of the cell")
    hidden_size: int = _column("units in each layer, H")
    num_layers: int = _column("stacked layers")
    dropout: float = _column("dropout between stacked layers")
    seq_len: int = _column("steps in a sequence, T")
    input_size: int = _column("features of a step as the cell sees it, D")
    batch_size: int = _column("sequences in a training step, B")
    seed: int = _column("seed of the samples and of the initial weights")
    lr: float = _column("learning rate")
    optimizer: str = _column("`adam`, `rmsprop` or `sgd`")
    clip: float | None = _column("the gradient norm above which the gradient is scaled down; empty: never")
    n_params: int = _column("trained parameters, head included")
    phase: str = _column(
        "`forward` up to the loss, `backward` of the loss, or the whole `step` (with clipping and optimiser)"
    )
    median_ms: float = _column("milliseconds, median over rounds")
    iqr_ms: float = _column("interquartile range over rounds, `q75_ms` − `q25_ms`")
    q25_ms: float = _column("first quartile")
    q75_ms: float = _column("third quartile")
    noisy: bool = _column("whether the interquartile range exceeds 10 % of the median")
    samples_per_s: float = _column("sequences a second, at the median")
    gflop: float | None = _column(
        "10⁹ operations of the cell's matrix products in this phase; empty where the cell is not a stock one"
    )
    gflop_per_s: float | None = _column("`gflop` a second, at the median")
    sgemm_gflop_per_s: float | None = _column(
        "rate of the matrix product (B × H) · (H × gates·H) alone, median over the same rounds"
    )
    sgemm_noisy: bool | None = _column("`noisy`, of that product")
    share: float | None = _column(
        "rate of the phase ÷ rate of that product, round by round; median. Above 1: the cell does its "
        "products faster than calls of `torch.mm` do"
    )
    share_q25: float | None = _column("first quartile of `share` over rounds")
    share_q75: float | None = _column("third quartile of `share` over rounds")
    peak_rss_mb: float | None = _column(
        "peak resident memory, MiB, of a process of its own that trains this configuration alone for a few "
        "steps: Python, torch and the samples included"
    )
    kernel: str = _column("`fused`, `torch`, or `torch (no oneDNN)` in a like-for-like pass")
    keeps_memory: bool = _column("whether freed memory stayed in the process")
    flush_denormal: bool = _column("whether numbers too small for a normal one counted as 0")
    device: str = _column("`cpu`, `cuda`, …")
    threads: int = _column("torch threads inside one operation")
    rounds: int = _column("visits to the configuration, in turn with the others")
    repetitions: int = _column("training steps of a visit, of which the mean is taken")
    warmup: int = _column("steps before the first round")
    load_start: float | None = _column(
        "load average of the machine over a minute, before the first round; empty where it has none"
    )
    load_end: float | None = _column("the same after the last round; this process alone makes it about 1")
    torch: str = _column("torch version")
    numba: str = _column("Numba version; empty where it is not installed")
    python: str = _column("Python version")
    harness: str = _column("version of this package")
    git_commit: str | None = _column("commit of this package's source, `-dirty` with changes on top")
    cpu: str = _column("processor")
    started_at: str = _column("start of the pass, UTC, ISO 8601")
    config: dict[str, Any] = field(metadata={"about": "the resolved config, as JSON"})


TIMING_ABOUT: dict[str, str] = {f.name: f.metadata["about"] for f in dataclasses.fields(TimingRow)}


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


def measures(
    seconds: Sequence[float],
    samples: int,
    flops: int | None = None,
    product_seconds: Sequence[float] | None = None,
    product_flops: int = 0,
) -> dict[str, Any]:
    """The columns of a row that come from its rounds.

    Args:
        seconds: of the phase, one a round.
        samples: sequences that a phase works on.
        flops: operations of the phase; None: not known.
        product_seconds: of the matrix product, in the same rounds; None: not measured.
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
    """Writes the table of a pass, whole or not at all, in the place of an earlier one; returns its path."""
    path = Path(results_dir) / FILES[like_for_like]
    plain = [dataclasses.asdict(row) | {"config": json.dumps(row.config, sort_keys=True)} for row in rows]
    table = pd.DataFrame(plain, columns=list(TIMING_ABOUT))
    write_atomically(path, table.to_csv(index=False, lineterminator="\n"))
    return path


def load_timing(path: str | Path) -> pd.DataFrame:
    """Reads a table that `write_timing` wrote.

    Raises:
        FileNotFoundError: `path` does not exist.
        ValueError: a column is missing.
    """
    table = pd.read_csv(path, dtype={"setting": "str"})
    missing = [name for name in TIMING_ABOUT if name not in table]
    if missing:
        raise ValueError(f"{path} lacks the column {missing[0]!r}; measure anew with `harness time`")
    return table
