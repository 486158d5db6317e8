"""usage: python -m tests.bench [PART ...] [pairs=5] [out=results/reference]

Runs the parts (steps ends gradflow measuring scaling tables grids; all of them by default) one after another.
When a part ends, its rows replace its earlier ones in bench.csv, together with the machine, the commit and
the load, and bench.png is drawn again. All parts take one to two hours on 2 otherwise idle cores.
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
    """Runs the parts that the arguments name."""
    if {"-h", "--help"} & set(arguments):
        print(__doc__)
        return
    options = dict(argument.split("=", 1) for argument in arguments if "=" in argument)
    names = [argument for argument in arguments if "=" not in argument] or list(PARTS)
    unknown = (set(names) - set(PARTS)) | (set(options) - {"pairs", "out"})
    if unknown:
        sys.exit(
            f"unknown {', '.join(sorted(unknown))}; parts are {', '.join(PARTS)}, options pairs= and out="
        )
    pairs_text, out = options.get("pairs", "5"), Path(options.get("out", "results/reference"))
    if not pairs_text.isdecimal() or int(pairs_text) < 1:
        sys.exit(f"pairs must be a whole number of at least 1, not {pairs_text}; the usual is 5")
    pairs = int(pairs_text)
    commit_at_start = commit()
    for name in names:
        rows = [machine_row(name), load_row(name, "start")]
        for row in PARTS[name](pairs):
            rows.append(row)
            print_row(row)
        rows.append(load_row(name, "end"))
        if commit() != commit_at_start:
            sys.exit(f"the code changed during the measurement: the rows of {name} are not kept")
        write(out / "bench.csv", name, rows)
        missed = [row for row in rows if row.met is False]
        print(f"{len(rows)} rows in {out / 'bench.csv'}; {len(missed)} targets missed", flush=True)
        draw(read(out / "bench.csv"), out / "bench.png")


def print_row(row: Row) -> None:
    """Prints a row."""
    place = f"{row.cell:5} {row.T or '':>4} {row.H or '':>4} {row.B or '':>4}"
    met = "" if row.met is None else ("ok" if row.met else "MISSED")
    print(
        f"{row.part:10} {row.what:58} {place} {row.value:9.4g} {row.unit:8} {row.target:8} {met}", flush=True
    )


def load_row(part: str, when: str) -> Row:
    """The 1-minute load average of the machine."""
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
