"""A timing pass in words: a table for the terminal, what was noisy, what else the machine had to do."""

from __future__ import annotations

import os
from collections.abc import Sequence

import pandas as pd

from harness.timing.table import TimingRow

LEGEND = "Median ± half the interquartile range over rounds; ! where that range exceeds 10 % of the median."


def timing_text(rows: Sequence[TimingRow]) -> str:
    """The pass as a table for the terminal: one line a configuration, `!` beside what is noisy."""
    lines: dict[tuple[str, int], dict[str, str]] = {}
    for row in rows:
        at = f"{row.setting}", row.seed
        line = lines.setdefault(at, {"task": row.task, "cell": row.cell})
        line |= {"H": str(row.hidden_size), "T": str(row.seq_len), "B": str(row.batch_size)}
        line["kernel"] = row.kernel
        line[f"{row.phase} ms"] = (
            f"{_plain(row.median_ms)} ± {_plain(row.iqr_ms / 2)}{'!' if row.noisy else ' '}"
        )
        if row.phase == "step":
            line["samples/s"] = f"{row.samples_per_s:.0f}"
            line["GFLOP/s"] = _number(row.gflop_per_s, "{:.1f}")
            line["SGEMM"] = _number(row.sgemm_gflop_per_s, "{:.1f}") + ("!" if row.sgemm_noisy else " ")
            line["share"] = _number(row.share, "{:.0%}")
            line["peak MiB"] = _number(row.peak_rss_mb, "{:.0f}")
    return f"{pd.DataFrame(list(lines.values())).to_string(index=False)}\n{LEGEND}"


def warnings_of(rows: Sequence[TimingRow]) -> list[str]:
    """One line for each row whose rounds, or whose matrix product's, lie far apart."""
    lines = []
    for row in rows:
        place = f"{row.cell} H={row.hidden_size} T={row.seq_len} B={row.batch_size}"
        if row.noisy:
            lines.append(
                f"noisy: {place} {row.phase}: interquartile range {row.iqr_ms:.3g} ms is "
                f"{row.iqr_ms / row.median_ms:.0%} of the median {row.median_ms:.3g} ms"
            )
        if row.sgemm_noisy and row.phase == "step":
            lines.append(f"noisy: {place}: the matrix product beside it; take its share for a rough one")
    return lines


def load_text(rows: Sequence[TimingRow]) -> str:
    """What else the machine had to do, in a line; the pass itself makes a load of about one a thread."""
    start, end = rows[0].load_start, rows[0].load_end
    if start is None or end is None:
        return "load average: this system does not tell"
    cores = os.cpu_count() or 1
    return f"load average {start:.2f} before the rounds, {end:.2f} after, on {cores} cores"


def _number(value: float | None, spec: str) -> str:
    return "–" if value is None else spec.format(value)


def _plain(value: float) -> str:
    """Three digits, more before a point where there are more, and no exponent."""
    return f"{value:.0f}" if value >= 1000 else f"{float(f'{value:.3g}'):g}"
