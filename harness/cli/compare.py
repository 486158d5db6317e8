"""`harness compare A B`: the settings that two results folders share, and what changed in them."""

from __future__ import annotations

import math
import textwrap
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from harness.cli.aligned import aligned
from harness.cli.arguments import counted, existing_results_dir
from harness.cli.terminal import say
from harness.experiment.errors import ConfigError

if TYPE_CHECKING:
    import pandas as pd

    from harness.results.comparison import Comparison, SettingPair

HELP = """\
usage: harness compare A B

Compares the runs of two results folders, setting by setting: what changed beyond the spread of seeds, what is
equal to the digit, and what only one of them has. Settings match when everything in their configs but the
seed is equal; other code, data or versions are named.

keys:
  A  B                             results folders, or files runs.csv

examples:
  harness compare results/before results/after
  harness compare results/laptop/runs.csv results/cluster"""


def main(arguments: list[str]) -> int:
    """Prints the comparison of two results folders."""
    if len(arguments) != 2 or any(argument.startswith("-") for argument in arguments):
        raise ConfigError(f"compare takes two results folders, not {' '.join(arguments)!r}")
    from harness.results.comparison import compare_runs

    a, b = (_runs_of(Path(argument)) for argument in arguments)
    comparison = compare_runs(a, b)
    for letter, path, runs in zip("AB", arguments, (a, b), strict=True):
        tuning, stopped = int((runs["stage"] == "tune").sum()), int((runs["status"] == "interrupted").sum())
        parts = [counted(len(runs), "run"), *([f"{tuning} for tuning"] if tuning else [])]
        parts += [f"{stopped} interrupted, not compared"] if stopped else []
        say(f"{letter}: {path}, {', '.join(parts)}")
    say("\n\n".join(sections(comparison)))
    return 0


def sections(comparison: Comparison) -> list[str]:
    """The parts of the comparison as text: counts, environment, settings in both, those in one, the rule."""
    from harness.results.comparison import RULE

    parts = [_counts(comparison)]
    if comparison.environment:
        lines = [["", "A", "B"]]
        lines += [[name.replace("_", " "), *values] for name, values in comparison.environment.items()]
        parts.append(aligned(lines, range(3)))
    if comparison.pairs:
        parts.append(_table(comparison.pairs))
    for letter, rows in (("A", comparison.only_a), ("B", comparison.only_b)):
        if len(rows):
            parts.append(f"Only in {letter}:\n{_only(rows)}")
    return [*parts, textwrap.fill(RULE, 100)] if comparison.pairs else parts


def _runs_of(path: Path) -> pd.DataFrame:
    from harness.results import load_runs

    if path.is_file():
        if path.suffix != ".csv" or not path.read_text(encoding="utf-8", errors="replace").startswith(
            "run_id,"
        ):
            raise ConfigError(f"compare takes results folders or files runs.csv, not {path}")
    else:
        existing_results_dir("compare", path)
    runs = load_runs(path)
    if runs.empty:
        raise ConfigError(f"no finished runs in {path}")
    return runs


def _counts(comparison: Comparison) -> str:
    from harness.results.comparison import CHANGED, VERDICTS

    found = Counter(pair.verdict for pair in comparison.pairs)
    said = ", ".join(
        f"{found[verdict]} {verdict}" for verdict in VERDICTS if found[verdict] or verdict == CHANGED
    )
    lines = [f"{counted(len(comparison.pairs), 'setting')} in both{f': {said}' if said else ''}"]
    for letter, rows in (("A", comparison.only_a), ("B", comparison.only_b)):
        lines.append(f"{counted(rows['setting'].nunique(), 'setting')} only in {letter}")
    moved = sum(pair.status_changed for pair in comparison.pairs)
    if moved:
        lines.append(f"{counted(moved, 'run')} ended in another status: not ok in one, or in another way")
    return "\n".join(lines)


def _table(pairs: Sequence[SettingPair]) -> str:
    """One line a setting; a column that is empty everywhere is left out."""
    titles = ["", "task", "T", "cell", "size", "setting", "seeds A B shared", "not ok A B"]
    titles += [
        "accuracy % A",
        "B",
        "B − A",
        "loss A",
        "B",
        "B − A",
        "solved A B",
        "train s B/A",
        "differs in",
    ]
    rows = [_row(pair) for pair in pairs]
    kept = [i for i in range(len(titles)) if any(row[i] for row in rows)]
    lines = [[row[i] for i in kept] for row in (titles, *rows)]
    texts = {
        i for i, place in enumerate(kept) if titles[place] in ("", "task", "cell", "setting", "differs in")
    }
    return aligned(lines, texts)


def _row(pair: SettingPair) -> list[str]:
    ok_a, ok_b = (rows[rows["status"] == "ok"] for rows in (pair.a, pair.b))
    lost = [len(pair.a) - len(ok_a), len(pair.b) - len(ok_b)]
    about = pair.about
    measures = []
    for name, scale, spec in (("test_accuracy", 100, ".2f"), ("test_loss", 1, ".4g")):
        difference, half = (scale * value for value in pair.differences[name])
        width = "" if half != half else f" ± {half:{spec}}"
        mark = " *" if name in pair.changed else ""
        measures += [_number(scale * ok_a[name].mean(), spec), _number(scale * ok_b[name].mean(), spec)]
        measures.append(f"{_number(difference, '+' + spec)}{width}{mark}")
    return [
        pair.verdict,
        f"{about['task']} ({about['variant']}), {about['data_source']}",
        str(about["seq_len"]),
        str(about["label"]),
        str(about["size"]).removeprefix("H = "),
        str(about["condition"]),
        f"{len(pair.a)} {len(pair.b)} {pair.shared}",
        f"{lost[0]} {lost[1]}" if any(lost) else "",
        *measures,
        _solved(ok_a, ok_b),
        _number(_ratio(float(ok_b["train_s"].median()), float(ok_a["train_s"].median())), ".2f"),
        pair.origin,
    ]


def _ratio(over: float, under: float) -> float:
    """NaN where it has no value."""
    return over / under if under and math.isfinite(over) else math.nan


def _solved(ok_a: pd.DataFrame, ok_b: pd.DataFrame) -> str:
    """How many seeds met the task's threshold: `3/5 5/5`; empty where it has none."""
    if not ok_a["solved_rule"].notna().any():
        return ""
    return " ".join(f"{rows['solved_step'].notna().sum()}/{len(rows)}" for rows in (ok_a, ok_b))


def _only(rows: pd.DataFrame) -> str:
    lines = []
    for _, group in rows.groupby("setting", sort=False):
        first = group.iloc[0]
        place = f"{first['task']} ({first['variant']}), {first['data_source']}"
        about = [place, f"T = {first['seq_len']}", str(first["label"]), str(first["size"])]
        lines.append(["", *about, str(first["condition"]), f"{counted(len(group), 'seed')}"])
    return aligned(lines, range(6))


def _number(value: float, spec: str) -> str:
    """A number; – where there is none."""
    return "–" if value != value else format(value, spec)
