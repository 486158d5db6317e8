"""usage: python -m tests.bench [PART ...] [pairs=5] [out=results/reference]

Runs the parts (steps ends gradflow measuring scaling tables grids; without names all of them) one after the
other. Each writes its rows into bench.csv when it ends, in the place of its earlier ones, and with them the
machine, the commit and the load; bench.png is drawn anew. One to two hours for all, on 2 cores that nobody
else uses.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import torch

from harness.results.machine import provenance

from .figure import draw
from .parts import PARTS
from .rows import Row, read, write
from .whole_grid import ROOT


def main(arguments: list[str]) -> None:
    options = dict(argument.split("=", 1) for argument in arguments if "=" in argument)
    names = [argument for argument in arguments if "=" not in argument] or list(PARTS)
    unknown = (set(names) - set(PARTS)) | (set(options) - {"pairs", "out"})
    if unknown:
        sys.exit(
            f"unknown {', '.join(sorted(unknown))}; parts are {', '.join(PARTS)}, options pairs= and out="
        )
    asked, out = options.get("pairs", "5"), Path(options.get("out", "results/reference"))
    if not asked.isdecimal() or int(asked) < 1:
        sys.exit(f"pairs must be a whole number from 1 on, not {asked}; the usual is 5")
    pairs = int(asked)
    begun = commit()
    for name in names:
        rows = [machine_row(name), load_row(name, "start")]
        for row in PARTS[name](pairs):
            rows.append(row)
            say(row)
        rows.append(load_row(name, "end"))
        if commit() != begun:
            sys.exit(f"the code was changed while it was measured: the rows of {name} are not kept")
        write(out / "bench.csv", name, rows)
        missed = [row for row in rows if row.met is False]
        print(f"{len(rows)} rows in {out / 'bench.csv'}; {len(missed)} targets missed", flush=True)
        draw(read(out / "bench.csv"), out / "bench.png")


def say(row: Row) -> None:
    """Prints a row."""
    place = f"{row.cell:5} {row.T or '':>4} {row.H or '':>4} {row.B or '':>4}"
    met = "" if row.met is None else ("ok" if row.met else "MISSED")
    print(
        f"{row.part:10} {row.what:58} {place} {row.value:9.4g} {row.unit:8} {row.target:8} {met}", flush=True
    )


def load_row(part: str, when: str) -> Row:
    """The load average: how much else the machine had to do."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    return Row(part=part, what=f"load average at the {when}", value=load, unit="runs")


def machine_row(part: str) -> Row:
    """The machine, as a row of the table."""
    known = provenance()
    text = (
        f"{known['cpu']}, torch {known['torch']}, Numba {known['numba']}, Python {known['python']}, "
        f"{os.cpu_count()} cores, commit {commit()}: threads that torch takes by itself"
    )
    return Row(part=part, what=text, value=torch.get_num_threads(), unit="threads")


def commit() -> str:
    """The commit of the whole tree, the bench's own code included, `-dirty` with changes on top."""
    git = ["git", "-C", str(ROOT)]
    head = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    state = subprocess.run(
        [*git, "status", "--porcelain", "--", "harness", "conf", "tests/bench"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if head.returncode or state.returncode:
        return "unknown"
    return head.stdout[:12] + ("-dirty" if state.stdout.strip() else "")


if __name__ == "__main__":
    main(sys.argv[1:])
