"""usage: python -m tests.bench [PART ...] [pairs=5] [out=results/reference]

Runs the parts (all without names: steps ends measuring scaling tables grids) one after the other. Each
writes a table of its own when it ends, bench-PART.csv, which names machine, commit and load; steps also draws
bench.png. About 45 minutes for all on 2 cores that nobody else uses.
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
    for name in names:
        rows = list(machine_rows("start"))
        for row in PARTS[name](pairs):
            rows.append(row)
            say(row)
        rows.append(load_row("end"))
        write(out / f"bench-{name}.csv", rows)
        missed = [row for row in rows if row.met is False]
        print(f"{len(rows)} rows in {out / f'bench-{name}.csv'}; {len(missed)} targets missed")
        if name == "steps":
            known = provenance()
            machine = f"{known['cpu']}, 1 thread, torch {known['torch']}, medians of {pairs} pairs"
            draw(rows, out / "bench.png", machine)


def say(row: Row) -> None:
    """Prints a row."""
    place = f"{row.cell:5} {row.T or '':>4} {row.H or '':>4} {row.B or '':>4}"
    met = "" if row.met is None else ("ok" if row.met else "MISSED")
    print(
        f"{row.part:10} {row.what:58} {place} {row.value:9.4g} {row.unit:8} {row.target:8} {met}", flush=True
    )


def load_row(when: str) -> Row:
    """The load average: how much else the machine had to do."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    return Row(part="machine", what=f"load average at the {when}", value=load, unit="runs")


def machine_rows(when: str) -> list[Row]:
    """The machine, as rows of the table."""
    known = provenance()
    text = (
        f"{known['cpu']}, torch {known['torch']}, Numba {known['numba']}, Python {known['python']}, "
        f"commit {known['git_commit']}: cores"
    )
    shape = next(shape for shape in SHAPES if (shape.cell, shape.T, shape.H) == ("rnn", 784, 128))
    return [
        Row(part="machine", what=text, value=os.cpu_count() or 0, unit="cores"),
        Row(part="machine", what="SGEMM", B=100, H=128, value=sgemm_rate(shape), unit="GFLOP/s"),
        load_row(when),
    ]


if __name__ == "__main__":
    main(sys.argv[1:])
