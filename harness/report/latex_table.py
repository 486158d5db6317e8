"""The settings of a results folder as a LaTeX table with the rules of the package booktabs."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from harness.results.repeats import REPEAT_COLUMNS, labelled
from harness.results.store import write_atomically
from harness.results.tables import load_runs, require_runs

_SPECIAL = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{",
    "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}",
    ">": r"\textgreater{}", "|": r"\textbar{}", '"': r"\textquotedbl{}", "`": r"\textasciigrave{}",
    "'": r"\textquotesingle{}", "≈": r"$\approx$", "≤": r"$\le$", "≥": r"$\ge$", "×": r"$\times$",
    "→": r"$\to$", "−": r"$-$", "–": r"\textendash{}",
}  # fmt: skip
"""What a text may hold that LaTeX reads as something else, or that its standard fonts lack."""

HEAD = """\
% Written by `harness export --to latex`. In the preamble: \\usepackage[T1]{fontenc}, \\usepackage{booktabs}.
% n: seeds that ended ok. Accuracy: mean over them, loss and time: median; in brackets the lowest and the
% highest. Solved: how many met the task's threshold on validation data.
"""


def latex_table(runs: pd.DataFrame) -> str:
    """A `tabular` with one row per setting and a rule between tasks; what all rows share is left out.

    Args:
        runs: the rows of `load_runs`; those of the stage `tune` are not in it.
    """
    final = labelled(runs[runs["stage"] != "tune"])
    groups = [group for _, group in final.groupby(list(REPEAT_COLUMNS), sort=False)]
    titles = ["task", "variant", "data", "$T$", "cell", "size", "setting", "$n$", "not ok"]
    titles += [r"accuracy (\%)", "loss", "solved", "time (s)"]
    rows = sorted(groups, key=lambda group: [group[name].iloc[0] for name in ("task", "variant", "seq_len")])
    texts = [_row(group) for group in rows]
    always = {titles.index(name) for name in ("task", "cell", "$n$", r"accuracy (\%)", "loss")}
    kept = [i for i in range(len(titles)) if i in always or len({row[i] for row in texts}) > 1]
    numbers = {"$T$", "$n$", "not ok", r"accuracy (\%)", "loss", "solved", "time (s)"}
    columns = "".join("r" if titles[i] in numbers else "l" for i in kept)
    lines = [rf"\begin{{tabular}}{{@{{}}{columns}@{{}}}}", r"\toprule", _line([titles[i] for i in kept])]
    for _, of_task in itertools.groupby(texts, key=lambda row: row[:3]):
        lines.append(r"\midrule")
        lines += [_line([row[i] for i in kept]) for row in of_task]
    return HEAD + "\n".join([*lines, r"\bottomrule", r"\end{tabular}"]) + "\n"


def write_latex(results_dir: str | Path, out: Path) -> Path:
    """Writes `settings.tex` into `out`, an existing folder, and returns its path.

    Raises:
        FileNotFoundError: the results folder does not exist or holds no finished run.
        NewerSchemaError: a later version of this package wrote one of the rows.
    """
    path = out / "settings.tex"
    write_atomically(path, latex_table(require_runs(load_runs(results_dir), results_dir)))
    return path


def escaped(text: str) -> str:
    r"""A text as LaTeX prints it.

    >>> print(escaped("rnn_relu 100 % ≈ 2^3"))
    rnn\_relu 100 \% $\approx$ 2\textasciicircum{}3
    """
    letters = (_SPECIAL.get(letter, letter) for letter in " ".join(text.split()))
    return "".join(letters).replace("--", "-{}-")


def latex_number(value: float, spec: str) -> str:
    r"""A number, its minus sign and power of ten as in mathematics; a dash where it was not measured.

    >>> print(latex_number(-0.5, ".2f"), latex_number(5.3e-5, ".2g"), latex_number(float("nan"), ".2f"))
    $-$0.50 $5.3 \times 10^{-5}$ --
    """
    if pd.isna(value):
        return "--"
    mantissa, _, power = format(value, spec).partition("e")
    if power:
        return rf"${mantissa} \times 10^{{{int(power)}}}$"
    return mantissa.replace("-", "$-$")


def _row(group: pd.DataFrame) -> list[str]:
    first, ok = group.iloc[0], group[group["status"] == "ok"]
    about = [first["task"], first["variant"], first["data_source"], first["seq_len"], first["label"]]
    about += [str(first["size"]).removeprefix("H = "), first["condition"]]
    accuracy, loss, seconds = (ok[name].astype(float) for name in ("test_accuracy", "test_loss", "train_s"))
    solved = f"{ok['solved_step'].notna().sum()}/{len(ok)}" if group["solved_rule"].notna().any() else "--"
    return [
        *(escaped(str(value)) for value in about),
        str(len(ok)),
        str(len(group) - len(ok)),
        _with_range(100 * accuracy, 100 * accuracy.mean(), ".1f"),
        _with_range(loss, loss.median(), ".3g"),
        solved,
        _with_range(seconds, seconds.median(), ".3g"),
    ]


def _with_range(values: pd.Series, middle: float, spec: str) -> str:
    text = latex_number(middle, spec)
    if values.notna().sum() < 2:
        return text
    return f"{text} [{latex_number(values.min(), spec)}, {latex_number(values.max(), spec)}]"


def _line(texts: Sequence[str]) -> str:
    return " & ".join(texts) + r" \\"
