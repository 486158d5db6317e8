"""usage: python -m tests.bench [PART ...] [pairs=5] [out=results/reference]

Runs the parts (all without names: steps measuring scaling tables grids) one after the other and writes
bench.csv and bench.png. About 45 minutes on 2 cores that nobody else uses.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import torch

from harness.results.machine import provenance

from .figure import draw
from .parts import PARTS, SHAPES, sgemm_rate
from .rows import Row, write


def main(arguments: list[str]) -> None:
    options = dict(argument.split("=", 1) for argument in arguments if "=" in argument)
    names = [argument for argument in arguments if "=" not in argument] or list(PARTS)
    unknown = (set(names) - set(PARTS)) | (set(options) - {"pairs", "out"})
    if unknown:
        sys.exit(
            f"unknown {', '.join(sorted(unknown))}; parts are {', '.join(PARTS)}, options pairs= and out="
        )
    pairs, out = int(options.get("pairs", 5)), Path(options.get("out", "results/reference"))
    torch.set_num_threads(1)
    rows = list(machine_rows())
    for name in names:
        for row in PARTS[name](pairs):
            rows.append(row)
            print(
                f"{row.part:10} {row.what:58} {row.cell:5} {row.T or '':>4} {row.H or '':>4} "
                f"{row.value:9.4g} {row.unit:8} {row.target:8} {_word(row)}",
                flush=True,
            )
            write(out / "bench.csv", rows)
    if "steps" in names:
        known = provenance()
        draw(
            rows,
            out / "bench.png",
            f"{known['cpu']}, 1 thread, torch {known['torch']}, medians of {pairs} pairs",
        )
    missed = [row for row in rows if row.met is False]
    print(f"{len(rows)} rows in {out / 'bench.csv'}; {len(missed)} targets missed")


def machine_rows() -> list[Row]:
    """The machine, as rows of the table."""
    known = provenance()
    text = (
        f"{known['cpu']}, {os.cpu_count()} cores, torch {known['torch']}, Numba {known['numba']}, "
        f"Python {known['python']}, commit {known['git_commit']}"
    )
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    shape = next(shape for shape in SHAPES if (shape.cell, shape.T, shape.H) == ("rnn", 784, 128))
    return [
        Row(part="machine", what=f"{text}: load average at the start", value=load, unit="runs"),
        Row(part="machine", what="SGEMM", B=100, H=128, value=sgemm_rate(shape), unit="GFLOP/s"),
        Row(part="machine", what="torch threads in steps", value=torch.get_num_threads(), unit="threads"),
    ]


def _word(row: Row) -> str:
    return "" if row.met is None else ("ok" if row.met else "MISSED")


if __name__ == "__main__":
    main(sys.argv[1:])
