"""A timing pass as text: a table for the terminal, warnings about noise, the load of the machine."""

from __future__ import annotations

import os
from collections.abc import Sequence

import pandas as pd

from harness.timing.table import TimingRow

LEGEND = "Median ± half the interquartile range over rounds; ! if that range exceeds 10 % of the median."


def timing_text(rows: Sequence[TimingRow]) -> str:
    """The pass as a table for the terminal: one line per configuration, `!` after noisy numbers."""
    lines: dict[tuple[str, int], dict[str, str]] = {}
    for row in rows:
        line = lines.setdefault((row.setting, row.seed), {"task": row.task, "cell": row.cell})
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
    """One line for each row whose rounds, or whose matrix product's rounds, are noisy."""
    lines = []
    for row in rows:
        place = f"{row.cell} H={row.hidden_size} T={row.seq_len} B={row.batch_size}"
        if row.noisy:
            lines.append(
                f"noisy: {place} {row.phase}: interquartile range {row.iqr_ms:.3g} ms is "
                f"{row.iqr_ms / row.median_ms:.0%} of the median {row.median_ms:.3g} ms"
            )
        if row.sgemm_noisy and row.phase == "step":
            lines.append(f"noisy: {place}: the matrix product measured with it; its share is inexact")
    return lines


def load_text(rows: Sequence[TimingRow]) -> str:
    """The load average before and after in one line; the pass itself adds about one per thread."""
    start, end = rows[0].load_start, rows[0].load_end
    if start is None or end is None:
        return "load average: not available on this system"
    cores = os.cpu_count() or 1
    return f"load average {start:.2f} before the rounds, {end:.2f} after, on {cores} cores"


def _number(value: float | None, spec: str) -> str:
    return "–" if value is None else spec.format(value)


def _plain(value: float) -> str:
    """Three significant digits, all digits before the point, no exponent."""
    return f"{value:.0f}" if value >= 1000 else f"{float(f'{value:.3g}'):g}"
